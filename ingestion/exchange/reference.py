"""Reference data of the simulated exchange, read from the CSV files that dbt also loads as seeds."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TypeVar

from ingestion.exceptions import ReferenceDataError

REFERENCE = Path(__file__).parent / "reference"
T = TypeVar("T")


@dataclass(frozen=True)
class Security:
    """One security, whichever venues list it."""

    symbol: str
    tick: Decimal
    """Smallest price step."""
    lot: int
    """Shares in a round lot."""
    price: Decimal
    """Price that the simulation starts from."""
    volatility: float
    """Standard deviation of yearly log returns."""
    weight: float
    """Share of the order flow, relative to the others."""


@dataclass(frozen=True)
class Venue:
    """One market, with its regular hours in UTC."""

    venue: str
    pre_open: time
    open: time
    close: time


@dataclass(frozen=True)
class Account:
    """Who an order is for, who enters it and who routes it."""

    account_id: str
    trader_id: str
    broker_id: str


@dataclass(frozen=True)
class Reference:
    """All that the simulation needs to know before the first order."""

    securities: dict[str, Security]
    venues: tuple[Venue, ...]
    listings: tuple[tuple[str, str], ...]
    """(venue, symbol) pairs that trade."""
    accounts: tuple[Account, ...]


def _rows(name: str, build: Callable[[dict[str, str]], T]) -> list[T]:
    path = REFERENCE / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = []
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                rows.append(build(row))
            except (KeyError, ValueError, ArithmeticError) as error:
                raise ReferenceDataError(f"{path.name} line {number}: {error!r}; correct the line {row}") from error
        return rows


def _security(row: dict[str, str]) -> Security:
    return Security(
        symbol=row["symbol"],
        tick=Decimal(row["tick_size"]),
        lot=int(row["lot_size"]),
        price=Decimal(row["reference_price"]),
        volatility=float(row["annual_volatility"]),
        weight=float(row["activity_weight"]),
    )


def _venue(row: dict[str, str]) -> Venue:
    hours = (time.fromisoformat(row[f"{name}_time"]) for name in ("pre_open", "open", "close"))
    return Venue(row["venue"], *hours)


def _account(row: dict[str, str]) -> Account:
    return Account(row["account_id"], row["trader_id"], row["broker_id"])


@cache
def reference() -> Reference:
    """The reference data of this checkout.

    Raises:
        ReferenceDataError: a line cannot be read, or a listing names an unknown security or venue.
    """
    securities = {security.symbol: security for security in _rows("securities", _security)}
    venues = tuple(_rows("venues", _venue))
    listings = tuple(_rows("listings", lambda row: (row["venue"], row["symbol"])))
    known = {venue.venue for venue in venues}
    if strangers := [pair for pair in listings if pair[0] not in known or pair[1] not in securities]:
        raise ReferenceDataError(f"listings.csv names unknown venues or securities: {strangers}")
    return Reference(securities, venues, listings, tuple(_rows("accounts", _account)))
