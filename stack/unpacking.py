"""Unpacks distributions beside the downloads in the cache: whole or not at all, and checked before each use."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.exceptions import FetchError
from stack.fetching import cached_path, fetch, is_intact

if TYPE_CHECKING:
    from stack.artefacts import Artefact
    from stack.settings import Settings

MANIFEST = ".manifest.json"
RECIPE = 1
"""Raise it when the same archive is to be unpacked differently."""

_SAFELY: dict[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
"""Python before 3.11.4 has no filters; what we unpack is pinned by checksum in any case."""

TRINO_PLUGINS = frozenset(
    {
        "blackhole",
        "exchange-filesystem",
        "geospatial",
        "http-event-listener",
        "iceberg",
        "jmx",
        "memory",
        "mysql-event-listener",
        "openlineage",
        "password-authenticators",
        "resource-group-managers",
        "session-property-managers",
        "tpch",
    }
)
"""Plugins kept of the sixty in the distribution."""


def unpacked_path(lake: Settings, artefact: Artefact) -> Path:
    """Where the artefact's content is, once unpacked."""
    recipe = hashlib.sha256(f"{artefact.sha256} {RECIPE} {sorted(TRINO_PLUGINS)}".encode()).hexdigest()[:16]
    name = artefact.filename.removesuffix(".jar").removesuffix(".tar.gz")
    return lake.cache / "unpacked" / f"{name}-{recipe}"


def unpack(lake: Settings, artefact: Artefact) -> Path:
    """Directory of the artefact's content, unpacked now unless an intact copy is there.

    Raises:
        FetchError: the archive cannot be fetched or read.
    """
    home = unpacked_path(lake, artefact)
    if is_complete(home):
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f".{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_complete(home):
            _unpack(lake, artefact, home)
    return home


def is_complete(home: Path) -> bool:
    """Whether every file that was unpacked is still there with its size."""
    try:
        manifest = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return all(_size(home / name) == size for name, size in manifest.items())


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return -1


def _unpack(lake: Settings, artefact: Artefact, home: Path) -> None:
    archive = fetch(lake, artefact)
    if not is_intact(archive, artefact):
        cached_path(lake, artefact).unlink()
        archive = fetch(lake, artefact)
    for leftover in home.parent.glob(f".{home.name}.tmp*"):
        shutil.rmtree(leftover)
    shutil.rmtree(home, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{home.name}.tmp", dir=home.parent))
    partial.chmod(0o755)
    try:
        _extract(archive, partial, artefact.group)
    except (tarfile.TarError, zipfile.BadZipFile, OSError) as error:
        shutil.rmtree(partial)
        raise FetchError(f"cannot unpack {archive} into {home}: {error}; check the disk and repeat") from error
    _write_manifest(partial)
    partial.rename(home)


def _extract(archive: Path, target: Path, group: str) -> None:
    if group == "postgres":
        _extract_postgres(archive, target)
        return
    with tarfile.open(archive) as tar:
        tar.extractall(target, **_SAFELY)  # noqa: S202  # filtered
    if group == "trino":
        _keep_needed_plugins(target)


def _extract_postgres(archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as jar:
        inner = next(name for name in jar.namelist() if name.endswith(".txz"))
        with jar.open(inner) as file, tarfile.open(fileobj=file, mode="r|xz") as tar:
            tar.extractall(target, **_SAFELY)  # noqa: S202  # filtered


def _keep_needed_plugins(target: Path) -> None:
    """Drop unneeded plugins after extraction: kept ones are hard links into dropped ones, so none can be skipped."""
    root = next(target.iterdir())
    for plugin in (root / "plugin").iterdir():
        if plugin.name not in TRINO_PLUGINS:
            shutil.rmtree(plugin)
    shutil.rmtree(root / "bin")
    shutil.rmtree(root / "secrets-plugin", ignore_errors=True)
    for entry in root.iterdir():
        entry.rename(target / entry.name)
    root.rmdir()


def _write_manifest(home: Path) -> None:
    files = [path for path in sorted(home.rglob("*")) if not path.is_dir() or path.is_symlink()]
    manifest = {str(path.relative_to(home)): path.lstat().st_size for path in files}
    with (home / MANIFEST).open("w", encoding="utf-8") as file:
        json.dump(manifest, file)
        file.flush()
        os.fsync(file.fileno())
