"""Puts arbitrary bytes into the feed, to try out how its readers deal with them.

The exchange takes injections from files, gives each the next sequence number of its channel and records it in the ledger,
so that what was sent can still be counted exactly.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import msgspec

from ingestion.exceptions import FeedError
from ingestion.exchange.ledger import Kind
from ingestion.exchange.ledger_writer import Entry
from ingestion.protocol import CHANNELS

SUFFIX = ".inject"


class _Head(msgspec.Struct):
    channel: str
    kind: int


def inject(directory: Path, channel: str, payload: bytes, kind: Kind = Kind.INJECTED) -> None:
    """Have the exchange in `directory` send `payload` soon.

    Args:
        directory: The exchange's directory, `data/exchange` of a lake.
        channel: Channel whose next sequence number it takes.
        payload: The bytes of one event, or of a whole frame with `Kind.FRAME`.
        kind: How it is sent; see `Kind`.

    Raises:
        FeedError: there is no such channel.
    """
    if channel not in CHANNELS:
        raise FeedError(f"no channel {channel!r}; choose from {', '.join(CHANNELS)}")
    box = directory / "inject"
    box.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{uuid.uuid4().hex}"
    fresh = box / f"{name}.new"
    fresh.write_bytes(msgspec.json.encode(_Head(channel, kind)) + b"\n" + payload)
    fresh.replace(box / f"{name}{SUFFIX}")


def waiting(directory: Path) -> list[tuple[Path, Entry]]:
    """The injections that wait, oldest first; delete each file once its entry is in the ledger."""
    found = []
    for path in sorted((directory / "inject").glob(f"*{SUFFIX}")):
        head, _, payload = path.read_bytes().partition(b"\n")
        decoded = msgspec.json.decode(head, type=_Head)
        found.append((path, Entry(decoded.channel, 1, payload, Kind(decoded.kind))))
    return found
