"""A whole lake, seen from outside: who may do what, what others can reach, and what survives."""

from __future__ import annotations

import ipaddress
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from subprocess import CompletedProcess

import psutil
import psycopg
import pytest
import requests
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from trino.exceptions import TrinoUserError

from stack.connections import kafka_config, trino_connection
from stack.findings import Verdict
from stack.lake_checks import leftovers, ports, secrets, services
from stack.processes import lake_processes, listeners, orphans
from stack.settings import Settings
from stack.status import status
from stack.supervision import Supervisor

RunLake = Callable[..., CompletedProcess[str]]
pytestmark = pytest.mark.integration

NATIONS, RECORDS, TOPIC = 25, 100, "test.kept"


def _pids(lake: Settings) -> dict[str, int | None]:
    return {each.name: each.pid for each in status(lake)}


def _not_ready(lake: Settings) -> list[str]:
    return [f"{each.name}: {each.why_not_ready}" for each in status(lake) if not each.ready]


def _query(lake: Settings, statement: str, user: str = "admin") -> list[list[object]]:
    with closing(trino_connection(user, lake)) as connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall())


def _kept(lake: Settings) -> tuple[object, int]:
    """Rows that Trino still reads from the test's table, and records that Kafka still has of its topic."""
    rows = _query(lake, "SELECT count(*) FROM kept.nation")[0][0]
    consumer = Consumer(kafka_config(lake, **{"group.id": "test"}))
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=30)
    finally:
        consumer.close()
    return rows, high - low


@pytest.fixture(scope="module")
def stocked(lake: Settings) -> Iterator[Settings]:
    """The lake with a table and a topic that must outlive everything the tests do."""
    _query(lake, "CREATE SCHEMA kept")
    _query(lake, "CREATE TABLE kept.nation AS SELECT * FROM tpch.tiny.nation")
    admin = AdminClient(kafka_config(lake))
    (created,) = admin.create_topics([NewTopic(TOPIC, 1)]).values()
    created.result(timeout=30)
    producer = Producer(kafka_config(lake, acks="all"))
    for number in range(RECORDS):
        producer.produce(TOPIC, str(number).encode(), partition=0)
    assert producer.flush(60) == 0
    assert _kept(lake) == (NATIONS, RECORDS)
    yield lake
    _query(lake, "DROP TABLE kept.nation")
    _query(lake, "DROP SCHEMA kept")


def test_up_leaves_a_lake_alone_that_is_up(lake: Settings, run_lake: RunLake) -> None:
    before = _pids(lake)
    run_lake("up")
    assert _pids(lake) == before
    assert _not_ready(lake) == []


def test_nothing_listens_beyond_loopback(lake: Settings) -> None:
    supervisor = Supervisor(lake).pid()
    assert supervisor is not None
    own = [*lake_processes(lake), psutil.Process(supervisor)]
    addresses = listeners(own)
    assert {lake.port(name) for name in ("postgres", "kafka", "flink_rest", "trino")} <= {port for _, port in addresses}
    beyond = {
        (address, port)
        for address, port in addresses
        if not ipaddress.ip_address(address.removeprefix("::ffff:")).is_loopback
    }
    assert beyond == set()


def test_doctor_finds_a_running_lake_well(lake: Settings) -> None:
    findings = [*ports(lake), *secrets(lake), *leftovers(lake), *services(lake)]
    assert [finding for finding in findings if finding.verdict is Verdict.FAIL] == []


@pytest.mark.parametrize("user", ["admin", "pipeline", "analyst", "nobody"])
def test_trino_refuses_a_wrong_password(lake: Settings, user: str) -> None:
    answer = requests.post(
        f"https://{lake.address('trino')}/v1/statement",
        data="SELECT 1",
        auth=(user, "wrong"),
        headers={"X-Trino-User": user},
        verify=str(lake.secrets / "ca.pem"),
        proxies={"https": ""},
        timeout=30,
    )
    assert answer.status_code == 401


def test_trino_answers_nobody_without_tls(lake: Settings) -> None:
    url = f"http://{lake.address('trino_http')}/v1/statement"
    answer = requests.post(url, data="SELECT 1", headers={"X-Trino-User": "admin"}, proxies={"http": ""}, timeout=30)
    assert answer.status_code in (401, 403)


def test_postgres_refuses_a_wrong_password(lake: Settings) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host=lake.host, port=lake.port("postgres"), user="lake", password="wrong", dbname="lake_catalog"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO kept.nation SELECT * FROM tpch.tiny.nation",
        "DELETE FROM kept.nation",
        "DROP TABLE kept.nation",
        "CREATE SCHEMA mine",
        "CREATE TABLE kept.mine (a integer)",
        "SELECT * FROM kept.nation",
        'SELECT * FROM kept."nation$files"',
    ],
)
def test_the_analyst_cannot_write_nor_read_unpublished_tables(stocked: Settings, statement: str) -> None:
    with pytest.raises(TrinoUserError, match="Access Denied"):
        _query(stocked, statement, user="analyst")


@pytest.mark.parametrize("name", ["postgres", "kafka", "flink-taskmanager", "flink-jobmanager", "trino", "supervisor"])
def test_up_heals_what_was_killed(stocked: Settings, run_lake: RunLake, name: str) -> None:
    killed = _pids(stocked)[name]
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    run_lake("up")
    assert _not_ready(stocked) == []
    assert _pids(stocked)[name] != killed
    assert orphans(stocked, Supervisor(stocked).pid()) == {}
    assert _kept(stocked) == (NATIONS, RECORDS)


def test_down_ends_everything_and_up_brings_every_row_back(stocked: Settings, run_lake: RunLake) -> None:
    run_lake("down")
    assert lake_processes(stocked) == {}
    assert Supervisor(stocked).pid() is None
    assert not Supervisor(stocked).socket.exists()
    run_lake("up")
    assert _kept(stocked) == (NATIONS, RECORDS)
