"""The `lake` command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from stack.exceptions import LakeError
from stack.progress import console
from stack.settings import settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def up() -> None:
    """Bring the lake up, or heal it: fetch, configure and start what is not running, and wait until all of it serves."""
    from stack.startup import up as bring_lake_up

    bring_lake_up(settings())


@app.command()
def down() -> None:
    """Stop every process of the lake; all data stays."""
    from stack.startup import down as take_lake_down

    console.print("the lake is down; its data is kept" if take_lake_down(settings()) else "the lake was not up")


@app.command()
def env(group: Annotated[str, typer.Argument(help="core, dev, flink or lint")]) -> None:
    """Make or renew a Python environment, and print the path of its interpreter."""
    from stack.registry import provision_environment

    print(provision_environment(group))


def main() -> None:
    """Run the command line; an expected failure is one message and its own exit code."""
    try:
        app()
    except LakeError as error:
        console.print(f"[bold red]lake:[/] {error}", soft_wrap=True)
        sys.exit(error.exit_code)
