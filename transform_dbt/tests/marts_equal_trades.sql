-- Per trading day: trades, shares and notional are the same in fct_trades, in the bars and in the daily mart.
with

totals as (
    select
        'fct_trades' as model,
        trading_day,
        count(*) as trades,
        sum(quantity) as shares,
        sum(notional) as notional
    from {{ ref("fct_trades") }}
    group by trading_day
    union all
    select
        'mart_ohlcv_1m' as model,
        trading_day,
        sum(trade_count) as trades,
        sum(volume) as shares,
        sum(notional) as notional
    from {{ ref("mart_ohlcv_1m") }}
    group by trading_day
    union all
    select
        'mart_market_daily' as model,
        trading_day,
        sum(trade_count) as trades,
        sum(volume) as shares,
        sum(notional) as notional
    from {{ ref("mart_market_daily") }}
    group by trading_day
    having sum(trade_count) > 0
)

select
    trading_day,
    trades,
    shares,
    notional,
    array_agg(model) as models
from totals
group by trading_day, trades, shares, notional
having count(*) < 3
