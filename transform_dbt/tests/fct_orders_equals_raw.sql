-- Per trading day: steps counted into fct_orders against the order events of raw, up to the newest offset that
-- fct_orders holds of each Kafka partition, for more may have landed since.
with

held as (
    select
        last_event_kafka_topic,
        last_event_kafka_partition,
        max(last_event_kafka_offset) as newest_offset
    from {{ ref("fct_orders") }}
    group by last_event_kafka_topic, last_event_kafka_partition
),

landed as (
    select
        stg_orders.trading_day,
        count(*) as steps,
        count(distinct stg_orders.order_key) as orders
    from {{ ref("stg_orders") }} as stg_orders
    inner join held
        on
            stg_orders.kafka_topic = held.last_event_kafka_topic
            and stg_orders.kafka_partition = held.last_event_kafka_partition
    where stg_orders.kafka_offset <= held.newest_offset
    group by stg_orders.trading_day
),

built as (
    select
        trading_day,
        sum(event_count) as steps,
        count(*) as orders
    from {{ ref("fct_orders") }}
    group by trading_day
)

select
    coalesce(landed.trading_day, built.trading_day) as trading_day,
    landed.steps as landed_steps,
    built.steps as built_steps,
    landed.orders as landed_orders,
    built.orders as built_orders
from landed
full outer join built on landed.trading_day = built.trading_day
where landed.steps is distinct from built.steps or landed.orders is distinct from built.orders
