"""The lake's generated secrets: passwords, and a certificate authority with the server certificate it signed.

Made once per lake in `secrets/` (mode 0700, files 0600). Only certificates are ever renewed, when they near their end.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import secrets
from typing import TYPE_CHECKING

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stack.connections import TRINO_USERS
from stack.rendering import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from stack.settings import Settings

    PrivateKey = ec.EllipticCurvePrivateKey

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
RENEW_BEFORE_DAYS = 30
BCRYPT_ROUNDS = 10


def ensure_credentials(lake: Settings) -> None:
    """Generate what is missing; renew certificates that end within a month or do not name the lake's host."""
    lake.secrets.mkdir(parents=True, exist_ok=True)
    lake.secrets.chmod(0o700)
    passwords = ["postgres.password", "trino.shared-secret", *(f"trino.{user}.password" for user in TRINO_USERS)]
    for name in passwords:
        if not (lake.secrets / name).exists():
            write_atomically(lake.secrets / name, f"{secrets.token_urlsafe(32)}\n".encode(), 0o600)
    _ensure_password_database(lake)
    _ensure_certificates(lake)


def _ensure_password_database(lake: Settings) -> None:
    """The bcrypt file that Trino checks passwords against; rewritten when it does not match them."""
    path = lake.secrets / "trino.password.db"
    known = dict(line.split(":", 1) for line in path.read_text("utf-8").splitlines()) if path.exists() else {}
    current = {user: lake.secret(f"trino.{user}.password").encode() for user in TRINO_USERS}
    if known.keys() == current.keys() and all(bcrypt.checkpw(current[user], known[user].encode()) for user in known):
        return
    salted = {user: bcrypt.hashpw(password, bcrypt.gensalt(BCRYPT_ROUNDS)) for user, password in current.items()}
    lines = [f"{user}:{digest.decode().replace('$2b$', '$2y$', 1)}" for user, digest in salted.items()]
    write_atomically(path, ("\n".join(lines) + "\n").encode(), 0o600)


def _ensure_certificates(lake: Settings) -> None:
    authority, authority_key = lake.secrets / "ca.pem", lake.secrets / "ca.key"
    if not _is_valid(authority) or not authority_key.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        write_atomically(authority_key, _private(key), 0o600)
        write_atomically(authority, _authority(key).public_bytes(serialization.Encoding.PEM), 0o600)
        (lake.secrets / "server.pem").unlink(missing_ok=True)
    server = lake.secrets / "server.pem"
    if not _is_valid(server, lake.host):
        write_atomically(server, _server(lake, authority, authority_key), 0o600)


def _is_valid(path: Path, host: str | None = None) -> bool:
    if not path.exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    extensions = certificate.extensions
    names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value) if host else []
    remaining = certificate.not_valid_after_utc - dt.datetime.now(dt.UTC)
    return remaining > dt.timedelta(days=RENEW_BEFORE_DAYS) and (host is None or _name(host) in names)


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _private(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: PrivateKey, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _authority(key: PrivateKey) -> x509.Certificate:
    name = _subject("tradelake local authority")
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = _builder(name, name, key, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())


def _server(lake: Settings, authority: Path, authority_key: Path) -> bytes:
    """Certificate, key and authority in one file, as Trino's keystore wants them."""
    issuer = x509.load_pem_x509_certificate(authority.read_bytes())
    signer = serialization.load_pem_private_key(authority_key.read_bytes(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 - we wrote it
    key = ec.generate_private_key(ec.SECP256R1())
    hosts = dict.fromkeys([lake.host, "localhost", "127.0.0.1", "::1"])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    certificate = (
        _builder(_subject(lake.host), issuer.subject, key, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return certificate.public_bytes(pem) + _private(key) + issuer.public_bytes(pem)
