"""What this room adds to the lake: the raw tables, the market job and its keeper, `lake jobs` and `lake compact`."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from stack.rooms import Room, Step
from stack.services import Service
from stack.settings import REPO
from streaming.commands import compact, jobs
from streaming.keeper import not_working
from streaming.settings import streaming_settings
from streaming.tables import ensure_tables

if TYPE_CHECKING:
    from stack.settings import Settings


def services(lake: Settings) -> list[Service]:
    """The keeper of the market job, ready when the job works."""
    streaming = streaming_settings()
    return [
        Service(
            name="flink-jobs",
            command=(sys.executable, "-P", "-m", "streaming.keeper"),
            env={
                "PYTHONPATH": str(REPO),
                **{f"LAKE_{name.upper()}": str(value) for name, value in streaming.model_dump().items()},
            },
            after=("flink-taskmanager", "kafka", "postgres"),
            ready=partial(not_working, lake),
            ready_within_s=240,
            memory_budget_mb=160,
        )
    ]


ROOM = Room(
    name="streaming",
    services=services,
    steps=(Step(name="raw tables", after=("postgres",), run=ensure_tables),),
    commands={"jobs": jobs, "compact": compact},
)
