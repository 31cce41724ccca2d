"""Tests of the ingestion room; those marked `integration` run against a real Kafka."""
