{{
    config(
        materialized="incremental",
        incremental_strategy="merge_by_day",
        unique_key="event_id",
        properties={"format": "'PARQUET'", "partitioning": "ARRAY['trading_day']"},
    )
}}

{% set columns = [
    "event_id", "source", "venue", "symbol", "trading_day", "event_ts", "trade_id", "price", "quantity", "notional",
    "aggressor_side", "buy_order_key", "sell_order_key", "ingest_ts", "kafka_topic", "kafka_partition", "kafka_offset",
] %}
{% set new_trades = not_yet_loaded() %}
{% set orders_found %}
    not has_both_orders and trading_day in (
        select orders.trading_day from {{ ref("fct_orders") }} as orders
        where {{ recently("orders.last_event_ingest_ts", newest("ingest_ts") if is_incremental()) }}
    )
{% endset %}
{% set touched_days = days_where([[ref("stg_trades"), new_trades], [this, orders_found]]) %}

with

orders as (
    select
        order_key,
        account_key,
        account_id,
        broker_id,
        trader_id
    from {{ ref("fct_orders") }}
    where {{ on_days(touched_days) }}
),

trades as (
    select {{ columns | join(", ") }}
    from {{ ref("stg_trades") }}
    where {{ on_days(touched_days) }} and {{ new_trades }}
    {% if is_incremental() %}
        -- An order may land after its trade, by a moment or by days: its trade is then written again.
        union distinct
        select {{ columns | join(", ") }}
        from {{ this }}
        where
            {{ on_days(touched_days) }}
            and not has_both_orders
            and (
                (buy_account_id is null and buy_order_key in (select orders.order_key from orders))
                or (sell_account_id is null and sell_order_key in (select orders.order_key from orders))
            )
    {% endif %}
)

select
    trades.event_id,
    {{ security_key("trades.symbol") }} as security_key,
    trades.source,
    trades.venue,
    trades.symbol,
    trades.trading_day,
    trades.event_ts,
    trades.trade_id,
    trades.price,
    trades.quantity,
    trades.notional,
    trades.aggressor_side,
    trades.buy_order_key,
    buyer.account_key as buy_account_key,
    buyer.account_id as buy_account_id,
    buyer.broker_id as buy_broker_id,
    buyer.trader_id as buy_trader_id,
    trades.sell_order_key,
    seller.account_key as sell_account_key,
    seller.account_id as sell_account_id,
    seller.broker_id as sell_broker_id,
    seller.trader_id as sell_trader_id,
    buyer.order_key is not null and seller.order_key is not null as has_both_orders,
    trades.ingest_ts,
    trades.kafka_topic,
    trades.kafka_partition,
    trades.kafka_offset
from trades
left join orders as buyer on trades.buy_order_key = buyer.order_key
left join orders as seller on trades.sell_order_key = seller.order_key
