"""What the bridge tells Prometheus about itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

PREFIX = "tradelake_bridge"
RECEIVED = Counter(f"{PREFIX}_events_received", "Events taken from the feed, without duplicates.", ["channel"])
PRODUCED = Counter(f"{PREFIX}_events_produced", "Events committed to market.raw.")
DEAD = Counter(f"{PREFIX}_events_dead_lettered", "Events sent to market.dlq.", ["reason"])
DUPLICATES = Counter(f"{PREFIX}_events_duplicate", "Events received again and skipped.", ["channel"])
GAPS = Counter(f"{PREFIX}_sequence_gaps", "Times that sequence numbers were missing and asked for again.", ["channel"])
MALFORMED = Counter(f"{PREFIX}_frames_malformed", "Frames that could not be taken apart.")
RESTARTS = Counter(f"{PREFIX}_session_restarts", "Times the feed or Kafka was lost and the session began anew.")
LAG = Gauge(f"{PREFIX}_lag_events", "Events that the feed has and Kafka has not.", ["channel"])
LAST_EVENT = Gauge(f"{PREFIX}_last_event_timestamp_seconds", "When the latest event was committed, Unix time.")
CONNECTED = Gauge(f"{PREFIX}_connected", "1 while subscribed to the feed and able to write to Kafka.")
TRANSACTION = Histogram(
    f"{PREFIX}_transaction_seconds",
    "Time from beginning to committing a Kafka transaction.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
