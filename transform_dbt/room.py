"""Plugs dbt into the lake: the profile that `lake up` writes, and `lake dbt`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from stack.exceptions import NotRunningError
from stack.rooms import Room, Step
from stack.settings import settings
from transform_dbt.profile import environment, write


class _PassThrough(TyperGroup):
    """A command that leaves every argument, `--help` included, to dbt."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = args
        return args

    def invoke(self, ctx: Any) -> Any:
        run_dbt(ctx.args)


def run_dbt(arguments: list[str]) -> None:
    """Become a dbt process for this lake.

    Raises:
        NotRunningError: the lake was never brought up, so that there is nothing to connect to.
    """
    lake = settings()
    try:
        write(lake)
    except FileNotFoundError as error:
        raise NotRunningError(f"there is no lake in {lake.home} to run dbt on; run `lake up`") from error
    dbt = Path(sys.executable).with_name("dbt")
    os.execve(dbt, [str(dbt), *arguments], environment(lake, os.environ))  # no shell is wanted


ROOM = Room(
    name="transform_dbt",
    steps=(Step(name="dbt profile", after=("trino",), run=write),),
    commands={
        "dbt": typer.Typer(cls=_PassThrough, help="Run dbt on this lake: `lake dbt build`, `lake dbt test`, ...")
    },
)
