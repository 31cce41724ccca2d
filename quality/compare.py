"""The rules of reconciliation, as pure functions over layers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from quality.layer import Layer, event_ids, notional, without

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

EXAMPLES = 5


@dataclass(frozen=True)
class Row:
    """One event type in one layer, held against the layer before it."""

    layer: str
    event_type: str
    events: int
    """Messages or rows, duplicates included."""
    distinct: int
    notional: Decimal
    lost: tuple[str, ...] = ()
    """Examples of ids that the layer before holds and this one should."""
    lost_count: int = 0
    invented: tuple[str, ...] = ()
    """Examples of ids that the layer before does not hold."""
    invented_count: int = 0
    doubled_count: int = 0
    """Rows beyond the first of their id, where the layer promises none."""
    notional_off: Decimal = Decimal(0)
    """This layer's notional less that of the layer before, over the events that both should hold."""

    @property
    def ok(self) -> bool:
        """Whether nothing is lost, invented, doubled or changed in value."""
        return not (self.lost_count or self.invented_count or self.doubled_count or self.notional_off)


@dataclass(frozen=True)
class Balance:
    """An equation of message counts that must hold between layers."""

    claim: str
    left: int
    right: int

    @property
    def ok(self) -> bool:
        """Whether both sides are equal."""
        return self.left == self.right


def describe(layer: Layer, event_type: str) -> Row:
    """The first layer: nothing to compare it with."""
    first = layer.first(event_type)
    return Row(layer.name, event_type, layer.table(event_type).num_rows, first.num_rows, notional(first))


def compare(before: Layer, after: Layer, event_type: str, *, excused: pa.Array, unique: bool) -> Row:
    """Hold one event type of `after` against `before`.

    Args:
        before: the layer upstream.
        after: the layer downstream.
        event_type: which events.
        excused: ids that were dead-lettered in between and may be missing.
        unique: whether `after` promises each id once.
    """
    upstream, downstream = before.first(event_type), after.first(event_type)
    missing = without(upstream, downstream["event_id"])
    lost = without(missing, excused)
    invented = without(downstream, upstream["event_id"])
    expected = without(upstream, missing["event_id"])
    rows = after.table(event_type).num_rows
    return Row(
        layer=after.name,
        event_type=event_type,
        events=rows,
        distinct=downstream.num_rows,
        notional=notional(downstream),
        lost=_examples(lost),
        lost_count=lost.num_rows,
        invented=_examples(invented),
        invented_count=invented.num_rows,
        doubled_count=rows - downstream.num_rows if unique else 0,
        notional_off=notional(without(downstream, invented["event_id"])) - notional(expected),
    )


def _examples(table: pa.Table) -> tuple[str, ...]:
    return tuple(value.as_py().hex() for value in table["event_id"][:EXAMPLES])


@dataclass(frozen=True)
class Layers:
    """Everything that is compared; a layer that was not asked for is None."""

    ledger: Layer
    raw: Layer
    """Kafka `market.raw`."""
    routed: Layer
    """Kafka `market.<type>`, together."""
    bridge_dead: Layer
    router_dead: Layer
    tables: Layer
    """Iceberg `raw.*`."""
    facts: Layer | None
    """`fct_trades`."""


@dataclass(frozen=True)
class Report:
    """The verdict: rows per layer and type, and the balances between message counts."""

    rows: tuple[Row, ...]
    balances: tuple[Balance, ...]
    dropped: int
    """Messages of market.raw that deduplication dropped, since their id had come before."""

    @property
    def ok(self) -> bool:
        """Whether every row and every balance holds."""
        return all(row.ok for row in self.rows) and all(balance.ok for balance in self.balances)


def reconcile(layers: Layers, event_types: tuple[str, ...], say: Callable[[str], None] = lambda _: None) -> Report:
    """Compare all layers, each with the one before it."""
    bridge_excused = event_ids(*layers.bridge_dead.events.values())
    router_excused = event_ids(*layers.router_dead.events.values())
    nobody = event_ids()
    rows: list[Row] = []
    for event_type in event_types:
        say(f"comparing {event_type} events")
        rows.append(describe(layers.ledger, event_type))
        rows.append(compare(layers.ledger, layers.raw, event_type, excused=bridge_excused, unique=False))
        rows.append(compare(layers.raw, layers.routed, event_type, excused=router_excused, unique=True))
        rows.append(compare(layers.routed, layers.tables, event_type, excused=nobody, unique=True))
        if layers.facts is not None and event_type == "trade":
            rows.append(compare(layers.tables, layers.facts, event_type, excused=nobody, unique=True))
    return Report(tuple(rows), _balances(layers), _dropped(layers))


def _balances(layers: Layers) -> tuple[Balance, ...]:
    raw, dead = layers.raw, layers.router_dead
    return (
        Balance(
            "ledger = market.raw + dead letters of the bridge",
            layers.ledger.messages,
            raw.messages + layers.bridge_dead.messages,
        ),
        Balance(
            "unreadable in market.raw = unreadable dead letters of the router",
            raw.messages - raw.readable,
            dead.messages - dead.readable,
        ),
    )


def _dropped(layers: Layers) -> int:
    return layers.raw.readable - layers.router_dead.readable - layers.routed.messages
