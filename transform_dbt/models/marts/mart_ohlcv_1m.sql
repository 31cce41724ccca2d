{{
    config(
        materialized="incremental",
        incremental_strategy="merge_by_day",
        unique_key=["symbol", "minute_at"],
        properties={"format": "'PARQUET'", "partitioning": "ARRAY['trading_day']"},
    )
}}

{% set touched_days = stale_days(ref("fct_trades"), "count(*)", "sum(trade_count)") %}

with

bars as (
    select
        security_key,
        symbol,
        trading_day,
        date_trunc('minute', event_ts) as minute_at,
        -- Trades of one microsecond count in the order in which the venue published them.
        min_by(price, (event_ts, kafka_offset, event_id)) as open_price,
        max(price) as high_price,
        min(price) as low_price,
        max_by(price, (event_ts, kafka_offset, event_id)) as close_price,
        sum(quantity) as volume,
        sum(notional) as notional,
        cast(sum(notional) / sum(quantity) as decimal(18, 6)) as vwap,
        count(*) as trade_count,
        min(event_ts) as first_trade_at,
        max(event_ts) as last_trade_at
    from {{ ref("fct_trades") }}
    where {{ on_days(touched_days) }}
    group by security_key, symbol, trading_day, date_trunc('minute', event_ts)
)

select bars.*
from bars
{% if is_incremental() %}
    left join {{ this }} as held
        on
            bars.trading_day = held.trading_day
            and bars.symbol = held.symbol
            and bars.minute_at = held.minute_at
            and {{ on_days(touched_days, "held.trading_day") }}
    where bars.trade_count is distinct from held.trade_count
{% endif %}
