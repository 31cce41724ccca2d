from hypothesis import given
from hypothesis import strategies as st

from ingestion.exchange.framing import Framer, cut
from ingestion.exchange.ledger import Block, Kind
from ingestion.protocol import decode_frame

shapes = st.lists(st.tuples(st.sampled_from(["trades", "orders"]), st.integers(1, 12), st.integers(0, 40)), max_size=25)


def blocks_of(shapes):
    seqs, blocks = {}, []
    for channel, size, length in shapes:
        first = seqs.get(channel, 1)
        seqs[channel] = first + size
        payload = b"\n".join(b"%d" % seq + b"." * length for seq in range(first, first + size))
        blocks.append(Block(channel, first, size, Kind.EVENTS, payload))
    return blocks


@given(shapes, st.integers(1, 15), st.integers(1, 300))
def test_frames_hold_all_events_in_order_within_the_limits(shapes, max_batch, max_bytes):
    blocks = blocks_of(shapes)
    got: dict[str, list[bytes]] = {}
    for data in Framer(max_batch, max_bytes).frames(blocks):
        frame = decode_frame(data)
        assert frame.first_seq == len(got.get(frame.channel, [])) + 1
        assert frame.size <= max_batch
        assert frame.size == 1 or len(frame.body) <= max_bytes + 1
        got.setdefault(frame.channel, []).extend(frame.events())
    wanted: dict[str, list[bytes]] = {}
    for block in blocks:
        wanted.setdefault(block.channel, []).extend(block.events())
    assert got == wanted


def test_special_blocks_travel_alone():
    blocks = [
        Block("trades", 1, 1, Kind.EVENTS, b"a"),
        Block("trades", 2, 1, Kind.INJECTED, b"b\nc"),
        Block("trades", 3, 1, Kind.FRAME, b"junk"),
        Block("trades", 4, 1, Kind.DROPPED, b"d"),
        Block("trades", 5, 1, Kind.LOST, b"e"),
        Block("trades", 6, 1, Kind.EVENTS, b"f"),
    ]
    live = list(Framer(500, 1000).frames(blocks))
    assert live[2] == b"junk"
    assert [decode_frame(data)[1:] for data in live if data != b"junk"] == [(1, 1, b"a"), (2, 1, b"b\nc"), (6, 1, b"f")]
    again = list(Framer(500, 1000, replaying=True).frames(blocks))
    assert (4, 1, b"d") in [decode_frame(data)[1:] for data in again if data != b"junk"]


def test_cut_keeps_what_lies_in_the_range():
    block = Block("trades", 10, 4, Kind.EVENTS, b"a\nb\nc\nd")
    assert cut(block, 1) is block
    assert cut(block, 12) == Block("trades", 12, 2, Kind.EVENTS, b"c\nd")
    assert cut(block, 1, 11) == Block("trades", 10, 2, Kind.EVENTS, b"a\nb")
    assert cut(block, 14) is None
    assert cut(block, 1, 9) is None
