"""How a room plugs into the lake, without the stack knowing what the room does."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stack.settings import REPO, Settings

if TYPE_CHECKING:
    import typer

    from stack.services import Service


@dataclass(frozen=True)
class Step:
    """Idempotent work that `lake up` does once `after` is ready, such as creating topics or submitting a job."""

    name: str
    after: tuple[str, ...]
    """Services that must be ready first."""
    run: Callable[[Settings], None]


@dataclass(frozen=True)
class Room:
    """What a room adds to the lake; each `<room>/room.py` that has something to add exposes one as `ROOM`."""

    name: str
    services: Callable[[Settings], list[Service]] = lambda lake: []
    steps: tuple[Step, ...] = ()
    commands: dict[str, Callable[..., None] | typer.Typer] = field(default_factory=dict)
    """Commands under `lake`, by name: a function with Typer parameters, or a group of them."""


def rooms() -> list[Room]:
    """The rooms that plug in, as listed under `[tool.tradelake]` in `pyproject.toml`."""
    listed = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["tradelake"]["rooms"]
    return [importlib.import_module(f"{name}.room").ROOM for name in listed]
