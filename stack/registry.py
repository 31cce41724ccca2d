"""All that this lake is made of: the stack's own services, and what the rooms plug in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack import flink, kafka, postgres, trino
from stack.artefacts import needed
from stack.environments import EnvironmentFailure, ensure, python_of
from stack.exceptions import MachineError, NotRunningError
from stack.fetching import is_cached
from stack.rooms import Room, Step, rooms
from stack.services import Service, in_start_order
from stack.unpacking import is_complete, unpack, unpacked_path

if TYPE_CHECKING:
    from stack.settings import Settings

UNPACKED_GROUPS = ("trino", "postgres")


def all_services(lake: Settings) -> list[Service]:
    """Every service of the lake, in an order in which they can start.

    Raises:
        NotRunningError: the lake was never brought up here, so that there is nothing to describe yet.
    """
    if not is_provisioned(lake) or not (lake.secrets / "server.pem").exists():
        raise NotRunningError("this lake was never brought up; run `lake up`")
    own = [postgres.service(lake), kafka.service(lake), *flink.services(lake), trino.service(lake)]
    return in_start_order([*own, *(service for room in loaded_rooms() for service in room.services(lake))])


def all_steps() -> list[Step]:
    """What the rooms do once services are ready."""
    return [step for room in loaded_rooms() for step in room.steps]


def loaded_rooms() -> list[Room]:
    """The rooms that plug in.

    Raises:
        MachineError: one of them cannot be imported.
    """
    try:
        return rooms()
    except Exception as error:
        raise MachineError(
            f"a room listed in pyproject.toml under [tool.tradelake] cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def is_provisioned(lake: Settings) -> bool:
    """Whether everything that must be downloaded is here."""
    return (
        all(is_cached(lake, artefact) for artefact in needed())
        and all(is_complete(unpacked_path(lake, needed(group)[0])) for group in UNPACKED_GROUPS)
        and python_of("flink").exists()
    )


def provision_environment(group: str) -> str:
    """Make a Python environment; returns its interpreter."""
    try:
        return str(ensure(group))
    except EnvironmentFailure as failure:
        raise MachineError(str(failure)) from failure


def unpack_all(lake: Settings) -> None:
    """Unpack the distributions that are used unpacked."""
    for group in UNPACKED_GROUPS:
        unpack(lake, needed(group)[0])
