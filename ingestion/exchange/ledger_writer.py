"""The one process that appends to a ledger."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingestion.exceptions import LedgerError
from ingestion.exchange.ledger import FORMAT, Block, Kind, Ledger, Position, SegmentHeader, encode_block
from ingestion.protocol import CHANNELS

SEGMENT_BYTES = 64 << 20


class Entry(NamedTuple):
    """What to append: events of one channel, one per line, still without sequence numbers."""

    channel: str
    size: int
    payload: bytes
    kind: Kind = Kind.EVENTS


class LedgerWriter:
    """Appends to a ledger; makes it if there is none, and removes what a crash left half written.

    A block is in the operating system's hands when `append` returns, so it survives the death of the process.

    Args:
        directory: Where the segments are.
        segment_bytes: Size after which a new segment begins.

    Raises:
        LedgerError: another process writes this ledger, or the disk refuses.
    """

    def __init__(self, directory: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(directory)
        self._segment_bytes = segment_bytes
        self._lock = self._take_lock(directory / "lock")
        self._file = -1
        if not self.ledger.segments():
            self.last_seq = dict.fromkeys(CHANNELS, 0)
            self._feed_id = secrets.token_hex(16)
            self._begin_segment(1)
        else:
            self._feed_id = self.ledger.feed_id
            self._recover()

    @property
    def position(self) -> Position:
        """Where the next block goes."""
        return Position(self._segment, self._offset)

    def append(self, entries: Iterable[Entry]) -> list[Block]:
        """Give the entries their sequence numbers and write them.

        Raises:
            LedgerError: the disk refused; nothing was appended.
        """
        blocks, last_seq = [], dict(self.last_seq)
        for entry in entries:
            blocks.append(Block(entry.channel, last_seq[entry.channel] + 1, entry.size, entry.kind, entry.payload))
            last_seq[entry.channel] += entry.size
        if blocks:
            if self._offset >= self._segment_bytes:
                self._begin_segment(self._segment + 1)
            self._write(b"".join(map(encode_block, blocks)))
            self.last_seq = last_seq
        return blocks

    def close(self) -> None:
        """Let another process write."""
        os.close(self._file)
        os.close(self._lock)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            os.ftruncate(self._file, self._offset)
            raise LedgerError(
                f"cannot append to {self.ledger.path(self._segment)}: {error}; make room on the disk"
            ) from error
        self._offset += len(data)

    def _begin_segment(self, segment: int) -> None:
        header = SegmentHeader(FORMAT, self._feed_id, {name: seq + 1 for name, seq in self.last_seq.items()})
        path = self.ledger.path(segment)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(header) + b"\n")
        fresh.replace(path)
        self._open(segment, path.stat().st_size)

    def _recover(self) -> None:
        newest = self.ledger.segments()[-1]
        last = {name: seq - 1 for name, seq in self.ledger.header(newest).next_seq.items()}
        cursor = self.ledger.cursor(self.ledger.start(newest))
        try:
            while blocks := cursor.read():
                last |= {block.channel: block.next_seq - 1 for block in blocks}
        finally:
            cursor.close()
        self.last_seq = last
        self._open(newest, cursor.position.offset)
        os.ftruncate(self._file, self._offset)

    def _open(self, segment: int, offset: int) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._segment, self._offset = segment, offset
        self._file = os.open(self.ledger.path(segment), os.O_WRONLY | os.O_APPEND)

    @staticmethod
    def _take_lock(path: Path) -> int:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise LedgerError(
                f"another exchange writes the ledger in {path.parent}; stop it, or choose another LAKE_HOME"
            ) from error
        return lock
