"""The table of dead letters: what every stage put aside, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.contracts import Field

if TYPE_CHECKING:
    from streaming.settings import StreamingSettings

TABLE = "raw.dead_letters"
DESCRIPTION = "Messages that a stage of the platform could not read or refused, with the reason."


def _text(header: str) -> str:
    return f"DECODE(headers['{header}'], 'UTF-8')"


def columns(streaming: StreamingSettings) -> dict[Field, str]:
    """The columns, each with the SQL that makes it from one message of the dead letters' topic."""
    return {
        Field("reason", "string", "varchar", False, "Short code of what is wrong."): _text("reason"),
        Field("detail", "string", "varchar", False, "Which field or byte, and why."): _text("detail"),
        Field("stage", "string", "varchar", False, "Who put it aside: bridge or router."): _text("stage"),
        Field("channel", "string", "varchar", False, "Channel of the feed it came from, if a bridge saw it."): _text(
            "channel"
        ),
        Field("seq", "integer", "bigint", False, "Its sequence number on that channel."): (
            f"TRY_CAST({_text('seq')} AS BIGINT)"
        ),
        Field("payload", "string", "varbinary", False, "The first bytes of what was received."): (
            f"payload_head(payload, {streaming.dead_letter_head_bytes})"
        ),
        Field("payload_bytes", "integer", "bigint", True, "How many bytes were received in all."): (
            "payload_bytes(payload)"
        ),
        Field("ingest_ts", "timestamp", "timestamp(6) with time zone", True, "When Kafka took the dead letter, UTC."): (
            "CAST(ingest_ts AS TIMESTAMP_LTZ(6))"
        ),
        Field("kafka_partition", "integer", "integer", True, "Partition of the dead letters' topic."): (
            "kafka_partition"
        ),
        Field("kafka_offset", "integer", "bigint", True, "Offset there; it names the whole payload."): "kafka_offset",
    }
