-- Routing: every message goes on byte for byte, to its type's topic or to the dead letters, in one transaction.

CREATE TEMPORARY TABLE routed_events (
  message_key BYTES,
  payload BYTES,
  topic STRING METADATA,
  headers MAP<STRING, BYTES> METADATA
) WITH (
  'connector' = 'kafka',
  'topic' = '{{ routed_topics | join(";") }}',
  'properties.bootstrap.servers' = {{ kafka | literal }},
  'key.format' = 'raw',
  'key.fields' = 'message_key',
  'value.format' = 'raw',
  'value.fields-include' = 'EXCEPT_KEY',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = {{ transactional_id_prefix | literal }},
  'sink.transaction-naming-strategy' = 'POOLING',
  'properties.transaction.timeout.ms' = {{ transaction_timeout_ms | literal }},
  'properties.max.request.size' = {{ max_message_bytes | literal }},
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
