-- Per trading day: trades, shares and notional of fct_trades against raw, up to the newest offset that fct_trades holds
-- of each Kafka partition, for more may have landed since. A difference that stays after `dbt build` needs
-- `dbt build --full-refresh -s fct_orders+`: topics were made anew, and offsets began again.
with

held as (
    select
        kafka_topic,
        kafka_partition,
        max(kafka_offset) as newest_offset
    from {{ ref("fct_trades") }}
    group by kafka_topic, kafka_partition
),

landed as (
    select
        stg_trades.trading_day,
        count(*) as trades,
        sum(stg_trades.quantity) as shares,
        sum(stg_trades.notional) as notional
    from {{ ref("stg_trades") }} as stg_trades
    inner join held
        on stg_trades.kafka_topic = held.kafka_topic and stg_trades.kafka_partition = held.kafka_partition
    where stg_trades.kafka_offset <= held.newest_offset
    group by stg_trades.trading_day
),

built as (
    select
        trading_day,
        count(*) as trades,
        sum(quantity) as shares,
        sum(notional) as notional
    from {{ ref("fct_trades") }}
    group by trading_day
)

select
    coalesce(landed.trading_day, built.trading_day) as trading_day,
    landed.trades as landed_trades,
    built.trades as built_trades,
    landed.shares as landed_shares,
    built.shares as built_shares,
    landed.notional as landed_notional,
    built.notional as built_notional
from landed
full outer join built on landed.trading_day = built.trading_day
where
    landed.trades is distinct from built.trades
    or landed.shares is distinct from built.shares
    or landed.notional is distinct from built.notional
