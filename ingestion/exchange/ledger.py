"""The exchange's ledger: every event it sent or is about to send, with its channel, sequence number and exact bytes.

A ledger is a directory of numbered segment files. A segment starts with one line of JSON (the feed's id and the next
sequence number of each channel) and goes on with blocks: a header, then events of one channel, one per line. Blocks are
written before they are sent. A block that a crash cut short is not part of the ledger: readers stop before it, and the
writer removes it when it starts.

Reading needs no lock and works while the exchange writes:

    ledger = Ledger(settings().data / "exchange" / "ledger")
    for event in ledger.events("trades", from_seq=1):
        event.seq, event.payload
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import msgspec

from ingestion.exceptions import LedgerError
from ingestion.protocol import CHANNELS

FORMAT = 1
SUFFIX = ".seg"
CHUNK = 1 << 20
BLOCK = Struct("<IIBBIQ")
"""CRC-32 of all that follows it, length of the payload, kind, channel, count, first sequence number."""
CHECKED = Struct("<IBBIQ")
"""The part of `BLOCK` that the checksum covers, with the payload."""


class Kind(IntEnum):
    """Where a block came from, and what is done with it."""

    EVENTS = 0
    """Published by the simulation."""
    INJECTED = 1
    """One event of arbitrary bytes, put in by a test; sent alone in its frame."""
    FRAME = 2
    """Arbitrary bytes, put in by a test, sent as a whole frame in place of one event."""
    DROPPED = 3
    """One event left out of subscriptions, so that its sequence number is missed; replays have it."""
    LOST = 4
    """One sequence number whose event is never sent."""


class SegmentHeader(msgspec.Struct, frozen=True):
    """First line of a segment."""

    format: int
    feed_id: str
    next_seq: dict[str, int]


class Position(NamedTuple):
    """A place between two blocks."""

    segment: int
    offset: int


class Block(NamedTuple):
    """Consecutive events of one channel, as they were written together."""

    channel: str
    first_seq: int
    size: int
    kind: Kind
    payload: bytes

    @property
    def next_seq(self) -> int:
        """Sequence number after the block's last event."""
        return self.first_seq + self.size

    def events(self) -> list[bytes]:
        """The events' bytes; only a block of several is split at newlines."""
        return [self.payload] if self.size == 1 else self.payload.split(b"\n")


class LedgerEvent(NamedTuple):
    """One event of the ledger."""

    channel: str
    seq: int
    payload: bytes
    kind: Kind


def encode_block(block: Block) -> bytes:
    """A block as it lies in the file."""
    channel = CHANNELS.index(block.channel)
    checked = CHECKED.pack(len(block.payload), block.kind, channel, block.size, block.first_seq)
    return zlib.crc32(block.payload, zlib.crc32(checked)).to_bytes(4, "little") + checked + block.payload


def decode_block(data: bytes, offset: int) -> tuple[Block | None, int]:
    """The block at an offset and the offset after it; None and the bytes needed when it is incomplete.

    A block whose checksum fails is None too: at the ledger's end it is one that is being written.
    """
    if offset + BLOCK.size > len(data):
        return None, BLOCK.size
    crc, length, kind, channel, count, first_seq = BLOCK.unpack_from(data, offset)
    end = offset + BLOCK.size + length
    if end > len(data):
        return None, BLOCK.size + length
    with memoryview(data) as view:
        if zlib.crc32(view[offset + 4 : end]) != crc:
            return None, 0
    return Block(CHANNELS[channel], first_seq, count, Kind(kind), data[offset + BLOCK.size : end]), end


