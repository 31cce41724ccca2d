import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.protocol import CHANNELS, Frame, FrameError, decode_frame, encode_frame


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no header line"),
        (b"{}", "no header line"),
        (b"{}\n{}", "not a header"),
        (b"\xff\xfe\n{}", "not a header"),
        (b"[" * 100_000 + b"\n", "not a header"),
        (b'{"channel":"news","first_seq":1,"count":1}\n{}', "unknown channel 'news'"),
        (b'{"channel":"trades","first_seq":0,"count":1}\n{}', "from sequence number 0"),
        (b'{"channel":"trades","first_seq":1,"count":0}\n', "counts 0 events"),
        (b'{"channel":"trades","first_seq":1,"count":3}\n{}\n{}', "counts 3 events but the frame holds 2"),
        (b'{"channel":"trades","first_seq":1.5,"count":1}\n{}', "not a header"),
    ],
)
def test_a_frame_that_is_none_is_refused(data, message):
    with pytest.raises(FrameError, match=message):
        decode_frame(data)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_do_worse_than_frame_error(data):
    try:
        decode_frame(data)
    except FrameError:
        return


@given(
    st.sampled_from(CHANNELS),
    st.integers(1, 2**62),
    st.lists(st.binary(max_size=20).filter(lambda event: b"\n" not in event), min_size=1, max_size=8),
    st.integers(0, 8),
)
def test_frames_survive_the_wire_and_skipping(channel, first_seq, events, skipped):
    frame = decode_frame(encode_frame(channel, first_seq, len(events), b"\n".join(events)))
    assert (frame.channel, frame.first_seq, frame.events()) == (channel, first_seq, events)
    if skipped < len(events):
        rest = frame.skip(skipped)
        assert (rest.first_seq, rest.next_seq, rest.events()) == (first_seq + skipped, frame.next_seq, events[skipped:])


def test_a_single_event_may_hold_newlines():
    assert decode_frame(encode_frame("trades", 7, 1, b"a\nb")) == Frame("trades", 7, 1, b"a\nb")
