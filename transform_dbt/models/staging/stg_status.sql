select
    event_id,
    source,
    venue,
    nullif(symbol, '*') as symbol,
    symbol = '*' as is_whole_venue,
    trading_day,
    event_ts,
    status_id,
    status as session_status,
    ingest_ts,
    kafka_topic,
    kafka_partition,
    kafka_offset
from {{ source("raw", "status") }}
