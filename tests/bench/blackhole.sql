-- The yardstick: every event is parsed, and goes nowhere.

{% for table in tables %}
CREATE TEMPORARY TABLE {{ ("void_" ~ table.name) | quoted }} (
{% for column, type in void_columns[table.name].items() %}
  {{ column | quoted }} {{ type }}{{ "," if not loop.last }}
{% endfor %}
) WITH ('connector' = 'blackhole');

INSERT INTO {{ ("void_" ~ table.name) | quoted }}
SELECT
{% for column in table.columns %}
  {{ table.expressions[column] }} AS {{ column | quoted }}{{ "," if not loop.last }}
{% endfor %}
FROM {{ void_source }}
WHERE {{ table.name | quoted }} IS NOT NULL;

{% endfor %}