class Ledger:
    """Reads a ledger, also one that is being written.

    Args:
        directory: Where the segments are.

    Raises:
        LedgerError: there is no ledger, or it is damaged.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @cached_property
    def feed_id(self) -> str:
        """Random identity of the feed; another ledger in the same place has another."""
        return self.header(self._some_segments()[0]).feed_id

    def segments(self) -> list[int]:
        """Numbers of the segments, oldest first."""
        return sorted(int(path.stem) for path in self.directory.glob(f"*{SUFFIX}"))

    def path(self, segment: int) -> Path:
        """File of a segment."""
        return self.directory / f"{segment:08d}{SUFFIX}"

    def header(self, segment: int) -> SegmentHeader:
        """First line of a segment."""
        return self._header(segment)[0]

    def start(self, segment: int) -> Position:
        """Position of a segment's first block."""
        return Position(segment, self._header(segment)[1])

    def locate(self, channel: str, seq: int) -> Position:
        """A position at or a little before the block that holds a sequence number."""
        segments = self._some_segments()
        low, high = 0, len(segments) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.header(segments[middle]).next_seq[channel] <= seq:
                low = middle
            else:
                high = middle - 1
        return self.start(segments[low])

    def blocks(self, start: Position | None = None) -> Iterator[Block]:
        """The blocks from a position on, in the order they were written, up to the present end."""
        cursor = self.cursor(start)
        try:
            while batch := cursor.read():
                yield from batch
        finally:
            cursor.close()

    def events(self, channel: str | None = None, from_seq: int = 1) -> Iterator[LedgerEvent]:
        """The events of one channel from a sequence number on, or of all channels, up to the present end."""
        start = None if channel is None else self.locate(channel, from_seq)
        for block in self.blocks(start):
            if channel is not None and (block.channel != channel or block.next_seq <= from_seq):
                continue
            for seq, payload in enumerate(block.events(), start=block.first_seq):
                if seq >= from_seq:
                    yield LedgerEvent(block.channel, seq, payload, block.kind)

    def last_seqs(self) -> dict[str, int]:
        """Last sequence number of each channel; 0 where nothing was published."""
        newest = self._some_segments()[-1]
        last = {name: seq - 1 for name, seq in self.header(newest).next_seq.items()}
        for block in self.blocks(self.start(newest)):
            last[block.channel] = block.next_seq - 1
        return last

    def cursor(self, start: Position | None = None) -> Cursor:
        """A reader that can be asked again as the ledger grows."""
        return Cursor(self, start or self.start(self._some_segments()[0]))

    def _some_segments(self) -> list[int]:
        if segments := self.segments():
            return segments
        raise LedgerError(f"no ledger in {self.directory}; start the exchange (`lake up`) first")

    def _header(self, segment: int) -> tuple[SegmentHeader, int]:
        with self.path(segment).open("rb") as file:
            line = file.readline(4096)
        try:
            header = msgspec.json.decode(line, type=SegmentHeader)
        except msgspec.MsgspecError as error:
            raise LedgerError(f"{self.path(segment)} has no readable first line ({error}); restore the file") from error
        if header.format != FORMAT:
            raise LedgerError(f"{self.path(segment)} has format {header.format}; this release reads {FORMAT}")
        return header, len(line)


class Cursor:
    """A place in a ledger that moves forward as blocks are read."""

    def __init__(self, ledger: Ledger, start: Position) -> None:
        self._ledger = ledger
        self.position = start
        self._file = ledger.path(start.segment).open("rb", buffering=0)

    def read(self) -> list[Block]:
        """The next blocks, about a megabyte of them; none at the present end.

        Raises:
            LedgerError: the ledger is damaged at this place.
        """
        while True:
            closed = self._ledger.path(self.position.segment + 1).exists()
            if (blocks := self._read(CHUNK)) or not closed:
                return blocks
            self._advance()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _read(self, size: int) -> list[Block]:
        self._file.seek(self.position.offset)
        data = self._file.read(size)
        blocks, offset = [], 0
        while (found := decode_block(data, offset))[0] is not None:
            blocks.append(found[0])
            offset = found[1]
        if not blocks and found[1] > size == len(data):
            return self._read(found[1])
        self.position = Position(self.position.segment, self.position.offset + offset)
        return blocks

    def _advance(self) -> None:
        if self.position.offset != Path(self._file.name).stat().st_size:
            raise LedgerError(f"{self._file.name} is damaged at byte {self.position.offset}; restore the file")
        self._file.close()
        self.position = self._ledger.start(self.position.segment + 1)
        self._file = self._ledger.path(self.position.segment).open("rb", buffering=0)
