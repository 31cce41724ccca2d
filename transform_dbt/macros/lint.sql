{#
  What lets sqlfluff compile the models without a lake, on the target `lint`: relations are not looked up, and models
  compile as if they had been built before, so that their incremental parts are checked too.
#}
{% macro trino__list_relations_without_caching(relation) %}
    {% if target.name == "lint" %}
        {{ return([]) }}
    {% endif %}
    {{ return(dbt.trino__list_relations_without_caching(relation)) }}
{% endmacro %}

{% macro is_incremental() %}
    {{ return(target.name == "lint" or dbt.is_incremental()) }}
{% endmacro %}
