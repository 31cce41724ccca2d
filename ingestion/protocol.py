"""The feed's wire format, shared by its server and its clients. `PROTOCOL.md` describes it in full."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

VERSION = 1
CHANNELS = ("trades", "orders", "quotes", "status")
HEARTBEAT_S = 1.0
MOST_BATCH = 10_000
DEFAULT_BATCH = 500
DEFAULT_FRAME_BYTES = 1 << 20


class FrameError(ValueError):
    """A data frame is not what the protocol says; the message says why."""


class Header(msgspec.Struct, frozen=True):
    """First line of a data frame."""

    channel: str
    first_seq: int
    count: int


class Frame(NamedTuple):
    """One data frame, taken apart; `body` holds `size` events, one per line."""

    channel: str
    first_seq: int
    size: int
    body: bytes

    @property
    def next_seq(self) -> int:
        """Sequence number after the frame's last event."""
        return self.first_seq + self.size

    def events(self) -> list[bytes]:
        """The events; a single event may itself hold newlines."""
        return [self.body] if self.size == 1 else self.body.split(b"\n")

    def skip(self, events: int) -> Frame:
        """The frame without its first `events` events."""
        if not events:
            return self
        rest = self.events()[events:]
        return Frame(self.channel, self.first_seq + events, self.size - events, b"\n".join(rest))


class Subscribe(msgspec.Struct, tag_field="op", tag="subscribe", forbid_unknown_fields=True):
    """Asks for channels, each from a sequence number on; null means from now on."""

    channels: dict[str, int | None]
    max_batch: int = DEFAULT_BATCH
    max_frame_bytes: int = DEFAULT_FRAME_BYTES


class Replay(msgspec.Struct, tag_field="op", tag="replay", forbid_unknown_fields=True):
    """Asks for one range of one channel again."""

    channel: str
    from_seq: int
    to_seq: int
    max_batch: int = DEFAULT_BATCH
    max_frame_bytes: int = DEFAULT_FRAME_BYTES


class Hello(msgspec.Struct, tag_field="type", tag="hello"):
    """First frame of every connection."""

    protocol: int
    feed_id: str
    last_seq: dict[str, int]


class Subscribed(msgspec.Struct, tag_field="type", tag="subscribed"):
    """Answers `subscribe`; says where each channel starts."""

    channels: dict[str, int]


class Heartbeat(msgspec.Struct, tag_field="type", tag="heartbeat"):
    """Sent every second: what the feed has, and what this connection was sent of its subscription."""

    ts: str
    last_seq: dict[str, int]
    sent: dict[str, int]


class ReplayEnd(msgspec.Struct, tag_field="type", tag="replay_end"):
    """Ends the answer to `replay`."""

    channel: str
    from_seq: int
    to_seq: int


class Refusal(msgspec.Struct, tag_field="type", tag="error"):
    """A request that was not understood or cannot be met; the connection stays open."""

    code: str
    message: str


Request = Subscribe | Replay
Control = Hello | Subscribed | Heartbeat | ReplayEnd | Refusal

_header = msgspec.json.Decoder(Header)
request_decoder = msgspec.json.Decoder(Request)
control_decoder = msgspec.json.Decoder(Control)


def encode_control(message: Any) -> str:
    """A control message as the text of a frame."""
    return msgspec.json.encode(message).decode()


def encode_frame(channel: str, first_seq: int, count: int, body: bytes) -> bytes:
    """A data frame."""
    return b'{"channel":"%s","first_seq":%d,"count":%d}\n%s' % (channel.encode(), first_seq, count, body)


def decode_frame(data: bytes) -> Frame:
    """Take a data frame apart.

    Raises:
        FrameError: the header line is missing or wrong, or the number of events differs from what it says.
    """
    line, newline, body = data.partition(b"\n")
    if not newline:
        raise FrameError("the frame has no header line")
    try:
        header = _header.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"the header line is not a header: {error}") from error
    if header.channel not in CHANNELS:
        raise FrameError(f"the header names the unknown channel {header.channel!r}")
    if header.first_seq < 1 or header.count < 1:
        raise FrameError(f"the header counts {header.count} events from sequence number {header.first_seq}")
    lines = body.count(b"\n") + 1
    if header.count > 1 and lines != header.count:
        raise FrameError(f"the header counts {header.count} events but the frame holds {lines} lines")
    return Frame(header.channel, header.first_seq, header.count, body)
