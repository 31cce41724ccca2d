{# Values of a query's only column, as strings; empty where dbt does not run queries. #}
{% macro column_values(query) %}
    {% set asked = execute and target.name != "lint" %}
    {{ return(run_query(query).columns[0].values() | map("string") | list if asked else []) }}
{% endmacro %}

{# Days as a list of SQL literals. #}
{% macro date_literals(days) -%}
    {% for day in days | sort %}date '{{ day }}'{{ ", " if not loop.last }}{% endfor %}
{%- endmacro %}

{# Whether this table was built before and may be built upon; `is_incremental` for tables that are replaced whole. #}
{% macro has_history() %}
    {{ return(execute and not should_full_refresh() and load_relation(this) is not none) }}
{% endmacro %}

{# Newest value of a timestamp column of this table, as a literal, from Iceberg's metadata alone; none for an empty table. #}
{% macro newest(column) %}
    {% set partitions = this.incorporate(path={"identifier": this.identifier ~ "$partitions"}) %}
    {% set found = column_values(
        "select cast(max(data." ~ column ~ ".max) at time zone 'UTC' as varchar) from " ~ partitions
    ) %}
    {{ return(found | reject("equalto", "None") | list | first) }}
{% endmacro %}

{# Whether `column` lies after `until`, or within `lookback_hours` before it; true without an `until`. #}
{% macro recently(column, until) -%}
    {% if until %}{{ column }} >= timestamp '{{ until }}' - interval '{{ var("lookback_hours") }}' hour{% else %}true{% endif %}
{%- endmacro %}

{# Condition on rows of raw ingested since `column` of this table was newest, and `lookback_hours` before that. #}
{% macro ingested_since(column) %}
    {{ return(recently("ingest_ts", newest(column) if has_history())) }}
{% endmacro %}

{#
  Condition on rows of raw that this table does not hold yet: beyond the newest Kafka offset it holds of their partition.

  Exact, for Flink commits each partition in the order of its offsets. `prefix` names the four columns in which this table
  keeps a row's coordinates. The condition on ingest time adds nothing but file pruning.
#}
{% macro not_yet_loaded(prefix="") %}
    {% set until = newest(prefix ~ "ingest_ts") if has_history() %}
    {% if not until %}
        {{ return("true") }}
    {% endif %}
    {% set held %}
        select {{ prefix }}kafka_topic, {{ prefix }}kafka_partition, max({{ prefix }}kafka_offset)
        from {{ this }}
        where {{ recently(prefix ~ "ingest_ts", until) }}
        group by 1, 2
    {% endset %}
    {% set beyond_held %}
        case
            {%- for topic, partition, offset in run_query(held).rows %}
            when kafka_topic = '{{ topic }}' and kafka_partition = {{ partition }} then kafka_offset > {{ offset }}
            {%- endfor %}
            else true
        end
    {%- endset %}
    {{ return(recently("ingest_ts", until) ~ " and " ~ beyond_held) }}
{% endmacro %}

{# Trading days of the rows of each [relation, condition] in `parts`, as strings; none, meaning all, for a first build. #}
{% macro days_where(parts) %}
    {% if not has_history() %}
        {{ return(none) }}
    {% endif %}
    {% set query %}
        {%- for relation, condition in parts %}
            select trading_day from {{ relation }} where {{ condition }}
            {{ "union" if not loop.last }}
        {%- endfor %}
    {% endset %}
    {{ return(column_values("select distinct trading_day from (" ~ query ~ ")")) }}
{% endmacro %}

{#
  Trading days whose rows, counted in `relation` by the expression `expected`, are not as many as `held` counts here.

  Counting by partition reads Iceberg's metadata and not the rows, so this finds late rows and repairs gaps at any age.
#}
{% macro stale_days(relation, expected, held) %}
    {% if not has_history() %}
        {{ return(none) }}
    {% endif %}
    {% set query %}
        select expected.trading_day
        from (select trading_day, {{ expected }} as counted from {{ relation }} group by trading_day) as expected
        left join (select trading_day, {{ held }} as counted from {{ this }} group by trading_day) as held
            on expected.trading_day = held.trading_day
        where expected.counted is distinct from held.counted
    {% endset %}
    {{ return(column_values(query)) }}
{% endmacro %}

{# Condition that keeps `days`: all of them for none, no row for an empty list. #}
{% macro on_days(days, column="trading_day") -%}
    {% if days is none %}true{% elif not days %}false{% else %}{{ column }} in ({{ date_literals(days) }}){% endif %}
{%- endmacro %}
