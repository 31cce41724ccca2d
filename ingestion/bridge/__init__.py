"""The bridge: carries the exchange's websocket feed into Kafka, exactly once."""
