{{
    config(
        materialized="incremental",
        incremental_strategy="merge_by_day",
        unique_key=["symbol", "trading_day"],
        properties={"format": "'PARQUET'", "partitioning": "ARRAY['month(trading_day)']"},
    )
}}

{% set traded_days = stale_days(ref("mart_ohlcv_1m"), "sum(trade_count)", "sum(trade_count)") %}
{% set quoted_days = days_where([[ref("stg_quotes"), not_yet_loaded("last_quote_")]]) %}
{% set touched_days = none if traded_days is none else traded_days + quoted_days %}

with

traded as (
    select
        symbol,
        trading_day,
        min_by(open_price, minute_at) as open_price,
        max(high_price) as high_price,
        min(low_price) as low_price,
        max_by(close_price, minute_at) as close_price,
        sum(volume) as volume,
        sum(notional) as notional,
        cast(sum(notional) / sum(volume) as decimal(18, 6)) as vwap,
        sum(trade_count) as trade_count
    from {{ ref("mart_ohlcv_1m") }}
    where {{ on_days(touched_days) }}
    group by symbol, trading_day
),

-- A quote stands until the next one of its venue that day; the day's last one has no known end and weighs nothing.
standing_quotes as (
    select
        symbol,
        trading_day,
        spread,
        mid_price,
        ingest_ts,
        kafka_topic,
        kafka_partition,
        kafka_offset,
        date_diff(
            'millisecond',
            event_ts,
            lead(event_ts) over (
                partition by source, venue, symbol, trading_day order by event_ts, kafka_offset
            )
        ) as stood_ms
    from {{ ref("stg_quotes") }}
    where {{ on_days(touched_days) }}
),

quoted as (
    select
        symbol,
        trading_day,
        count(*) as quote_count,
        -- One-sided and crossed quotes have no spread that anybody could trade on.
        sum(spread * stood_ms) filter (where spread >= 0) as spread_ms,
        sum(mid_price * stood_ms) filter (where spread >= 0) as mid_ms,
        sum(stood_ms) filter (where spread >= 0) as total_ms,
        max(ingest_ts) as last_quote_ingest_ts,
        max_by(kafka_topic, (ingest_ts, kafka_offset)) as last_quote_kafka_topic,
        max_by(kafka_partition, (ingest_ts, kafka_offset)) as last_quote_kafka_partition,
        max_by(kafka_offset, (ingest_ts, kafka_offset)) as last_quote_kafka_offset
    from standing_quotes
    group by symbol, trading_day
)

select
    {{ security_key("coalesce(traded.symbol, quoted.symbol)") }} as security_key,
    coalesce(traded.symbol, quoted.symbol) as symbol,
    coalesce(traded.trading_day, quoted.trading_day) as trading_day,
    traded.open_price,
    traded.high_price,
    traded.low_price,
    traded.close_price,
    coalesce(traded.volume, 0) as volume,
    coalesce(traded.notional, decimal '0.000000') as notional,
    traded.vwap,
    coalesce(traded.trade_count, 0) as trade_count,
    rank() over (
        partition by coalesce(traded.trading_day, quoted.trading_day)
        order by coalesce(traded.notional, decimal '0.000000') desc
    ) as turnover_rank,
    coalesce(quoted.quote_count, 0) as quote_count,
    cast(quoted.spread_ms / nullif(quoted.total_ms, 0) as decimal(18, 6)) as time_weighted_spread,
    cast(quoted.spread_ms * 10000 / nullif(quoted.mid_ms, 0) as decimal(18, 6)) as time_weighted_spread_bps,
    quoted.last_quote_ingest_ts,
    quoted.last_quote_kafka_topic,
    quoted.last_quote_kafka_partition,
    quoted.last_quote_kafka_offset
from traded
full outer join quoted on traded.symbol = quoted.symbol and traded.trading_day = quoted.trading_day
