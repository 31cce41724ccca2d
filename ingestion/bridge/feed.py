"""The bridge's side of the websocket feed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ingestion.exceptions import FeedError
from ingestion.protocol import (
    MOST_BATCH,
    VERSION,
    Control,
    Frame,
    FrameError,
    Hello,
    Refusal,
    Replay,
    ReplayEnd,
    Subscribe,
    control_decoder,
    decode_frame,
    encode_control,
)

log = logging.getLogger(__name__)
MOST_FRAME_BYTES = 16 << 20
"""Larger frames are not read at all: the connection closes with code 1009."""
TOO_BIG = 1009
WANTED_BATCH = 2000
WANTED_BYTES = 1 << 20
QUEUE_FRAMES = 8
ANSWER_S = 10.0


@asynccontextmanager
async def open_feed(url: str) -> AsyncIterator[tuple[ClientConnection, Hello]]:
    """Connect and be greeted.

    Raises:
        FeedError: whatever answers is no feed that this bridge understands.
        OSError: nothing answers.
    """
    async with connect(
        url,
        compression=None,
        max_size=MOST_FRAME_BYTES,
        max_queue=QUEUE_FRAMES,
        ping_interval=None,
        open_timeout=ANSWER_S,
        close_timeout=2,
        proxy=None,
    ) as socket:
        hello = parse_control(await asyncio.wait_for(socket.recv(), ANSWER_S))
        if not isinstance(hello, Hello) or hello.protocol != VERSION:
            raise FeedError(f"{url} greets with {hello}; this bridge speaks protocol {VERSION}")
        yield socket, hello


def parse_control(message: str | bytes) -> Control:
    """A control message.

    Raises:
        FeedError: it is none.
    """
    try:
        control: Control = control_decoder.decode(message)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FeedError(f"the feed sent {message[:200]!r}, which is no control message: {error}") from error
    return control


async def subscribe(socket: ClientConnection, positions: dict[str, int]) -> None:
    """Ask for all channels from these positions on."""
    await socket.send(encode_control(Subscribe(dict(positions), min(WANTED_BATCH, MOST_BATCH), WANTED_BYTES)))


def too_big(error: ConnectionClosed) -> bool:
    """Whether the connection was closed because a frame exceeded `MOST_FRAME_BYTES`."""
    return error.sent is not None and error.sent.code == TOO_BIG


class Missed(msgspec.Struct, frozen=True):
    """Why one event could not be had, after it was asked for alone."""

    reason: str
    detail: str
    payload: bytes = b""
    """What was sent in its place, if anything."""


async def replay(url: str, channel: str, first: int, last: int) -> AsyncGenerator[Frame]:
    """The frames of a range, in order; ends early at the first that is not as expected.

    Raises:
        FeedError: the feed refuses the range.
    """
    async with open_feed(url) as (socket, _):
        await socket.send(encode_control(Replay(channel, first, last)))
        expected = first
        async for message in _answers(socket):
            try:
                frame = decode_frame(message)
            except FrameError:
                return
            if (frame.channel, frame.first_seq) != (channel, expected) or frame.next_seq > last + 1:
                return
            expected = frame.next_seq
            yield frame


async def fetch_one(url: str, channel: str, seq: int) -> Frame | Missed:
    """One event by itself, or why it cannot be had."""
    async with open_feed(url) as (socket, _):
        await socket.send(encode_control(Replay(channel, seq, seq, max_batch=1)))
        try:
            async for message in _answers(socket):
                return _judge(message, channel, seq)
        except ConnectionClosed as error:
            if not too_big(error):
                raise
            return Missed("oversized_frame", f"the frame exceeds {MOST_FRAME_BYTES} bytes and was not read")
    return Missed("sequence_gap", "the feed has no event with this sequence number")


def _judge(message: bytes, channel: str, seq: int) -> Frame | Missed:
    try:
        frame = decode_frame(message)
    except FrameError as error:
        return Missed("malformed_frame", str(error), message)
    if (frame.channel, frame.first_seq, frame.size) != (channel, seq, 1):
        claim = f"{frame.channel} {frame.first_seq} to {frame.next_seq - 1}"
        return Missed("malformed_frame", f"the frame claims to hold {claim}, not {channel} {seq}", message)
    return frame


async def _answers(socket: ClientConnection) -> AsyncIterator[bytes]:
    while True:
        message: Any = await asyncio.wait_for(socket.recv(), ANSWER_S)
        if isinstance(message, bytes):
            yield message
            continue
        control = parse_control(message)
        if isinstance(control, Refusal):
            raise FeedError(f"the feed refused a replay: {control.message}")
        if isinstance(control, ReplayEnd):
            return
