{#
  Incremental strategy `merge_by_day`: a merge that reads only the trading days its new rows touch, however late they are.

  The new rows are first written to a temporary table (dbt does so for every strategy it does not know), its days are read,
  and they become constants in the ON clause, which Iceberg prunes partitions by. Without new rows nothing is merged.
#}
{% macro get_incremental_merge_by_day_sql(arg_dict) %}
    {% set day = "trading_day" %}
    {% set new_rows = arg_dict["temp_relation"] %}
    {% set days = column_values("select distinct " ~ day ~ " from " ~ new_rows) %}
    {% if not days %}
        {{ return("select 'no new rows'") }}
    {% endif %}
    {% set predicates = (arg_dict["incremental_predicates"] or []) + [
        "DBT_INTERNAL_DEST." ~ day ~ " in (" ~ date_literals(days) ~ ")",
        "DBT_INTERNAL_SOURCE." ~ day ~ " = DBT_INTERNAL_DEST." ~ day,
    ] %}
    {{ return(get_merge_sql(
        arg_dict["target_relation"], new_rows, arg_dict["unique_key"], arg_dict["dest_columns"], predicates
    )) }}
{% endmacro %}
