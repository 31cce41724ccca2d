"""Cuts the ledger's blocks into the frames that a client asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ingestion.exchange.ledger import Block, Kind
from ingestion.protocol import encode_frame

MERGED = (Kind.EVENTS,)


class Framer:
    """Merges small blocks and splits large ones, channel by channel, so that frames keep within a client's limits.

    Args:
        max_batch: Most events in a frame.
        max_bytes: Most bytes of events in a frame; a larger event travels alone.
        replaying: Whether events that subscriptions leave out are sent.
    """

    def __init__(self, max_batch: int, max_bytes: int, *, replaying: bool = False) -> None:
        self._max_batch = max_batch
        self._max_bytes = max_bytes
        self._replaying = replaying

    def frames(self, blocks: Iterable[Block]) -> Iterator[bytes]:
        """The frames of some blocks, each channel in order."""
        pending: dict[str, list[Block]] = {}
        for block in blocks:
            if block.kind not in MERGED:
                yield from self._flush(block.channel, pending)
                yield from self._special(block)
            elif block.size > self._max_batch or len(block.payload) > self._max_bytes:
                yield from self._flush(block.channel, pending)
                yield from self._split(block)
            else:
                if not self._fits(pending.get(block.channel, []), block):
                    yield from self._flush(block.channel, pending)
                pending.setdefault(block.channel, []).append(block)
        for channel in list(pending):
            yield from self._flush(channel, pending)

    def _fits(self, waiting: list[Block], block: Block) -> bool:
        return not waiting or (
            waiting[-1].next_seq == block.first_seq
            and sum(one.size for one in waiting) + block.size <= self._max_batch
            and sum(len(one.payload) + 1 for one in waiting) + len(block.payload) <= self._max_bytes
        )

    def _flush(self, channel: str, pending: dict[str, list[Block]]) -> Iterator[bytes]:
        if waiting := pending.pop(channel, []):
            body = b"\n".join(block.payload for block in waiting)
            yield encode_frame(channel, waiting[0].first_seq, sum(block.size for block in waiting), body)

    def _special(self, block: Block) -> Iterator[bytes]:
        if block.kind == Kind.FRAME:
            yield block.payload
        elif block.kind == Kind.INJECTED or (block.kind == Kind.DROPPED and self._replaying):
            yield encode_frame(block.channel, block.first_seq, 1, block.payload)

    def _split(self, block: Block) -> Iterator[bytes]:
        seq, part, size = block.first_seq, list[bytes](), 0
        for event in block.events():
            if part and (len(part) == self._max_batch or size + len(event) > self._max_bytes):
                yield encode_frame(block.channel, seq, len(part), b"\n".join(part))
                seq, part, size = seq + len(part), [], 0
            part.append(event)
            size += len(event) + 1
        yield encode_frame(block.channel, seq, len(part), b"\n".join(part))


def cut(block: Block, from_seq: int, to_seq: int | None = None) -> Block | None:
    """The part of a block within a range of sequence numbers, or None when there is none."""
    last = block.next_seq - 1 if to_seq is None else min(to_seq, block.next_seq - 1)
    first = max(from_seq, block.first_seq)
    if first > last:
        return None
    if first == block.first_seq and last == block.next_seq - 1:
        return block
    events = block.events()[first - block.first_seq : last - block.first_seq + 1]
    return Block(block.channel, first, len(events), block.kind, b"\n".join(events))
