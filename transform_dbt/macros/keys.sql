{# Key of a dimension or an order: MD5, in hex, of its natural key, so that facts need no look-up and rebuilds agree. #}
{% macro surrogate_key(columns) -%}
    lower(to_hex(md5(to_utf8(concat_ws(chr(31), {% for column in columns %}cast({{ column }} as varchar){{ ", " if not loop.last }}{% endfor %})))))
{%- endmacro %}

{# An order id is unique within its venue, security and trading day. #}
{% macro order_key(order_id) -%}
    {{ surrogate_key(["source", "venue", "symbol", "trading_day", order_id]) }}
{%- endmacro %}

{% macro security_key(symbol="symbol") -%}
    {{ surrogate_key([symbol]) }}
{%- endmacro %}

{# Null for an account that is not known. #}
{% macro account_key(account_id="account_id") -%}
    case when {{ account_id }} is not null then {{ surrogate_key([account_id]) }} end
{%- endmacro %}
