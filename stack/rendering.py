"""Renders the configuration templates of `stack/templates/`; a variable that a template misses is an error."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from stack.services import File

TEMPLATES = Path(__file__).with_name("templates")

_environment = Environment(  # noqa: S701 - configuration files, not HTML
    loader=FileSystemLoader(TEMPLATES),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **variables: Any) -> str:
    """Text of `stack/templates/<template>.j2` with these variables.

    Raises:
        jinja2.UndefinedError: the template uses a variable that was not given.
    """
    return _environment.get_template(f"{template}.j2").render(**variables)


def write(file: File) -> bool:
    """Put the file in place atomically, never readable by more than its mode says; returns whether it changed."""
    file.path.parent.mkdir(parents=True, exist_ok=True)
    if file.path.is_file() and file.path.read_text(encoding="utf-8") == file.text:
        file.path.chmod(file.mode)
        return False
    write_atomically(file.path, file.text.encode(), file.mode)
    return True


def write_atomically(path: Path, content: bytes, mode: int) -> None:
    """Replace `path` by a whole new file, or leave it as it was."""
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), mode)
    Path(partial).rename(path)
