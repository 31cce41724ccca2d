-- Landing: the first event of each identity becomes a typed row. All copies of an identity come through one Kafka
-- partition, so the first to arrive here is the first by offset.

CREATE CATALOG {{ catalog | quoted }} WITH (
  'type' = 'iceberg',
  'catalog-impl' = 'org.apache.iceberg.jdbc.JdbcCatalog',
  'uri' = {{ catalog_uri | literal }},
  'jdbc.user' = {{ catalog_user | literal }},
  'jdbc.password' = {{ catalog_password | literal }},
  'jdbc.schema-version' = 'V1',
  'init-catalog-tables' = 'false',
  'warehouse' = {{ warehouse | literal }}
);

{% for table in tables %}
INSERT INTO {{ catalog | quoted }}.{{ table.identifier | quoted }} ({{ table.columns | map("quoted") | join(", ") }})
SELECT
{% for column in table.columns %}
  {{ table.expressions[column] }} AS {{ column | quoted }}{{ "," if not loop.last }}
{% endfor %}
FROM first_events
WHERE {{ table.name | quoted }} IS NOT NULL;

{% endfor %}
