"""The Flink job that routes, deduplicates and lands market events, and what keeps it running."""
