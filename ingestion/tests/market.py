"""Kafka, the exchange and the bridge as real processes, without the rest of the lake, so that they can be killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from ingestion.exchange.ledger import Kind, Ledger
from ingestion.exchange.runs import Request, RunQueue
from ingestion.room import services
from ingestion.topics import DEAD_LETTERS, RAW, ensure_topics
from stack import kafka
from stack.artefacts import needed
from stack.connections import kafka_config
from stack.fetching import fetch_all
from stack.rendering import write
from stack.services import Service
from stack.settings import PORT_OFFSETS, Settings

READY_WITHIN_S = 60.0
PORT_BASES = range(32100, 32700, 20)


def eventually(condition: Callable[[], object], what: str, within_s: float = 60.0) -> None:
    """Wait until something holds, looking often."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(0.05)


class Process:
    """One service, started and killed by hand."""

    def __init__(self, service: Service, lake: Settings) -> None:
        self.service = service
        self.log = lake.logs / f"{service.name}.log"
        self._env = {**os.environ, "LAKE_HOME": str(lake.home), "LAKE_PORT_BASE": str(lake.port_base), **service.env}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.service.command, env=self._env, cwd=self.log.parent, stdout=log, stderr=log
            )

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while (reason := self._why_not()) is not None:
            if time.monotonic() > deadline:
                log = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise AssertionError(f"{self.service.name} is not ready: {reason}\n{log}")
            time.sleep(0.1)

    def _why_not(self) -> str | None:
        try:
            return self.service.ready()
        except Exception as error:
            return str(error)

    def kill(self, number: int = signal.SIGKILL) -> int:
        """End the process; returns its exit code."""
        assert self._process
        self._process.send_signal(number)
        return self.wait()

    def wait(self, within_s: float = 30) -> int:
        assert self._process
        return self._process.wait(within_s)

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self.kill()


class Market:
    """The processes, and what they hold."""

    def __init__(self, lake: Settings) -> None:
        self.lake = lake
        self.queue = RunQueue(lake.data / "exchange")
        broker = kafka.service(lake)
        self.kafka = Process(broker, lake)
        self.exchange, self.bridge = (Process(service, lake) for service in services(lake))

    @property
    def exchange_directory(self) -> Path:
        return self.lake.data / "exchange"

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.exchange_directory / "ledger")

    def run(self, **request: object) -> None:
        """Have the exchange carry out a run, and wait for its end."""
        run = self.queue.submit(Request(**request))  # type: ignore[arg-type]
        eventually(lambda: self.queue.get(run.run_id).over, f"run {run.run_id} ends", 120)

    def read(self, topic: str) -> list[Message]:
        """All committed messages of a topic."""
        consumer = Consumer(
            kafka_config(
                self.lake,
                **{"group.id": "test", "enable.partition.eof": True, "isolation.level": "read_committed"},
            )
        )
        partitions = set(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        messages = []
        while partitions:
            message = consumer.poll(10)
            assert message is not None, f"{topic} gave nothing"
            error = message.error()
            if error is None:
                messages.append(message)
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                partitions.discard(message.partition())
        consumer.close()
        return messages

    def dead(self) -> list[dict[str, str]]:
        """Headers of the dead letters."""
        return [
            {name: value.decode() for name, value in message.headers() or []} for message in self.read(DEAD_LETTERS)
        ]

    def settle(self) -> None:
        """Wait until Kafka holds, in total, as many messages as the ledger holds events."""
        self.kafka.wait_ready()
        wanted = sum(self.ledger.last_seqs().values())
        count = 0

        def arrived() -> bool:
            nonlocal count
            count = len(self.read(RAW)) + len(self.read(DEAD_LETTERS))
            return count >= wanted

        eventually(arrived, "all events arrive", 90)
        assert count == wanted

    def check(self) -> None:
        """Assert that every event of the ledger is in Kafka once, in its channel's order per symbol, or a dead letter."""
        self.settle()
        dead = {(headers.get("channel"), headers.get("seq")) for headers in self.dead()}
        assert len(dead) == len(self.read(DEAD_LETTERS))
        sent = [event for event in self.ledger.events() if (event.channel, str(event.seq)) not in dead]
        assert not [event for event in sent if event.kind in (Kind.FRAME, Kind.LOST)]
        arrived = self.read(RAW)
        assert Counter(message.value() for message in arrived) == Counter(event.payload for event in sent)


@contextmanager
def kafka_lake() -> Iterator[Settings]:
    """Settings of a lake in a directory of its own, on ports that are free, with Kafka's packages at hand."""
    home = Path(tempfile.mkdtemp(prefix="lake-market-"))
    lake = Settings(home=home, port_base=_free_base())  # type: ignore[call-arg]
    for directory in (lake.data / "kafka", lake.logs, lake.run):
        directory.mkdir(parents=True)
    fetch_all(lake, needed("kafka"))
    try:
        yield lake
    finally:
        shutil.rmtree(home)


@contextmanager
def running(market: Market, *processes: Process) -> Iterator[None]:
    """Kafka with its topics, then some other processes; all end with the context."""
    for file in market.kafka.service.files:
        write(file)
    market.kafka.service.prepare()
    with ExitStack() as stack:
        stack.callback(market.kafka.stop)
        market.kafka.start()
        market.kafka.wait_ready()
        ensure_topics(market.lake)
        for process in processes:
            stack.callback(process.stop)
            process.start()
            process.wait_ready()
        yield


def _free_base() -> int:
    for base in PORT_BASES:
        if all(_is_free(base + offset) for offset in PORT_OFFSETS.values()):
            return base
    raise RuntimeError(f"no free ports in {PORT_BASES}")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
