"""A simulated exchange: order books, order flow, a ledger of every event, and the websocket feed that serves it."""
