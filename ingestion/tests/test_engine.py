"""What a run publishes, looked at as a reader of the feed would."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.contracts import contracts
from ingestion.bridge.validation import Validator
from ingestion.exchange.engine import Engine
from ingestion.exchange.options import run_options

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def publish(step_us=20_000, **options):
    engine = Engine(run_options(now=NOON, **options))
    until, channels = 0, defaultdict(list)
    while not engine.finished:
        until += step_us
        engine.run(until)
        for channel, text in engine.tape.take().items():
            channels[channel] += text.split("\n")
    return channels


@pytest.fixture(scope="module")
def run():
    return publish(rate=4000, duration_s=6, seed=3)


@pytest.fixture(scope="module")
def events(run):
    return {channel: [json.loads(line) for line in lines] for channel, lines in run.items()}


def test_equal_options_give_equal_bytes():
    assert publish(count=3000, seed=5) == publish(count=3000, seed=5)
    assert publish(count=3000, seed=5) != publish(count=3000, seed=6)


@settings(max_examples=5, deadline=None)
@given(st.integers(1_000, 3_000_000))
def test_how_it_is_driven_does_not_matter(step_us):
    assert publish(step_us=step_us, count=2000) == publish(count=2000)


@pytest.mark.parametrize("count", [20, 77, 500, 2500])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_count_is_met_exactly(count, seed):
    assert sum(map(len, publish(count=count, seed=seed).values())) == count


def test_the_rate_is_met_about(run):
    assert sum(map(len, run.values())) == pytest.approx(24_000, rel=0.1)


def test_every_event_keeps_its_contract(run):
    validator = Validator(contracts(), 1_000_000, 10**9)
    for lines in run.values():
        assert validator.symbols("\n".join(lines).encode(), len(lines)) is not None


def test_event_ids_are_the_documented_hash_and_unique(events):
    own = {"trades": "trade_id", "quotes": "quote_id", "status": "status_id"}
    seen = Counter()
    for channel, rows in events.items():
        for row in rows:
            mine = row[own[channel]] if channel in own else f"{row['order_id']}-{row['order_version']}"
            text = "\x1f".join((row["source"], row["venue"], row["symbol"], row["trading_day"], mine))
            assert row["event_id"] == blake2b(text.encode(), digest_size=16).hexdigest()
            seen[row["event_id"]] += 1
    assert max(seen.values()) == 1


def test_an_order_lives_step_by_step(events):
    lives = defaultdict(list)
    for row in events["orders"]:
        lives[row["order_id"]].append(row)
    for life in lives.values():
        assert [row["order_version"] for row in life] == list(range(1, len(life) + 1))
        assert life[0]["order_status"] in ("new", "rejected")
        assert all(row["order_status"] not in ("filled", "cancelled", "rejected") for row in life[:-1])
        filled = [row["filled_quantity"] for row in life]
        assert filled == sorted(filled)
        for row in life:
            closed = row["order_status"] in ("cancelled", "rejected")
            assert row["leaves_quantity"] == (0 if closed else row["quantity"] - row["filled_quantity"])


def test_fills_of_orders_are_the_trades(events):
    traded = Counter()
    for row in events["trades"]:
        traded[row["buy_order_id"]] += row["quantity"]
        traded[row["sell_order_id"]] += row["quantity"]
    filled = {row["order_id"]: row["filled_quantity"] for row in events["orders"]}
    assert {order: shares for order, shares in filled.items() if shares} == dict(traded)


def test_trades_refer_to_orders_of_both_sides_on_the_same_book(events):
    orders = {row["order_id"]: row for row in events["orders"]}
    for row in events["trades"]:
        for side in ("buy", "sell"):
            order = orders[row[f"{side}_order_id"]]
            assert (order["side"], order["venue"], order["symbol"]) == (side, row["venue"], row["symbol"])


def test_quotes_never_cross(events):
    for row in events["quotes"]:
        if "bid_price" in row and "ask_price" in row:
            assert float(row["bid_price"]) < float(row["ask_price"])


def test_time_goes_forward(events):
    for rows in events.values():
        times = [row["event_ts"] for row in rows]
        assert times == sorted(times)
    assert times[0] >= "2026-03-04T12:00:00"


def test_it_looks_like_a_market(events):
    statuses = Counter(row["order_status"] for row in events["orders"])
    assert set(statuses) == {"new", "partially_filled", "filled", "replaced", "cancelled", "rejected"}
    assert {(row["order_type"], row["time_in_force"]) for row in events["orders"]} == {
        ("limit", "day"),
        ("limit", "ioc"),
        ("market", "ioc"),
    }
    assert len({row["symbol"] for row in events["trades"]}) >= 25
    assert len({row["venue"] for row in events["trades"]}) == 3
    share = len(events["trades"]) / sum(map(len, events.values()))
    assert 0.05 < share < 0.3


def test_venues_open_and_close_around_the_trading(events):
    whole = [row for row in events["status"] if row["symbol"] == "*"]
    assert [row["status"] for row in whole] == ["pre_open"] * 3 + ["open"] * 3 + ["closed"] * 3
    opened, closed = whole[5]["event_ts"], whole[6]["event_ts"]
    assert all(opened < row["event_ts"] < closed for row in events["trades"])


def test_nothing_trades_while_halted(events):
    halted = defaultdict(list)
    for row in events["status"]:
        if row["symbol"] != "*":
            halted[row["venue"], row["symbol"]].append((row["status"], row["event_ts"]))
    assert halted
    for (venue, symbol), changes in halted.items():
        ts = next(at for status, at in changes if status == "halted")
        until = next((at for status, at in changes if status == "open"), "9")
        during = [row for row in events["orders"] if (row["venue"], row["symbol"]) == (venue, symbol)]
        assert not [row for row in during if ts < row["event_ts"] < until]


def test_a_start_date_follows_the_calendar():
    channels = publish(step_us=10**8, start_date="2026-02-27", speed=20_000, duration_s=3, rate=1500)
    status = [json.loads(line) for line in channels["status"]]
    days = [row["trading_day"] for row in status if row["status"] == "pre_open"][::3]
    assert days == ["2026-02-27", "2026-03-02", "2026-03-03"], "a weekend lies after the first day"
    assert {row["event_ts"][11:19] for row in status if row["status"] == "open"} >= {"14:30:00"}
    assert {row["event_ts"][11:19] for row in status if row["status"] == "pre_open"} == {"14:25:00"}
    for line in channels["trades"]:
        assert "14:30:00" <= json.loads(line)["event_ts"][11:19] <= "21:00:00"


def test_it_does_not_run_ahead_of_the_present():
    engine = Engine(run_options(start_date="2026-03-03", speed=1000, now=NOON))
    present = int(datetime(2026, 3, 3, 15, tzinfo=UTC).timestamp() * 1e6)
    engine.run(10**15, present=present)
    assert engine.tape.written > 1000
    assert engine.tape.now <= present + 1000
    overnight = int(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp() * 1e6)
    engine.run(10**15, present=overnight)
    assert not engine.finished
    assert engine.tape.now <= int(datetime(2026, 3, 3, 21, 0, 1, tzinfo=UTC).timestamp() * 1e6)


def test_stopping_closes_the_venues():
    engine = Engine(run_options(now=NOON))
    engine.run(2_000_000)
    engine.finish()
    assert engine.tape.status[-1].endswith('"closed"}')
    before = engine.tape.written
    engine.run(10**12)
    engine.finish()
    assert engine.tape.written == before
