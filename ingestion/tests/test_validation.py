import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.contracts import contracts
from ingestion.bridge.validation import Rejection, Validator, struct_of
from ingestion.tests.events import OWN, event

VALIDATOR = Validator(contracts(), max_event_bytes=100_000, max_clock_ahead_s=300)

GOOD = [
    *(event(kind) for kind in OWN),
    event("order", order_type="market", price=...),
    event("order", order_type="market", price=None),
    event("quote", bid_price=..., bid_quantity=...),
    event("status", symbol="*"),
    event(price="0.000001"),
    event(price="999999999999.999999"),
    event(symbol="RVBK.B"),
    event(note="späte Meldung", nested={"a": [1, 2.5, None]}),
    event(event_ts="2024-02-29T23:59:59.999999Z"),
]
BAD = [
    (b'{"type":"trade"', "invalid_json"),
    (b"", "invalid_json"),
    (b"[]", "invalid_json"),
    (b"null", "invalid_json"),
    (event() + event(), "invalid_json"),
    (event().replace(b'"101.25"', b"NaN"), "invalid_json"),
    (event().replace(b": 100,", b": Infinity,"), "invalid_json"),
    (b"\xff" + event(), "invalid_utf8"),
    (event(note="x").replace(b'"x"', b'"\xc3\x28"'), "invalid_utf8"),
    (b'{"a":' * 90_00 + b"1" + b"}" * 90_00, "nesting_too_deep"),
    (event(note="x" * 100_000), "oversized_event"),
    (event(type="news"), "unknown_type"),
    (event(type=7), "unknown_type"),
    (event(type=...), "unknown_type"),
    (b"{}", "unknown_type"),
    (event(price=101.25), "contract_violation"),
    (event(price="NaN"), "contract_violation"),
    (event(price="Infinity"), "contract_violation"),
    (event(price="-1"), "contract_violation"),
    (event(price="0"), "contract_violation"),
    (event(price="0.00"), "contract_violation"),
    (event(price="1.0000001"), "contract_violation"),
    (event(price="1000000000000"), "contract_violation"),
    (event(price="1e3"), "contract_violation"),
    (event(price="\uff11"), "contract_violation"),
    (event(price="1\n"), "contract_violation"),
    (event(price=...), "contract_violation"),
    (event(price=None), "contract_violation"),
    (event(quantity=-5), "contract_violation"),
    (event(quantity=0), "contract_violation"),
    (event(quantity=1.5), "contract_violation"),
    (event(quantity="100"), "contract_violation"),
    (event(quantity=True), "contract_violation"),
    (event(quantity=10**30), "contract_violation"),
    (event(aggressor_side="both"), "contract_violation"),
    (event(event_id="XYZ"), "contract_violation"),
    (event(event_id="F" * 32), "contract_violation"),
    (event(event_id=f"{1:032x}\n{2:032x}"), "contract_violation"),
    (event(venue="aurx"), "contract_violation"),
    (event(symbol="*"), "contract_violation"),
    (event(source=""), "contract_violation"),
    (event(trading_day="2026-02-30"), "contract_violation"),
    (event(trading_day="20260304"), "contract_violation"),
    (event(event_ts="2026-03-04T15:00:00Z"), "contract_violation"),
    (event(event_ts="2026-03-04 15:00:00.000000Z"), "contract_violation"),
    (event(event_ts="2026-13-04T15:00:00.000000Z"), "contract_violation"),
    (event(event_ts="2026-03-04T24:00:00.000000Z"), "contract_violation"),
    (event(event_ts="2026-03-04T15:00:60.000000Z"), "contract_violation"),
    (event(event_ts="2026-03-04T15:00:00.000000+00:00"), "contract_violation"),
    (event("order", order_version=0), "contract_violation"),
    (event("order", leaves_quantity=-1), "contract_violation"),
    (event("quote", bid_price="-1"), "contract_violation"),
    (event(event_ts="2999-01-01T00:00:00.000000Z"), "event_time_in_future"),
]


@pytest.mark.parametrize("good", GOOD)
def test_what_keeps_the_contract_passes(good):
    assert isinstance(VALIDATOR.examine(good), str)
    assert VALIDATOR.symbols(good, 1) is not None


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_what_breaks_it_is_refused_with_the_reason(bad, reason):
    verdict = VALIDATOR.examine(bad)
    assert isinstance(verdict, Rejection)
    assert verdict.reason == reason
    assert verdict.detail
    assert VALIDATOR.symbols(bad, 1) is None


def test_the_detail_names_the_field_and_the_value():
    verdict = VALIDATOR.examine(event(price="-1"))
    assert isinstance(verdict, Rejection)
    assert verdict.detail.startswith("price is '-1', expected a decimal above zero")


lines = st.lists(
    st.one_of(st.sampled_from(GOOD), st.sampled_from([bad for bad, _ in BAD if b"\n" not in bad])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(lines)
def test_a_frame_passes_when_each_of_its_events_does(events):
    verdicts = [VALIDATOR.examine(one) for one in events]
    symbols = VALIDATOR.symbols(b"\n".join(events), len(events))
    assert symbols == (None if any(isinstance(verdict, Rejection) for verdict in verdicts) else verdicts)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_not_fatal(data):
    assert isinstance(VALIDATOR.examine(data), Rejection)
    assert VALIDATOR.symbols(data, data.count(b"\n") + 1) is None


def test_lines_that_make_one_event_together_are_not_taken_for_two():
    split = event().replace(b", ", b",\n", 1)
    assert VALIDATOR.symbols(split, 2) is None
    assert VALIDATOR.symbols(split + b"\n" + event(), 3) is None
    assert VALIDATOR.symbols(event() + b"\n\n" + event(), 3) is None


def test_every_field_of_the_contracts_is_checked():
    for contract in contracts():
        fields = set(struct_of(contract).__struct_fields__)
        assert fields == {field.name for field in contract.event_fields}
        for field in contract.event_fields:
            verdict = VALIDATOR.examine(event(contract.event_type, **{field.name: ["wrong"]}))
            assert isinstance(verdict, Rejection), f"{contract.event_type}.{field.name}"
            missing = VALIDATOR.examine(event(contract.event_type, **{field.name: ...}))
            assert isinstance(missing, Rejection) == field.required
