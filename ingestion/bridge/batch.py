"""What goes to Kafka in one transaction."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

STAGE = "bridge"


@dataclass(frozen=True)
class DeadLetter:
    """An event, or a notice in its place, that cannot go to `market.raw`."""

    value: bytes
    reason: str
    detail: str
    channel: str | None = None
    seq: int | None = None

    def headers(self, feed_id: str) -> list[tuple[str, bytes]]:
        """Kafka headers that tell the reason."""
        known = {
            "reason": self.reason,
            "detail": self.detail[:1000],
            "stage": STAGE,
            "feed_id": feed_id,
            "channel": self.channel,
            "seq": None if self.seq is None else str(self.seq),
        }
        return [(name, text.encode("utf-8", "replace")) for name, text in known.items() if text is not None]


@dataclass
class Batch:
    """Events, dead letters and the positions they lead to."""

    values: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Symbol of each of `values`."""
    dead: list[DeadLetter] = field(default_factory=list)
    next_seq: dict[str, int] = field(default_factory=dict)
    """Position after this batch, of the channels that moved."""
    size_bytes: int = 0
    begun: float = field(default_factory=time.monotonic)

    def __bool__(self) -> bool:
        return bool(self.next_seq or self.dead)
