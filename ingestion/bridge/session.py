"""One session of the bridge: from a connection to the feed to the loss of the feed or of Kafka."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import aclosing

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from ingestion.bridge.batch import DeadLetter
from ingestion.bridge.feed import Missed, fetch_one, open_feed, parse_control, replay, subscribe, too_big
from ingestion.bridge.intake import Gap, Intake
from ingestion.bridge.metrics import CONNECTED, GAPS, LAG, MALFORMED
from ingestion.bridge.sink import Sink
from ingestion.bridge.validation import Validator
from ingestion.exceptions import FeedError, FeedRewoundError
from ingestion.protocol import CHANNELS, Frame, FrameError, Heartbeat, Hello, Refusal, decode_frame

log = logging.getLogger(__name__)
BATCH_S = 0.1
SILENCE_S = 10.0
RETRIES = 3
RETRY_S = 0.1


def starting_positions(sink: Sink, hello: Hello) -> dict[str, int]:
    """Where to go on, by what Kafka holds.

    Raises:
        FeedRewoundError: Kafka holds more of this feed than the feed itself.
    """
    known = {channel: position for channel, position in sink.positions.items() if position.feed_id == hello.feed_id}
    if sink.positions and not known:
        log.warning("the feed is a new one (%s): starting from its first event", hello.feed_id)
    positions = {channel: known[channel].next_seq if channel in known else 1 for channel in CHANNELS}
    for channel, seq in positions.items():
        if seq > hello.last_seq[channel] + 1:
            raise FeedRewoundError(
                f"Kafka holds {channel} up to {seq - 1}, but the feed ends at {hello.last_seq[channel]}: the exchange's "
                "ledger lost events; restore data/exchange/ledger, or delete it to begin a new feed"
            )
    return positions


class Session:
    """Carries events from one connection into one sink.

    Args:
        url: Address of the feed, for fetching again what is missing.
        socket: The open connection.
        hello: What the feed greeted with.
        sink: The open sink.
        validator: Tells good events from bad ones.
    """

    def __init__(self, url: str, socket: ClientConnection, hello: Hello, sink: Sink, validator: Validator) -> None:
        self._url = url
        self._socket = socket
        self._feed_id = hello.feed_id
        self._last_seq = hello.last_seq
        self._sink = sink
        self._intake = Intake(validator, starting_positions(sink, hello))
        self._committed = dict(self._intake.expected)
        self._suspects: list[bytes] = []
        """Frames that could not be read and whose place in the sequence is still unknown."""
        self._work = asyncio.Event()
        self._space = asyncio.Event()
        self._ended = False
        self._heard = time.monotonic()

    async def run(self) -> None:
        """Work until the feed or Kafka is lost; what was received by then is committed if Kafka is there.

        Raises:
            IngestionError: going on makes no sense.
            KafkaException: Kafka is lost.
        """
        await subscribe(self._socket, self._intake.expected)
        log.info("subscribed to feed %s from %s", self._feed_id, self._intake.expected)
        CONNECTED.set(1)
        writer = asyncio.create_task(self._write())
        others = [asyncio.create_task(self._read()), asyncio.create_task(self._watch())]
        try:
            await asyncio.wait([writer, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            CONNECTED.set(0)
            for task in others:
                task.cancel()
            results = await asyncio.gather(*others, return_exceptions=True)
            self._ended = True
            self._work.set()
            await writer
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                self._heard = time.monotonic()
                if isinstance(message, bytes):
                    await self._take(message)
                else:
                    await self._obey(message)
        except ConnectionClosed as error:
            if too_big(error):
                await self._pass_oversized()
            log.warning("the feed is gone: %s", error)

    async def _take(self, message: bytes) -> None:
        try:
            frame = decode_frame(message)
        except FrameError as error:
            MALFORMED.inc()
            log.warning("malformed frame of %d bytes: %s", len(message), error)
            self._suspects.append(message)
            return
        if gap := self._intake.take(frame):
            if gap.last > self._last_seq[gap.channel] and not await self._feed_has(gap):
                MALFORMED.inc()
                log.warning(
                    "a frame claims sequence number %d of %s, which the feed does not have", gap.last + 1, gap.channel
                )
                self._suspects.append(message)
                return
            await self._close_gap(gap)
            self._intake.take(frame)
        await self._pace()

    async def _pace(self) -> None:
        self._work.set()
        while self._intake.full:
            self._space.clear()
            await self._space.wait()

    async def _obey(self, message: str) -> None:
        control = parse_control(message)
        if isinstance(control, Refusal):
            raise FeedError(f"the feed refused the subscription: {control.message}")
        if isinstance(control, Heartbeat):
            self._last_seq = control.last_seq
            for channel, sent in control.sent.items():
                if sent >= self._intake.expected[channel]:
                    await self._close_gap(Gap(channel, self._intake.expected[channel], sent))
            for suspect in self._suspects:
                self._intake.bury(DeadLetter(suspect, "malformed_frame", "a frame outside the sequence"))
            self._suspects.clear()
            self._show_lag()
            await self._pace()

    def _show_lag(self) -> None:
        for channel, last in self._last_seq.items():
            LAG.labels(channel).set(max(0, last + 1 - self._committed[channel]))

    async def _feed_has(self, gap: Gap) -> bool:
        """Whether what follows a gap can be genuine: a connection of its own asks how far the feed is now."""
        async with open_feed(self._url) as (_, hello):
            self._last_seq = hello.last_seq
        return gap.last < self._last_seq[gap.channel]

    async def _close_gap(self, gap: Gap) -> None:
        GAPS.labels(gap.channel).inc()
        log.warning("%s %d to %d did not arrive: asking for a replay", gap.channel, gap.first, gap.last)
        while (expected := self._intake.expected[gap.channel]) <= gap.last:
            async with aclosing(replay(self._url, gap.channel, expected, gap.last)) as frames:
                async for frame in frames:
                    self._intake.take(frame)
                    await self._pace()
            if (expected := self._intake.expected[gap.channel]) <= gap.last:
                await self._take_alone(gap.channel, expected)

    async def _take_alone(self, channel: str, seq: int) -> None:
        """Fetch one event by itself; after bounded retries a dead letter stands in for it."""
        answer = await fetch_one(self._url, channel, seq)
        for attempt in range(1, RETRIES):
            if isinstance(answer, Frame):
                break
            await asyncio.sleep(RETRY_S * attempt)
            answer = await fetch_one(self._url, channel, seq)
        if isinstance(answer, Frame):
            self._intake.take(answer)
        else:
            log.error("%s %d is dead-lettered as %s: %s", channel, seq, answer.reason, answer.detail)
            self._bury_missed(channel, seq, answer)
        await self._pace()

    def _bury_missed(self, channel: str, seq: int, missed: Missed) -> None:
        if missed.payload in self._suspects:
            self._suspects.remove(missed.payload)
        notice = {"channel": channel, "seq": seq, "reason": missed.reason, "detail": missed.detail}
        value = missed.payload or json.dumps(notice).encode()
        self._intake.bury(DeadLetter(value, missed.reason, missed.detail, channel, seq))

    async def _pass_oversized(self) -> None:
        """A frame beyond the hard limit ended the connection: find the channel whose turn it was, and step over it."""
        for channel, expected in dict(self._intake.expected).items():
            if expected <= self._last_seq[channel] or await self._feed_has(Gap(channel, expected, expected - 1)):
                await self._take_alone(channel, expected)

    async def _watch(self) -> None:
        while time.monotonic() - self._heard < SILENCE_S:
            await asyncio.sleep(1.0)
        log.warning("the feed has been silent for %g s, without a heartbeat", SILENCE_S)

    async def _write(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            age = time.monotonic() - self._intake.batch.begun
            if not self._ended and not self._intake.full and age < BATCH_S:
                await asyncio.sleep(BATCH_S - age)
            if batch := self._intake.hand_over():
                self._space.set()
                await asyncio.to_thread(self._sink.write, batch, self._feed_id)
                self._committed |= batch.next_seq
            elif self._ended:
                return
            if self._ended or self._intake.batch:
                self._work.set()
