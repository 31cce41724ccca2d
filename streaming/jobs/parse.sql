-- Every event of the raw topic, parsed. A view is planned once, however many statements read it: that is what makes
-- the source be read, and each payload be parsed, once.

CREATE TEMPORARY TABLE raw_events (
  message_key BYTES,
  payload BYTES,
  ingest_ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  kafka_partition INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL
) WITH (
  'connector' = 'kafka',
  'topic' = {{ raw_topic | literal }},
  'properties.bootstrap.servers' = {{ kafka | literal }},
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

KEEP FIRST OF parsed AS first_events FOR {{ dedupe_window_ms }} MS;
