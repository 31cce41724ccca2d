import itertools
import os
import shutil
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.exceptions import LedgerError
from ingestion.exchange.ledger import Kind, Ledger
from ingestion.exchange.ledger_writer import Entry, LedgerWriter
from stack.settings import REPO

entries = st.lists(
    st.one_of(
        st.builds(
            lambda channel, events: Entry(channel, len(events), b"\n".join(events)),
            st.sampled_from(["trades", "orders", "quotes", "status"]),
            st.lists(st.binary(max_size=20).filter(lambda event: b"\n" not in event), min_size=1, max_size=5),
        ),
        st.builds(
            lambda channel, raw: Entry(channel, 1, raw, Kind.INJECTED), st.just("trades"), st.binary(max_size=30)
        ),
    ),
    max_size=30,
)


def written(wanted):
    """(channel, seq, payload, kind) that a ledger with these entries should give."""
    last = {}
    for entry in wanted:
        events = [entry.payload] if entry.size == 1 else entry.payload.split(b"\n")
        for event in events:
            last[entry.channel] = last.get(entry.channel, 0) + 1
            yield entry.channel, last[entry.channel], event, entry.kind


@settings(max_examples=60, deadline=None)
@given(appends=st.lists(entries, max_size=5), segment_bytes=st.sampled_from([1, 200, 1 << 20]))
def test_what_goes_in_comes_out(tmp_path_factory, appends, segment_bytes):
    directory = tmp_path_factory.mktemp("ledger")
    for batch in appends:
        writer = LedgerWriter(directory, segment_bytes)
        writer.append(batch)
        assert writer.last_seq == Ledger(directory).last_seqs()
        writer.close()
    if not appends:
        return
    everything = list(written(itertools.chain(*appends)))
    ledger = Ledger(directory)
    assert [tuple(event) for event in ledger.events()] == everything
    for channel in ("trades", "orders"):
        of_channel = [event for event in everything if event[0] == channel]
        for from_seq in (1, 2, len(of_channel)):
            found = [tuple(event) for event in ledger.events(channel, max(1, from_seq))]
            assert found == of_channel[max(1, from_seq) - 1 :]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(1, 400))
def test_a_torn_tail_is_no_part_of_the_ledger(tmp_path_factory, cut):
    directory = tmp_path_factory.mktemp("ledger")
    writer = LedgerWriter(directory)
    for number in range(20):
        writer.append([Entry("trades", 2, b"one %d\ntwo" % number)])
    writer.close()
    whole = [tuple(event) for event in Ledger(directory).events()]
    path = Ledger(directory).path(1)
    os.truncate(path, path.stat().st_size - cut)
    left = [tuple(event) for event in Ledger(directory).events()]
    assert left == whole[: len(left)]
    assert len(left) % 2 == 0
    writer = LedgerWriter(directory)
    (block,) = writer.append([Entry("trades", 1, b"next")])
    assert block.first_seq == len(left) + 1
    assert [event.payload for event in Ledger(directory).events()][-1] == b"next"
    writer.close()


def test_garbage_after_the_end_is_removed(tmp_path):
    LedgerWriter(tmp_path).close()
    with Ledger(tmp_path).path(1).open("ab") as file:
        file.write(os.urandom(100))
    writer = LedgerWriter(tmp_path)
    writer.append([Entry("orders", 1, b"a")])
    assert [event.payload for event in Ledger(tmp_path).events()] == [b"a"]
    writer.close()


def test_damage_in_a_closed_segment_is_an_error(tmp_path):
    writer = LedgerWriter(tmp_path, segment_bytes=1)
    for _ in range(3):
        writer.append([Entry("orders", 1, b"x" * 100)])
    writer.close()
    path = Ledger(tmp_path).path(2)
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    with pytest.raises(LedgerError, match="damaged at byte"):
        list(Ledger(tmp_path).events())


def test_one_writer_at_a_time(tmp_path):
    writer = LedgerWriter(tmp_path)
    with pytest.raises(LedgerError, match="another exchange"):
        LedgerWriter(tmp_path)
    writer.close()
    LedgerWriter(tmp_path).close()


def test_no_ledger_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(LedgerError, match="lake up"):
        Ledger(tmp_path).last_seqs()


def test_a_new_ledger_is_a_new_feed(tmp_path):
    LedgerWriter(tmp_path).close()
    first = Ledger(tmp_path).feed_id
    shutil.rmtree(tmp_path)
    LedgerWriter(tmp_path).close()
    assert Ledger(tmp_path).feed_id != first


def test_large_events_are_read_whole(tmp_path):
    writer = LedgerWriter(tmp_path)
    writer.append(
        [Entry("trades", 1, b"a"), Entry("trades", 1, b"z" * (5 << 20), Kind.FRAME), Entry("trades", 1, b"b")]
    )
    assert [len(event.payload) for event in Ledger(tmp_path).events()] == [1, 5 << 20, 1]
    writer.close()


WRITE_FOREVER = """
import sys
from pathlib import Path
from ingestion.exchange.ledger_writer import Entry, LedgerWriter
writer = LedgerWriter(Path(sys.argv[1]), segment_bytes=100_000)
while True:
    writer.append([Entry("trades", 3, b"x" * 300 + b"\\n" + b"y" * 300 + b"\\nz")] * 50)
    print(writer.last_seq["trades"], flush=True)
"""


def test_what_was_appended_survives_kill_9(tmp_path):
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, cwd=REPO, text=True
        )
        assert process.stdout
        said = [int(process.stdout.readline()) for _ in range(20)]
        time.sleep(0.05)
        process.kill()
        said += [int(line) for line in process.stdout.read().split("\n") if line.strip()]
        process.stdout.close()
        process.wait()
        assert Ledger(tmp_path).last_seqs()["trades"] >= said[-1]
    assert [event.seq for event in Ledger(tmp_path).events("trades")] == list(
        range(1, Ledger(tmp_path).last_seqs()["trades"] + 1)
    )
