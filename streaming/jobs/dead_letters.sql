-- Dead letters of every stage, for stewards to query; the topic keeps the whole payload.

CREATE TEMPORARY TABLE dead_letters (
  payload BYTES,
  headers MAP<STRING, BYTES> METADATA VIRTUAL,
  ingest_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  kafka_partition INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL
) WITH (
  'connector' = 'kafka',
  'topic' = {{ dead_letter_topic | literal }},
  'properties.bootstrap.servers' = {{ kafka | literal }},
  'properties.isolation.level' = 'read_committed',
  'properties.group.id' = 'market-job-dead-letters',
  'properties.max.partition.fetch.bytes' = {{ max_message_bytes | literal }},
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
