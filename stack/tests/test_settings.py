from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from stack.settings import PORT_OFFSETS, Settings


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAKE_HOME", str(tmp_path))
    monkeypatch.setenv("LAKE_PORT_BASE", "23000")
    lake = Settings()  # type: ignore[call-arg]
    assert lake.home == tmp_path
    assert lake.port("kafka") == 23000 + PORT_OFFSETS["kafka"]
    assert lake.address("trino") == f"127.0.0.1:{lake.port('trino')}"


def test_a_relative_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(home=Path("here")).home == tmp_path / "here"  # type: ignore[call-arg]


def test_no_two_listeners_share_a_port() -> None:
    assert len(set(PORT_OFFSETS.values())) == len(PORT_OFFSETS)


def test_every_setting_explains_itself() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(("name", "value"), [("port_base", 80), ("port_base", 65536), ("checkpoint_interval_s", 0)])
def test_refuses_what_cannot_work(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: value})


def test_a_secret_comes_without_its_line_end(bare_lake: Settings) -> None:
    bare_lake.secrets.mkdir(parents=True)
    (bare_lake.secrets / "some").write_text("word\n")
    assert bare_lake.secret("some") == "word"
