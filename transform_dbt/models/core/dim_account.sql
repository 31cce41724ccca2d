{{ config(materialized="table") }}

with

mentions as (
    select
        account_id,
        event_ts as first_seen_at,
        event_ts as last_seen_at,
        ingest_ts as last_ingest_ts
    from {{ ref("stg_orders") }}
    where {{ ingested_since("last_ingest_ts") }}
    {% if has_history() %}
        union all
        select
            account_id,
            first_seen_at,
            last_seen_at,
            last_ingest_ts
        from {{ this }}
        where last_ingest_ts is not null
    {% endif %}
),

observed as (
    select
        account_id,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        max(last_ingest_ts) as last_ingest_ts
    from mentions
    group by account_id
)

select
    {{ account_key("coalesce(reference.account_id, observed.account_id)") }} as account_key,
    coalesce(reference.account_id, observed.account_id) as account_id,
    reference.account_name,
    reference.account_type,
    reference.desk,
    reference.country,
    reference.risk_rating,
    reference.opened_on,
    reference.broker_id,
    brokers.broker_name,
    reference.trader_id,
    traders.trader_name,
    reference.account_id is null as is_inferred,
    observed.first_seen_at,
    observed.last_seen_at,
    observed.last_ingest_ts
from {{ ref("accounts") }} as reference
full outer join observed on reference.account_id = observed.account_id
left join {{ ref("brokers") }} as brokers on reference.broker_id = brokers.broker_id
left join {{ ref("traders") }} as traders on reference.trader_id = traders.trader_id
