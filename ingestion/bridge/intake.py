"""Keeps the sequence of each channel: skips what is known, notices what is missing, validates the rest."""

from __future__ import annotations

from typing import NamedTuple

from ingestion.bridge.batch import Batch, DeadLetter
from ingestion.bridge.metrics import DEAD, DUPLICATES, RECEIVED
from ingestion.bridge.validation import Rejection, Validator
from ingestion.protocol import Frame

MOST_EVENTS = 20_000
MOST_BYTES = 16 << 20


class Gap(NamedTuple):
    """Sequence numbers that did not arrive, first and last."""

    channel: str
    first: int
    last: int


class Intake:
    """Turns frames into batches.

    Args:
        validator: Tells good events from bad ones.
        positions: Next sequence number of each channel.
    """

    def __init__(self, validator: Validator, positions: dict[str, int]) -> None:
        self.expected = dict(positions)
        """Next sequence number of each channel."""
        self.batch = Batch()
        self._validator = validator

    @property
    def full(self) -> bool:
        """Whether the batch should go before more is taken."""
        return len(self.batch.values) >= MOST_EVENTS or self.batch.size_bytes >= MOST_BYTES

    def hand_over(self) -> Batch:
        """The batch so far; a new one begins."""
        batch, self.batch = self.batch, Batch()
        return batch

    def take(self, frame: Frame) -> Gap | None:
        """Take a frame, or say what is missing before it (and take nothing)."""
        channel, expected = frame.channel, self.expected[frame.channel]
        if frame.first_seq > expected:
            return Gap(channel, expected, frame.first_seq - 1)
        if known := min(frame.size, expected - frame.first_seq):
            DUPLICATES.labels(channel).inc(known)
            if known == frame.size:
                return None
            frame = frame.skip(known)
        RECEIVED.labels(channel).inc(frame.size)
        symbols = self._validator.symbols(frame.body, frame.size)
        if symbols is None:
            self._take_one_by_one(frame)
        else:
            self.batch.values += frame.events()
            self.batch.keys += symbols
        self.batch.size_bytes += len(frame.body)
        self._move(channel, frame.next_seq)
        return None

    def bury(self, letter: DeadLetter) -> None:
        """Dead-letter something; with a channel and sequence number, the channel moves past it."""
        DEAD.labels(letter.reason).inc()
        self.batch.dead.append(letter)
        self.batch.size_bytes += len(letter.value)
        if letter.channel is not None and letter.seq is not None:
            self._move(letter.channel, letter.seq + 1)

    def _take_one_by_one(self, frame: Frame) -> None:
        for seq, event in enumerate(frame.events(), start=frame.first_seq):
            verdict = self._validator.examine(event)
            if isinstance(verdict, Rejection):
                self.bury(DeadLetter(event, verdict.reason, verdict.detail, frame.channel, seq))
            else:
                self.batch.values.append(event)
                self.batch.keys.append(verdict)

    def _move(self, channel: str, next_seq: int) -> None:
        self.expected[channel] = self.batch.next_seq[channel] = next_seq
