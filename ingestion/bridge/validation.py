"""Decides which events keep their contract, quickly.

A frame's events are decoded together, in one call, into structs built from the data contracts; that settles shapes,
types, choices and ranges. Formats are then settled per column: values that repeat (venues, symbols, days, prices) are
looked up among those already found good, and the others are matched all at once. Only when a frame fails is each of its
events examined alone, to find which one is at fault and why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple, Union

import msgspec

from governance.contracts import Contract, Field

MOST_KNOWN = 200_000
CHOICE = re.compile(r"\^\(([a-z_]+(?:\|[a-z_]+)*)\)\$")
DECIMAL = re.compile(r"(?!0+(?:\.0+)?\Z)[0-9]{1,12}(?:\.[0-9]{1,6})?")
SIGNED_DECIMAL = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MINUTE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:")
TIMESTAMP = re.compile(r"[^\n]{17}[0-5][0-9]\.[0-9]{6}Z")
SECONDS = re.compile(r"(?:[^\n]{17}[0-5][0-9]\.[0-9]{6}Z\n)*")
MINUTE_LENGTH = 17

Check = Callable[[Sequence[str]], str | None]
"""Looks at one column of a batch; returns a value that is wrong, or None."""


class Rejection(NamedTuple):
    """Why an event is dead-lettered."""

    reason: str
    detail: str


class _ViolationError(ValueError):
    pass


class _FutureError(_ViolationError):
    pass


def _type_of(field: Field) -> Any:
    """The type that msgspec checks while it decodes."""
    kind: Any
    if field.logical_type == "integer":
        kind = Annotated[int, msgspec.Meta(ge=field.minimum, le=field.maximum)]
    elif field.pattern and (choice := CHOICE.fullmatch(field.pattern)):
        kind = Literal[tuple(choice[1].split("|"))]
    elif field.min_length is not None or field.max_length is not None:
        kind = Annotated[str, msgspec.Meta(min_length=field.min_length, max_length=field.max_length)]
    else:
        kind = str
    return kind if field.required else kind | None


def struct_of(contract: Contract) -> type[msgspec.Struct]:
    """The struct of a contract's event; formats of strings are left to `Validator`."""
    fields = [
        (field.name, _type_of(field)) if field.required else (field.name, _type_of(field), None)
        for field in sorted(contract.event_fields, key=lambda field: not field.required)
    ]
    name = contract.event_type.capitalize()
    return msgspec.defstruct(name, fields, tag_field="type", tag=contract.event_type, gc=False)


def _known(matches: Callable[[str], object]) -> Check:
    """A check for columns whose values repeat."""
    good: set[str] = set()

    def check(column: Sequence[str]) -> str | None:
        fresh = set(column) - good
        for value in fresh:
            if not matches(value):
                return value
        if len(good) > MOST_KNOWN:
            good.clear()
        good.update(fresh)
        return None

    return check


def _distinct(pattern: re.Pattern[str]) -> Check:
    """A check for columns whose values differ: one match over all of them."""
    together = re.compile(rf"(?:(?:{pattern.pattern})\n)*", pattern.flags)

    def check(column: Sequence[str]) -> str | None:
        joined = "\n".join(column) + "\n"
        if joined.count("\n") == len(column) and together.fullmatch(joined):
            return None
        return next((value for value in column if not pattern.fullmatch(value)), None)

    return check


def _is_day(text: str) -> bool:
    if not DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_minute(text: str) -> bool:
    found = MINUTE.fullmatch(text)
    return found is not None and _is_day(found[1])


def _timestamps() -> Check:
    minutes = _known(_is_minute)

    def check(column: Sequence[str]) -> str | None:
        bad = minutes([value[:MINUTE_LENGTH] for value in column])
        joined = "\n".join(column) + "\n"
        if bad is None and joined.count("\n") == len(column) and SECONDS.fullmatch(joined):
            return None
        return next(value for value in column if value[:MINUTE_LENGTH] == bad or not TIMESTAMP.fullmatch(value))

    return check


