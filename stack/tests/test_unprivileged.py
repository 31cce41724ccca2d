from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack.unprivileged import is_open_to_all

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root on Linux gives up root")

PROGRAM = """
import os, sys
from pathlib import Path
from stack.unprivileged import give_up_root
file = Path(sys.argv[1])
give_up_root(file)
print(os.geteuid(), file.read_text())
try:
    file.write_text("spoilt")
except PermissionError:
    print("refused")
"""


def _run(file: Path) -> list[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(file)], capture_output=True, text=True, check=True)
    return done.stdout.split()


def _file(directory: Path, mode: int) -> Path:
    directory.mkdir()
    file = directory / "file"
    file.write_text("kept")
    file.chmod(0o644)
    directory.chmod(mode)
    return file


def test_reaches_into_a_closed_directory_but_writes_nothing(tmp_path: Path) -> None:
    file = _file(tmp_path / "closed", 0o700)
    assert not is_open_to_all(file)
    user, content, refused = _run(file)
    assert user != "0"
    assert (content, refused) == ("kept", "refused")
    assert file.read_text() == "kept"
