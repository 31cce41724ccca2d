{{ config(materialized="table") }}

{% set new_rows = ingested_since("last_ingest_ts") %}

with

mentions as (
    {% for events in [ref("stg_orders"), ref("stg_trades"), ref("stg_quotes"), ref("stg_status")] %}
        select
            symbol,
            event_ts as first_seen_at,
            event_ts as last_seen_at,
            ingest_ts as last_ingest_ts
        from {{ events }}
        where symbol is not null and {{ new_rows }}
        {{ "union all" if not loop.last }}
    {% endfor %}
    {% if has_history() %}
        union all
        select
            symbol,
            first_seen_at,
            last_seen_at,
            last_ingest_ts
        from {{ this }}
        where last_ingest_ts is not null
    {% endif %}
),

observed as (
    select
        symbol,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        max(last_ingest_ts) as last_ingest_ts
    from mentions
    group by symbol
)

select
    {{ security_key("coalesce(reference.symbol, observed.symbol)") }} as security_key,
    coalesce(reference.symbol, observed.symbol) as symbol,
    reference.security_name,
    reference.sector,
    reference.currency,
    reference.primary_venue,
    reference.tick_size,
    reference.lot_size,
    reference.shares_outstanding,
    reference.listed_on,
    reference.symbol is null as is_inferred,
    observed.first_seen_at,
    observed.last_seen_at,
    observed.last_ingest_ts
from {{ ref("securities") }} as reference
full outer join observed on reference.symbol = observed.symbol
