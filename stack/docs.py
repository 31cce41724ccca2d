"""Writes the reference pages that follow from the code: `python -m stack.docs`, which is `make docs`."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer.main

from stack.cli import app, mount_rooms
from stack.settings import PORT_OFFSETS, REPO, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = REPO / "docs" / "reference"
GENERATED = "<!-- Written by `make docs` from the code; change the code instead. -->"
_OPTIONS_OF_EVERY_COMMAND = ("help", "install_completion", "show_completion")


def pages() -> dict[Path, str]:
    """Text of every generated page, by its place."""
    return {REFERENCE / "settings.md": settings_page(), REFERENCE / "cli.md": cli_page()}


def settings_page() -> str:
    """What every variable means, and what it is when nobody sets it."""
    rows = [
        f"| `LAKE_{name.upper()}` | {_default(field.default)} | {_cell(field.description or '')} |"
        for name, field in Settings.model_fields.items()
    ]
    ports = [f"| {name} | base + {offset} |" for name, offset in PORT_OFFSETS.items()]
    return _page(
        "Settings",
        "Environment variables that `./lake` reads. Each has a default that works on one machine; a changed one takes "
        "effect at the next `./lake up`, which restarts just the services that it concerns.",
        "| variable | default | meaning |\n|---|---|---|\n" + "\n".join(rows),
        "## Ports\n\nEvery listener is at `LAKE_HOST` and a fixed distance from `LAKE_PORT_BASE`.",
        "| listener | port |\n|---|---|\n" + "\n".join(ports),
    )


def _default(value: Any) -> str:
    if isinstance(value, Path):
        for root, shown in ((REPO, ""), (Path.home(), "~/")):
            if value.is_relative_to(root):
                return f"`{shown}{value.relative_to(root)}`"
    return "empty" if value == "" else f"`{value}`"


@cache
def _command_tree() -> Any:
    mount_rooms()
    return typer.main.get_command(app)


def cli_page() -> str:
    """Every command, those of the rooms included, with its arguments and options."""
    root = _command_tree()
    return _page("The `lake` command", _text(root), *_sections(root, "lake"))


def _sections(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        full = f"{path} {name}"
        yield "\n\n".join(part for part in (f"## `{_usage(command, full)}`", _text(command), _table(command)) if part)
        if hasattr(command, "commands"):
            yield from _sections(command, full)


def _usage(command: Any, path: str) -> str:
    context = command.context_class(command, info_name=path)
    return " ".join([path, *command.collect_usage_pieces(context)])


def _text(command: Any) -> str:
    return inspect.cleandoc(command.help or "")


def _table(command: Any) -> str:
    shown = [each for each in command.params if each.name not in _OPTIONS_OF_EVERY_COMMAND]
    if not shown:
        return ""
    rows = [f"| {_names(each)} | {_parameter_default(each)} | {_cell(each.help or '')} |" for each in shown]
    return "| argument or option | default | meaning |\n|---|---|---|\n" + "\n".join(rows)


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name}`"
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _parameter_default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default is None or parameter.default is False or callable(parameter.default):
        return ""
    return _default(getattr(parameter.default, "value", parameter.default))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", GENERATED, *parts]) + "\n"


def main() -> None:
    """Write all pages."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(REPO))


if __name__ == "__main__":
    main()
