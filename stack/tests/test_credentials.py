from __future__ import annotations

import ipaddress

import bcrypt
import pytest
from cryptography import x509

from stack.connections import TRINO_USERS
from stack.credentials import ensure_credentials
from stack.settings import Settings


@pytest.fixture
def lake(bare_lake: Settings) -> Settings:
    ensure_credentials(bare_lake)
    return bare_lake


def _contents(lake: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in lake.secrets.iterdir()}


def test_nobody_else_can_read_them(lake: Settings) -> None:
    assert lake.secrets.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in lake.secrets.iterdir()} == {0o600}


def test_they_are_made_once(lake: Settings) -> None:
    before = _contents(lake)
    ensure_credentials(lake)
    assert _contents(lake) == before


def test_no_two_lakes_share_any(lake: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = lake.model_copy(update={"home": tmp_path_factory.mktemp("other")})
    ensure_credentials(other)
    assert not set(_contents(lake).values()) & set(_contents(other).values())


def test_trino_gets_the_passwords_as_digests(lake: Settings) -> None:
    database = (lake.secrets / "trino.password.db").read_text().splitlines()
    digests = dict(line.split(":") for line in database)
    assert set(digests) == set(TRINO_USERS)
    for user, digest in digests.items():
        assert digest.startswith("$2y$")
        assert bcrypt.checkpw(lake.secret(f"trino.{user}.password").encode(), digest.encode())


def test_a_changed_password_reaches_trino(lake: Settings) -> None:
    (lake.secrets / "trino.analyst.password").write_text("changed\n")
    ensure_credentials(lake)
    database = (lake.secrets / "trino.password.db").read_text().splitlines()
    digest = next(line for line in database if line.startswith("analyst:")).split(":")[1]
    assert bcrypt.checkpw(b"changed", digest.encode())


def test_the_certificate_names_the_host_and_the_authority_signed_it(lake: Settings) -> None:
    authority = x509.load_pem_x509_certificate((lake.secrets / "ca.pem").read_bytes())
    server = x509.load_pem_x509_certificate((lake.secrets / "server.pem").read_bytes())
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert x509.IPAddress(ipaddress.ip_address(lake.host)) in list(names)


def test_another_host_gets_another_certificate_from_the_same_authority(lake: Settings) -> None:
    before = _contents(lake)
    ensure_credentials(lake.model_copy(update={"host": "10.0.0.7"}))
    after = _contents(lake)
    assert {name for name in before if before[name] != after[name]} == {"server.pem"}
