from __future__ import annotations

from pathlib import Path

import pytest

from stack.docs import pages


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_the_reference_is_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], f"{path.name} is stale: run `make docs` and commit it"


def test_no_page_names_this_machine() -> None:
    assert [path.name for path, text in pages().items() if str(Path.home()) in text or str(Path.cwd()) in text] == []


def test_commands_of_rooms_are_among_them() -> None:
    text = "\n".join(pages().values())
    assert "## `lake up`" in text or "## `lake up [OPTIONS]`" in text
    assert "## `lake reconcile" in text
