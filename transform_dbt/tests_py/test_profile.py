from pathlib import Path

import pytest
import yaml

from stack.settings import Settings
from transform_dbt import profile


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "trino.pipeline.password").write_text("s3cret: '#\n", "utf-8")
    return Settings(home=tmp_path, port_base=24000, catalog="staging")  # type: ignore[call-arg]


def test_written_profile_reaches_the_lake_and_is_for_its_owner_alone(lake: Settings) -> None:
    profile.write(lake)
    path = lake.run / "dbt" / "profiles.yml"
    assert path.stat().st_mode & 0o777 == 0o600
    trino = yaml.safe_load(path.read_text("utf-8"))["tradelake"]["outputs"]["staging"]
    assert (trino["host"], trino["port"], trino["database"]) == ("127.0.0.1", 24008, "staging")
    assert trino["password"] == "s3cret: '#"
    assert trino["cert"] == str(lake.secrets / "ca.pem")


def test_another_lake_leaves_the_project_alone(lake: Settings) -> None:
    link = profile.PROJECT / "profiles.yml"
    before = link.is_symlink()
    profile.write(lake)
    assert link.is_symlink() == before


def test_default_lake_is_linked_into_the_project(
    lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.setattr(profile, "PROJECT", project)
    monkeypatch.setattr(profile, "DEFAULT_HOME", lake.home)
    profile.write(lake)
    profile.write(lake)
    assert yaml.safe_load((project / "profiles.yml").read_text("utf-8")) == profile.profile(lake)


def test_a_profile_of_ones_own_is_not_replaced(lake: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "profiles.yml"
    own.write_text("mine", "utf-8")
    monkeypatch.setattr(profile, "PROJECT", tmp_path)
    monkeypatch.setattr(profile, "DEFAULT_HOME", lake.home)
    profile.write(lake)
    assert own.read_text("utf-8") == "mine"


def test_environment_trusts_the_lakes_authority_and_holds_no_secret(lake: Settings) -> None:
    inherited = {"PATH": "/bin", "REQUESTS_CA_BUNDLE": "/etc/other.pem", "CURL_CA_BUNDLE": "/etc/other.pem"}
    environment = profile.environment(lake, inherited)
    assert environment["PATH"] == "/bin"
    assert not {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} & environment.keys()
    assert environment["DBT_PROFILES_DIR"] == str(lake.run / "dbt")
    assert "s3cret" not in " ".join(environment.values())