def _format_of(field: Field) -> tuple[Check, str] | None:
    """How the column's format is checked, and its name in messages; None when the struct has settled it."""
    if field.logical_type == "number":
        positive = field.exclusive_minimum == 0
        what = "a decimal above zero" if positive else "a decimal"
        pattern = DECIMAL if positive else SIGNED_DECIMAL
        return _known(pattern.fullmatch), f"{what} of at most 12 digits and 6 decimals, as a string"
    if field.logical_type == "date":
        return _known(_is_day), "a day as YYYY-MM-DD"
    if field.logical_type == "timestamp":
        return _timestamps(), "a UTC time as YYYY-MM-DDTHH:MM:SS.ffffffZ"
    if field.pattern and not CHOICE.fullmatch(field.pattern):
        pattern = re.compile(field.pattern.removeprefix("^").removesuffix("$"))
        check = _distinct(pattern) if field.name.endswith("_id") else _known(pattern.fullmatch)
        return check, f"text like {field.pattern}"
    return None


class _Columns:
    """The format checks of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._checks = []
        for field in contract.event_fields:
            if found := _format_of(field):
                self._checks.append((attrgetter(field.name), field, *found))

    def check(self, events: Sequence[Any]) -> None:
        for get, field, check, wanted in self._checks:
            column = list(map(get, events))
            if not field.required:
                column = [value for value in column if value is not None]
            if (bad := check(column)) is not None:
                raise _ViolationError(f"{field.name} is {bad[:80]!r}, expected {wanted}")


class Validator:
    """Checks events against the contracts.

    Args:
        contracts: The contracts of all events of the feed.
        max_event_bytes: Largest event.
        max_clock_ahead_s: Seconds an event's time may lie in the future.
    """

    def __init__(self, contracts: Iterable[Contract], max_event_bytes: int, max_clock_ahead_s: float) -> None:
        contracts = tuple(contracts)
        structs = {contract.event_type: struct_of(contract) for contract in contracts}
        self._columns = {structs[contract.event_type]: _Columns(contract) for contract in contracts}
        self._decoder = msgspec.json.Decoder(Union[tuple(structs.values())])  # noqa: UP007 - built at run time
        self._max_bytes = max_event_bytes
        self._ahead = timedelta(seconds=max_clock_ahead_s)

    def symbols(self, body: bytes, size: int) -> list[str] | None:
        """The symbol of each event of a frame when all are good, else None; `size` is their number."""
        if not self._is_text(body):
            return None
        if len(body) > self._max_bytes and max(map(len, body.split(b"\n"))) > self._max_bytes:
            return None
        try:
            events = self._decoder.decode_lines(body)
            if len(events) != size:
                return None
            self._check(events)
        except (msgspec.MsgspecError, _ViolationError, UnicodeDecodeError, RecursionError):
            return None
        return [event.symbol for event in events]

    def examine(self, event: bytes) -> str | Rejection:
        """The symbol of one event, or why it is refused."""
        if len(event) > self._max_bytes:
            return Rejection("oversized_event", f"{len(event)} bytes; at most {self._max_bytes} are allowed")
        try:
            event.decode()
            decoded = self._decoder.decode(event)
            self._check([decoded])
        except (ValueError, RecursionError) as error:
            return _explain(error)
        symbol: str = decoded.symbol
        return symbol

    def _check(self, events: Sequence[Any]) -> None:
        kinds = {type(event) for event in events}
        for kind in kinds:
            self._columns[kind].check(events if len(kinds) == 1 else [event for event in events if type(event) is kind])
        limit = (datetime.now(UTC) + self._ahead).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        latest = max(event.event_ts for event in events)
        if latest > limit:
            raise _FutureError(f"event_ts is {latest}, more than {self._ahead.total_seconds():g} s after its arrival")

    @staticmethod
    def _is_text(body: bytes) -> bool:
        if body.isascii():
            return True
        try:
            body.decode()
        except UnicodeDecodeError:
            return False
        return True


def _explain(error: Exception) -> Rejection:
    message = str(error)
    match error:
        case UnicodeDecodeError():
            reason, message = "invalid_utf8", f"byte {error.start}: {error.reason}"
        case RecursionError():
            reason, message = "nesting_too_deep", "objects or arrays are nested too deeply to read"
        case _FutureError():
            reason = "event_time_in_future"
        case msgspec.ValidationError() if message.endswith("`$.type`") or "required field `type`" in message:
            reason = "unknown_type"
        case msgspec.ValidationError() if message.startswith("Expected `object`") and " - at " not in message:
            reason, message = "invalid_json", f"not a JSON object: {message}"
        case msgspec.ValidationError() | _ViolationError():
            reason = "contract_violation"
        case _:
            reason = "invalid_json"
    return Rejection(reason, message)
