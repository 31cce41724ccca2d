"""The `lake` command line."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from stack.exceptions import LakeError
from stack.progress import console
from stack.registry import loaded_rooms
from stack.settings import settings
from stack.sql import Format

HELP = """Run a stock-trade lakehouse on this machine.

Exit codes: 0 done, 1 failed or not all ready, 2 wrong usage or an unreadable layer, 3 a download failed, 4 the machine lacks something,
5 a service did not start, 6 the lake is not up, 7 busy, 8 a statement was refused."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
out = Console()


@app.command()
def up() -> None:
    """Bring the lake up, or heal it: fetch, configure and start what is not running, and wait until all of it serves."""
    from stack.startup import up as bring_lake_up

    bring_lake_up(settings())
    console.print("[green]the lake is up[/]; `./lake status` shows it, `./lake sql` queries it")


@app.command()
def down() -> None:
    """Stop every process of the lake; all data stays."""
    from stack.startup import down as take_lake_down

    console.print("the lake is down; its data is kept" if take_lake_down(settings()) else "the lake was not up")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show what runs, where, with how much memory; exit 1 unless everything is ready."""
    from stack import status as report

    found = report.status(settings())
    if as_json:
        print(json.dumps(report.as_json(found), indent=1))
    else:
        out.print(report.as_table(found))
    if not all(each.ready for each in found):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Check this machine and this lake, and say what to do about each problem; exit 1 if something is wrong."""
    from stack.doctor import doctor as examine

    raise typer.Exit(examine(settings()))


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="As `lake status` names it, or `supervisord`.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as the log grows.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Lines from the end.", min=1)] = 100,
) -> None:
    """Print the end of a service's log."""
    from stack.probing import log_path

    path = log_path(settings(), service)
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in settings().logs.glob("*.log")))
        raise LakeError(f"{service!r} has no log in {settings().logs}; there are logs of {known or 'nothing yet'}")
    sys.stdout.flush()
    os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), str(path)])


@app.command()
def restart(service: Annotated[str, typer.Argument(help="As `lake status` names it.")]) -> None:
    """Restart one service and wait until it serves."""
    from stack.startup import restart as restart_service

    restart_service(settings(), service)


@app.command()
def sql(
    statement: Annotated[
        str | None, typer.Argument(help="One statement; without it, a prompt, or standard input.")
    ] = None,
    user: Annotated[str, typer.Option(help="admin, pipeline or analyst.")] = "admin",
    form: Annotated[Format, typer.Option("--format", help="How rows are printed.")] = Format.TABLE,
) -> None:
    """Query the lake through Trino, over TLS, as the user you name."""
    from stack.sql import prompt, query_trino, show

    if statement is None:
        prompt("lake", partial(query_trino, settings(), user=user), form)
    else:
        show(query_trino(settings(), statement, user), form)


@app.command()
def psql(
    statement: Annotated[
        str | None, typer.Argument(help="One statement; without it, a prompt, or standard input.")
    ] = None,
    database: Annotated[str, typer.Option(help="Postgres database.")] = "lake_catalog",
    form: Annotated[Format, typer.Option("--format", help="How rows are printed.")] = Format.TABLE,
) -> None:
    """Query the Postgres that holds the catalog."""
    from stack.sql import prompt, query_postgres, show

    if statement is None:
        prompt(database, partial(query_postgres, settings(), database=database), form)
    else:
        show(query_postgres(settings(), statement, database), form)


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="Really delete all data of this lake.")] = False) -> None:
    """Stop the lake and delete its data, logs and secrets; downloads stay."""
    from stack.startup import reset as delete_everything

    lake = settings()
    if not yes:
        raise LakeError(f"this deletes every row in {lake.home}; repeat with --yes if you mean it")
    delete_everything(lake)
    console.print(f"deleted the lake in {lake.home}")


@app.command()
def fetch() -> None:
    """Download and unpack everything that the lake runs on, without starting it."""
    from stack.startup import provision

    provision(settings())
    console.print(f"everything is in {settings().cache}")


@app.command()
def env(groups: Annotated[list[str], typer.Argument(help="core, dev, flink or lint")]) -> None:
    """Make or renew Python environments, and print the paths of their interpreters."""
    from stack.registry import provision_environment

    for group in groups:
        print(provision_environment(group))


def mount_rooms() -> None:
    """Add the rooms' commands."""
    for room in loaded_rooms():
        for name, command in room.commands.items():
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=name)
            else:
                app.command(name)(command)


def main() -> None:
    """Run the command line; an expected failure is one message and its own exit code."""
    try:
        mount_rooms()
        app()
    except LakeError as error:
        console.print(f"[bold red]lake:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        console.print("interrupted; what was under way can be repeated")
        sys.exit(130)
