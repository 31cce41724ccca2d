{#
  dbt-trino fills a table under contract in two statements, so that readers see it empty in between, and keep seeing it so
  when the second one fails. Here the contract is checked first and the table then appears, or is replaced, at once.
#}
{% macro trino__create_table_as(temporary, relation, sql, on_exists=none) -%}
    {%- set columns_checked = get_assert_columns_equivalent(sql) if config.get("contract").enforced -%}
    create {{ "or replace" if on_exists == "replace" }} table {{ relation }}
    {{ comment(model.get("description")) }}
    {{ properties(temporary) }}
    as (
        {{ get_select_subquery(sql) if config.get("contract").enforced else sql }}
    )
{%- endmacro %}
