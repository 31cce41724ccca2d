from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from stack import kafka, postgres, trino
from stack.credentials import ensure_credentials
from stack.rendering import render, write
from stack.services import File, Service
from stack.settings import Settings

FACTORIES = [postgres.service, kafka.service, trino.service]


@pytest.fixture
def lake(bare_lake: Settings) -> Settings:
    ensure_credentials(bare_lake)
    return bare_lake


def test_a_template_must_get_every_variable() -> None:
    with pytest.raises(UndefinedError):
        render("kafka.properties")


def test_writes_only_what_changed_and_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "file"
    assert write(File(path, "a", 0o600))
    assert not write(File(path, "a", 0o600))
    assert path.stat().st_mode & 0o777 == 0o600
    assert write(File(path, "b"))
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_file_opened_to_others_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write(File(path, "a", 0o600))
    path.chmod(0o644)
    write(File(path, "a", 0o600))
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("factory", FACTORIES)
def test_secrets_stand_only_in_files_of_the_owner(factory: object, lake: Settings) -> None:
    service = factory(lake)  # type: ignore[operator]
    assert isinstance(service, Service)
    secrets = [path.read_text().strip() for path in lake.secrets.iterdir()]
    assert not any(secret in " ".join(service.command) for secret in secrets)
    holding = [file for file in service.files if any(secret in file.text for secret in secrets)]
    assert all(file.mode == 0o600 for file in holding)


def test_kafka_and_postgres_are_told_the_lakes_address(lake: Settings) -> None:
    properties = kafka.service(lake).files[0].text
    assert f"PLAINTEXT://{lake.address('kafka')}" in properties
    assert "0.0.0.0" not in properties
    assert f"port = {lake.port('postgres')}" in postgres.service(lake).files[0].text


def test_another_setting_is_another_fingerprint(lake: Settings) -> None:
    other = lake.model_copy(update={"kafka_heap_mb": lake.kafka_heap_mb + 1})
    assert kafka.service(lake).fingerprint == kafka.service(lake).fingerprint
    assert kafka.service(lake).fingerprint != kafka.service(other).fingerprint
