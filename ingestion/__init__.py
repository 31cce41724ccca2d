"""Getting market data in: the exchange simulator, its websocket feed, and the bridge to Kafka."""
