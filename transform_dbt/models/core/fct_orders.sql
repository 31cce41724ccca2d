{{
    config(
        materialized="incremental",
        incremental_strategy="merge_by_day",
        unique_key="order_key",
        properties={"format": "'PARQUET'", "partitioning": "ARRAY['trading_day']"},
    )
}}

{% set new_events = not_yet_loaded("last_event_") %}
{% set new_fills = not_yet_loaded("last_fill_") %}
{% set touched_days = days_where([[ref("stg_orders"), new_events], [ref("stg_trades"), new_fills]]) %}

with

events as (
    select * from {{ ref("stg_orders") }}
    where {{ on_days(touched_days) }}
),

fills as (
    {% for side in ["buy", "sell"] %}
        select
            {{ side }}_order_key as order_key,
            event_ts,
            quantity,
            notional,
            ingest_ts,
            kafka_topic,
            kafka_partition,
            kafka_offset
        from {{ ref("stg_trades") }}
        where {{ on_days(touched_days) }}
        {{ "union all" if not loop.last }}
    {% endfor %}
),

touched as (
    select order_key from events
    where {{ new_events }}
    union distinct
    select order_key from fills
    where {{ new_fills }}
),

steps as (
    select
        *,
        row_number() over (
            partition by order_key order by order_version desc, event_ts desc, kafka_offset desc
        ) as newest_first
    from events
    where order_key in (select touched.order_key from touched)
),

lives as (
    select
        order_key,
        count(*) as event_count,
        max(order_version) as last_version,
        min(event_ts) as placed_at,
        max(event_ts) as last_event_at,
        count_if(order_status = 'replaced') as replace_count,
        min_by(quantity, order_version) as original_quantity,
        min(event_ts) filter (where order_status in ('filled', 'cancelled', 'rejected')) as closed_at,
        max(ingest_ts) as last_event_ingest_ts,
        max_by(kafka_topic, (ingest_ts, kafka_offset)) as last_event_kafka_topic,
        max_by(kafka_partition, (ingest_ts, kafka_offset)) as last_event_kafka_partition,
        max_by(kafka_offset, (ingest_ts, kafka_offset)) as last_event_kafka_offset
    from steps
    group by order_key
),

executions as (
    select
        order_key,
        count(*) as fill_count,
        sum(quantity) as traded_quantity,
        sum(notional) as traded_notional,
        min(event_ts) as first_fill_at,
        max(event_ts) as last_fill_at,
        max(ingest_ts) as last_fill_ingest_ts,
        max_by(kafka_topic, (ingest_ts, kafka_offset)) as last_fill_kafka_topic,
        max_by(kafka_partition, (ingest_ts, kafka_offset)) as last_fill_kafka_partition,
        max_by(kafka_offset, (ingest_ts, kafka_offset)) as last_fill_kafka_offset
    from fills
    where order_key in (select touched.order_key from touched)
    group by order_key
)

select
    steps.order_key,
    {{ security_key("steps.symbol") }} as security_key,
    {{ account_key("steps.account_id") }} as account_key,
    steps.source,
    steps.venue,
    steps.symbol,
    steps.trading_day,
    steps.order_id,
    steps.account_id,
    steps.trader_id,
    steps.broker_id,
    steps.side,
    steps.order_type,
    steps.time_in_force,
    steps.order_status,
    steps.limit_price,
    lives.original_quantity,
    steps.quantity,
    steps.filled_quantity,
    steps.leaves_quantity,
    coalesce(executions.fill_count, 0) as fill_count,
    coalesce(executions.traded_quantity, 0) as traded_quantity,
    coalesce(executions.traded_notional, decimal '0.000000') as traded_notional,
    cast(executions.traded_notional / executions.traded_quantity as decimal(18, 6)) as average_fill_price,
    lives.replace_count,
    lives.event_count,
    lives.last_version,
    lives.event_count = lives.last_version as is_history_complete,
    lives.placed_at,
    executions.first_fill_at,
    executions.last_fill_at,
    lives.last_event_at,
    lives.closed_at,
    lives.last_event_ingest_ts,
    lives.last_event_kafka_topic,
    lives.last_event_kafka_partition,
    lives.last_event_kafka_offset,
    executions.last_fill_ingest_ts,
    executions.last_fill_kafka_topic,
    executions.last_fill_kafka_partition,
    executions.last_fill_kafka_offset
from steps
inner join lives on steps.order_key = lives.order_key
left join executions on steps.order_key = executions.order_key
where steps.newest_first = 1
