-- The market job, rendered from the data contracts by streaming/rendering.py. A view is planned once, however many
-- statements read it: that is what makes the source be read, and each payload be parsed, once.

CREATE TEMPORARY TABLE raw_events (
  message_key BYTES,
  payload BYTES,
  ingest_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  kafka_partition INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL
) WITH (
  'connector' = 'kafka',
  'topic' = '{{ raw_topic }}',
  'properties.bootstrap.servers' = '{{ kafka }}',
  'properties.isolation.level' = 'read_committed',
  'properties.group.id' = 'market-job',
  'scan.startup.mode' = 'earliest-offset',
{% if bounded %}
  'scan.bounded.mode' = 'latest-offset',
{% endif %}
  'key.format' = 'raw',
  'key.fields' = 'message_key',
  'value.format' = 'raw',
  'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TEMPORARY FUNCTION parse_event AS 'tradelake.ParseEvent' LANGUAGE JAVA;

CREATE TEMPORARY VIEW parsed AS
SELECT
  r.message_key,
  r.payload,
  r.ingest_ts,
  r.kafka_partition,
  r.kafka_offset,
  e.*
FROM raw_events AS r, LATERAL TABLE(parse_event(r.payload, r.ingest_ts, {{ spec }})) AS e;

{% if route %}
-- Routing: every message goes on byte for byte, to its type's topic or to the dead letters, in one transaction.

CREATE TEMPORARY TABLE routed_events (
  message_key BYTES,
  payload BYTES,
  topic STRING METADATA,
  headers MAP<STRING, BYTES> METADATA
) WITH (
  'connector' = 'kafka',
  'topic' = '{{ routed_topics | join(";") }}',
  'properties.bootstrap.servers' = '{{ kafka }}',
  'key.format' = 'raw',
  'key.fields' = 'message_key',
  'value.format' = 'raw',
  'value.fields-include' = 'EXCEPT_KEY',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'market-router',
  'sink.transaction-naming-strategy' = 'POOLING',
  'properties.transaction.timeout.ms' = '{{ transaction_timeout_ms }}',
  'properties.max.request.size' = '{{ max_message_bytes }}',
  'properties.compression.type' = 'lz4',
  'properties.linger.ms' = '20',
  'properties.batch.size' = '262144'
);

INSERT INTO routed_events
SELECT
  message_key,
  payload,
  topic,
  CASE
    WHEN reason IS NULL THEN CAST(NULL AS MAP<STRING, BYTES>)
    ELSE MAP[
      'reason', ENCODE(reason, 'UTF-8'),
      'detail', ENCODE(detail, 'UTF-8'),
      'stage', CAST('router' AS BYTES),
      'kafka_topic', CAST('{{ raw_topic }}' AS BYTES),
      'kafka_partition', ENCODE(CAST(kafka_partition AS STRING), 'UTF-8'),
      'kafka_offset', ENCODE(CAST(kafka_offset AS STRING), 'UTF-8')
    ]
  END
FROM parsed;

{% endif %}
{% if land %}
-- Landing: the first event of each identity becomes a typed row. All copies of an identity come through one Kafka
-- partition, so the first to arrive here is the first by offset.

CREATE CATALOG {{ catalog | quoted }} WITH (
  'type' = 'iceberg',
  'catalog-impl' = 'org.apache.iceberg.jdbc.JdbcCatalog',
  'uri' = '{{ catalog_uri }}',
  'jdbc.user' = '{{ catalog_user }}',
  'jdbc.password' = '{{ catalog_password }}',
  'jdbc.schema-version' = 'V1',
  'init-catalog-tables' = 'false',
  'warehouse' = '{{ warehouse }}'
);

CREATE TEMPORARY VIEW events AS
SELECT
  ingest_ts,
  kafka_partition,
  kafka_offset,
{% for table in tables %}
  {{ table.name | quoted }}{{ "," if not loop.last }}
{% endfor %}
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY id_hi, id_lo ORDER BY PROCTIME()) AS copy
  FROM parsed
  WHERE reason IS NULL
)
WHERE copy = 1;

{% for table in tables %}
INSERT INTO {{ catalog | quoted }}.{{ table.identifier | quoted }} ({{ table.columns | map("quoted") | join(", ") }})
SELECT
{% for column in table.columns %}
  {{ table.expressions[column] }} AS {{ column | quoted }}{{ "," if not loop.last }}
{% endfor %}
FROM events
WHERE {{ table.name | quoted }} IS NOT NULL;

{% endfor %}
-- Dead letters of every stage, for stewards to query; the topic keeps the whole payload.

CREATE TEMPORARY TABLE dead_letters (
  payload BYTES,
  headers MAP<STRING, BYTES> METADATA VIRTUAL,
  ingest_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  kafka_partition INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL
) WITH (
  'connector' = 'kafka',
  'topic' = '{{ dead_letter_topic }}',
  'properties.bootstrap.servers' = '{{ kafka }}',
  'properties.isolation.level' = 'read_committed',
  'properties.group.id' = 'market-job-dead-letters',
  'properties.max.partition.fetch.bytes' = '{{ max_message_bytes }}',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'raw'
);

CREATE TEMPORARY FUNCTION payload_head AS 'tradelake.PayloadHead' LANGUAGE JAVA;
CREATE TEMPORARY FUNCTION payload_bytes AS 'tradelake.PayloadBytes' LANGUAGE JAVA;

INSERT INTO {{ catalog | quoted }}.{{ dead_letter_table | quoted }} ({{ dead_letter_columns | map("quoted") | join(", ") }})
SELECT
{% for column, expression in dead_letter_columns.items() %}
  {{ expression }} AS {{ column | quoted }}{{ "," if not loop.last }}
{% endfor %}
FROM dead_letters;
{% endif %}
