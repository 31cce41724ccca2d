select
    daily.symbol,
    max(security.security_name) as security_name,
    sum(daily.trade_count) as trade_count,
    sum(daily.volume) as volume,
    sum(daily.notional) as notional,
    sum(daily.notional) / sum(daily.volume) as vwap
from marts.mart_market_daily as daily
left join core.dim_security as security on daily.symbol = security.symbol
where daily.trade_count > 0
group by daily.symbol
order by notional desc
limit 5
