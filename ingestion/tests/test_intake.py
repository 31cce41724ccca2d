from hypothesis import given
from hypothesis import strategies as st

from governance.contracts import contracts
from ingestion.bridge.batch import DeadLetter
from ingestion.bridge.intake import MOST_EVENTS, Gap, Intake
from ingestion.bridge.validation import Validator
from ingestion.protocol import CHANNELS, Frame
from ingestion.tests.events import event

VALIDATOR = Validator(contracts(), max_event_bytes=1000, max_clock_ahead_s=300)
EVENTS = [event(number=number) if number % 4 else b"broken %d" % number for number in range(1, 31)]


def intake(trades=1):
    return Intake(VALIDATOR, dict.fromkeys(CHANNELS, 1) | {"trades": trades})


def frame(first, last):
    return Frame("trades", first, last - first + 1, b"\n".join(EVENTS[first - 1 : last]))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), max_size=40), st.integers(1, 10))
def test_whatever_comes_each_event_is_taken_once_and_in_order(ranges, start):
    mine = intake(start)
    for first, length in ranges:
        expected = mine.expected["trades"]
        gap = mine.take(frame(first, min(30, first + length)))
        assert gap == (Gap("trades", expected, first - 1) if first > expected else None)
    reached = mine.expected["trades"]
    taken = EVENTS[start - 1 : reached - 1]
    batch = mine.hand_over()
    assert batch.values == [one for one in taken if not one.startswith(b"broken")]
    assert [letter.value for letter in batch.dead] == [one for one in taken if one.startswith(b"broken")]
    assert batch.next_seq == ({"trades": reached} if reached > start else {})
    assert len(batch.keys) == len(batch.values)


def test_keys_are_symbols():
    mine = intake()
    mine.take(Frame("trades", 1, 2, event(symbol="HALO") + b"\n" + event(number=2, symbol="JUNO")))
    assert mine.hand_over().keys == ["HALO", "JUNO"]
    assert not mine.hand_over()


def test_a_dead_letter_in_the_sequence_moves_the_position():
    mine = intake()
    mine.bury(DeadLetter(b"x", "malformed_frame", "", "trades", 1))
    mine.bury(DeadLetter(b"y", "malformed_frame", ""))
    batch = mine.hand_over()
    assert mine.expected["trades"] == 2
    assert batch.next_seq == {"trades": 2}
    assert len(batch.dead) == 2


def test_it_is_full_before_it_is_large():
    mine = intake()
    many = MOST_EVENTS
    mine.take(Frame("trades", 1, many, b"\n".join([event()] * many)))
    assert mine.full
    mine.hand_over()
    assert not mine.full


def test_dead_letters_tell_the_reason_in_headers():
    headers = dict(DeadLetter(b"x", "invalid_json", "y" * 5000, "trades", 7).headers("feed"))
    assert headers["reason"] == b"invalid_json"
    assert headers["stage"] == b"bridge"
    assert (headers["channel"], headers["seq"], headers["feed_id"]) == (b"trades", b"7", b"feed")
    assert len(headers["detail"]) == 1000
