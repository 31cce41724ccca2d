"""Reads each layer from the server that holds it."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from pyiceberg.exceptions import NoSuchTableError

from governance.contracts import Contract, contracts
from ingestion.exceptions import LedgerError
from ingestion.exchange.ledger import Ledger
from quality.exceptions import LayerUnavailableError
from quality.layer import IDS, NOTIONAL, Layer, read_layer
from stack.connections import iceberg_catalog, kafka_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.table import Table

    from stack.settings import Settings

DEAD_LETTERS = "market.dlq"
RAW_TOPIC = "market.raw"
FACTS = "core.fct_trades"
_BATCH = 10_000
_POLL_S = 0.2
_PATIENCE_S = 30.0
_METADATA_TIMEOUT_S = 10.0


def messages(lake: Settings, *topics: str) -> Iterator[Message]:
    """Every committed message of `topics`, from the first to the last at the time of the call.

    Raises:
        LayerUnavailableError: a topic does not exist, or the broker stopped answering.
    """
    assignment = _partitions(lake, topics)
    consumer = Consumer(
        kafka_config(
            lake,
            **{
                "group.id": "reconcile",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
            },
        )
    )
    try:
        consumer.assign(assignment)
        unfinished = {(each.topic, each.partition) for each in assignment}
        heard = time.monotonic()
        while unfinished:
            batch = consumer.consume(_BATCH, timeout=_POLL_S)  # it waits that long for a batch that is not full
            heard = time.monotonic() if batch else heard
            if time.monotonic() > heard + _PATIENCE_S:
                raise LayerUnavailableError(
                    f"Kafka gave nothing of {topics} for {_PATIENCE_S:.0f} s; see `lake status`"
                )
            for message in batch:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    unfinished -= {(message.topic(), message.partition())}
                else:
                    raise LayerUnavailableError(f"cannot read {message.topic()}: {error}; see `lake logs kafka`")
    finally:
        consumer.close()


def _partitions(lake: Settings, topics: tuple[str, ...]) -> list[TopicPartition]:
    try:
        known = AdminClient(kafka_config(lake)).list_topics(timeout=_METADATA_TIMEOUT_S).topics
    except KafkaException as error:
        raise LayerUnavailableError(
            f"Kafka does not answer at {lake.address('kafka')}: {error}; run `lake up`"
        ) from error
    absent = [topic for topic in topics if topic not in known]
    if absent:
        raise LayerUnavailableError(f"no topic {', '.join(absent)}; `lake up` creates them")
    return [TopicPartition(topic, number, 0) for topic in topics for number in known[topic].partitions]


def ledger_layer(lake: Settings) -> Layer:
    """Everything that the exchange sent, by its own ledger."""
    try:
        return read_layer("ledger", (event.payload for event in _ledger(lake).events()))
    except LedgerError as error:
        raise LayerUnavailableError(str(error)) from error


def ledger_size(lake: Settings) -> int:
    """Events in the ledger, by its sequence numbers alone."""
    try:
        return sum(_ledger(lake).last_seqs().values())
    except LedgerError as error:
        raise LayerUnavailableError(str(error)) from error


def _ledger(lake: Settings) -> Ledger:
    return Ledger(lake.data / "exchange" / "ledger")


def kafka_layer(lake: Settings, name: str, *topics: str) -> Layer:
    """The messages of some topics as one layer."""
    return read_layer(name, (message.value() or b"" for message in messages(lake, *topics)))


def dead_layers(lake: Settings) -> tuple[Layer, Layer]:
    """The dead letters of the bridge and of the router."""
    by_stage: dict[str, list[bytes]] = {"bridge": [], "router": []}
    for message in messages(lake, DEAD_LETTERS):
        stage = _header(message, "stage")
        if stage not in by_stage:
            raise LayerUnavailableError(
                f"{DEAD_LETTERS} offset {message.offset()}: stage {stage!r} is none of {[*by_stage]}"
            )
        by_stage[stage].append(message.value() or b"")
    return read_layer("bridge dead letters", by_stage["bridge"]), read_layer("router dead letters", by_stage["router"])


def _header(message: Message, name: str) -> str:
    headers: list[tuple[str, bytes]] = message.headers() or []  # type: ignore[assignment]  # a consumed message's form
    return dict(headers).get(name, b"").decode()


def iceberg_layer(lake: Settings) -> Layer:
    """The Iceberg tables `raw.*`."""
    events = {contract.event_type: _raw_events(lake, contract) for contract in contracts()}
    return Layer("iceberg raw", sum(table.num_rows for table in events.values()), events)


def facts_layer(lake: Settings) -> Layer:
    """`fct_trades`, as dbt built it."""
    table = _reduce(_load(lake, FACTS, "run `lake dbt build`"), ("notional",))
    return Layer("fct_trades", table.num_rows, {"trade": table})


def landed(lake: Settings) -> int:
    """Rows in all raw tables, from snapshot metadata alone."""
    total = 0
    for contract in contracts():
        snapshot = _load(lake, contract.table, "run `lake up`").current_snapshot()
        if snapshot is not None and snapshot.summary is not None:
            total += int(snapshot.summary["total-records"] or 0)
    return total


def _raw_events(lake: Settings, contract: Contract) -> pa.Table:
    table = _load(lake, contract.table, "run `lake up`")
    return _reduce(table, ("price", "quantity") if contract.event_type == "trade" else ())


def _load(lake: Settings, name: str, remedy: str) -> Table:
    try:
        return iceberg_catalog(lake).load_table(name)
    except NoSuchTableError as error:
        raise LayerUnavailableError(f"no table {name} in catalog {lake.catalog}; {remedy}") from error


def _reduce(table: Table, factors: tuple[str, ...]) -> pa.Table:
    """Identity and the product of `factors`, of every row."""
    rows = table.scan(selected_fields=("event_id", *factors)).to_arrow()
    ids = pa.array((bytes.fromhex(each) for each in rows["event_id"].to_pylist()), IDS)
    return pa.table({"event_id": ids, "notional": _product(rows, factors)})


def _product(rows: pa.Table, factors: tuple[str, ...]) -> pa.Array | pa.ChunkedArray:
    if not factors:
        return pa.array([Decimal(0)] * rows.num_rows, NOTIONAL)
    value = rows[factors[0]]
    for factor in factors[1:]:
        value = pc.multiply(value, rows[factor].cast(pa.decimal128(19, 0)))
    return value.cast(NOTIONAL)
