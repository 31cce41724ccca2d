"""One layer's events, reduced to what reconciliation compares: identity and notional."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTIONAL = pa.decimal128(38, 6)
IDS = pa.binary(16)
_SCHEMA = pa.schema([("event_id", IDS), ("notional", NOTIONAL)])
_ID_HEX_LENGTH = 32
_MICRO = Decimal("0.000001")
_EXACT = Context(prec=38)


class _Head(msgspec.Struct):
    """The part of an event that identifies and values it; anything else is somebody else's concern."""

    type: str
    event_id: str
    price: str | None = None
    quantity: int | None = None


_decode = msgspec.json.Decoder(_Head).decode


@dataclass(frozen=True)
class Layer:
    """The events that one layer holds.

    `messages` counts everything, duplicates and unreadable messages included; `events` holds the readable ones by
    event type, as a table of `event_id` (16 bytes) and `notional` (price x quantity of trades, otherwise 0).
    """

    name: str
    messages: int
    events: dict[str, pa.Table] = field(default_factory=dict)

    def table(self, event_type: str) -> pa.Table:
        """Readable events of one type, in arrival order; empty when there are none."""
        return self.events.get(event_type, _SCHEMA.empty_table())

    def first(self, event_type: str) -> pa.Table:
        """The same, reduced to the first event of each id, which is the one that deduplication keeps."""
        table = self.table(event_type)
        rows = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
        firsts = rows.group_by("event_id").aggregate([("row", "min")])["row_min"]
        return table.take(pc.take(firsts, pc.sort_indices(firsts)))

    @property
    def readable(self) -> int:
        """Number of readable events, duplicates included."""
        return sum(table.num_rows for table in self.events.values())


def notional(table: pa.Table) -> Decimal:
    """Sum of a table's notional, in currency units; zero for an empty table."""
    total: Decimal | None = pc.sum(table["notional"]).as_py()
    return total if total is not None else Decimal(0)


def without(table: pa.Table, ids: pa.ChunkedArray | pa.Array) -> pa.Table:
    """Rows whose id is not among `ids`."""
    return table.filter(pc.invert(pc.is_in(table["event_id"], value_set=_flat(ids))))


def event_ids(*tables: pa.Table) -> pa.Array:
    """Distinct ids of several tables."""
    return pc.unique(pa.concat_arrays([pa.array([], IDS), *(_flat(table["event_id"]) for table in tables)]))


def _flat(ids: pa.ChunkedArray | pa.Array) -> pa.Array:
    return ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids


def read_layer(name: str, payloads: Iterable[bytes]) -> Layer:
    """Build a layer from raw event bytes; what cannot be read counts as a message only."""
    messages = 0
    ids: dict[str, list[bytes]] = {}
    values: dict[str, list[Decimal]] = {}
    for payload in payloads:
        messages += 1
        head = _head(payload)
        if head is None:
            continue
        event_type, event_id, value = head
        ids.setdefault(event_type, []).append(event_id)
        values.setdefault(event_type, []).append(value)
    return Layer(name, messages, {kind: _table(ids[kind], values[kind]) for kind in ids})


def _table(ids: list[bytes], values: list[Decimal]) -> pa.Table:
    return pa.table({"event_id": pa.array(ids, IDS), "notional": pa.array(values, NOTIONAL)}, schema=_SCHEMA)


def _head(payload: bytes) -> tuple[str, bytes, Decimal] | None:
    try:
        head = _decode(payload)
        if len(head.event_id) != _ID_HEX_LENGTH:
            return None
        return head.type, bytes.fromhex(head.event_id), _value(head)
    except (msgspec.MsgspecError, ValueError, InvalidOperation, RecursionError):
        return None


def _value(head: _Head) -> Decimal:
    if head.type != "trade":
        return Decimal(0)
    value = _EXACT.multiply(Decimal(head.price or ""), Decimal(head.quantity or 0))
    if not value.is_finite():
        raise ValueError(f"price {head.price!r} is not finite")
    return value.quantize(_MICRO, context=_EXACT)
