from datetime import UTC, datetime

import pytest

from ingestion.exceptions import RunSpecError
from ingestion.exchange.options import run_options

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0}, "--rate is 0"),
        ({"rate": float("nan")}, "--rate is nan"),
        ({"duration_s": -1}, "--duration is -1"),
        ({"speed": float("inf"), "start_date": "2026-03-03"}, "--speed is inf"),
        ({"count": 3}, "smallest run is 20"),
        ({"speed": 2}, "add --start-date"),
        ({"start_date": "2026-03-04"}, "in the future"),
        ({"start_date": "2027-01-01"}, "in the future"),
        ({"start_date": "3.3.2026"}, "YYYY-MM-DD"),
    ],
)
def test_what_cannot_be_met_is_refused(options, message):
    with pytest.raises(RunSpecError, match=message):
        run_options(now=NOW, **options)


def test_a_weekend_means_the_next_monday():
    assert run_options(start_date="2026-02-28", now=NOW) == run_options(start_date="2026-03-02", now=NOW)
    with pytest.raises(RunSpecError, match="in the future"):
        run_options(start_date="2026-02-28", now=datetime(2026, 3, 1, 23, tzinfo=UTC))


def test_without_a_date_it_starts_now():
    assert run_options(now=NOW).start_us == int(NOW.timestamp() * 1e6)
