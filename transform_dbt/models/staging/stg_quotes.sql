select
    event_id,
    source,
    venue,
    symbol,
    trading_day,
    event_ts,
    quote_id,
    bid_price,
    bid_quantity,
    ask_price,
    ask_quantity,
    ask_price - bid_price as spread,
    cast((ask_price + bid_price) / 2 as decimal(18, 6)) as mid_price,
    ingest_ts,
    kafka_topic,
    kafka_partition,
    kafka_offset
from {{ source("raw", "quotes") }}
