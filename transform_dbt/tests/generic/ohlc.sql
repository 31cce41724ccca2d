{# Bars whose prices, volume or average contradict each other. #}
{% test ohlc(model) %}
    select *
    from {{ model }}
    where
        low_price > least(open_price, close_price)
        or high_price < greatest(open_price, close_price)
        or vwap not between low_price and high_price
        or low_price <= 0
        or least(volume, notional, trade_count) < 0
{% endtest %}
