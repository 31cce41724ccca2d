"""The pinned JVM and native artefacts: what `artefacts.lock` says, and which of them this machine needs."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stack.exceptions import MachineError

LOCK_FILE = Path(__file__).with_name("artefacts.lock")

_SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Artefact:
    """One file of a Maven repository, known by its checksum."""

    group: str
    """What needs it: `trino`, `kafka`, `flink`, `ecj`, `postgres` or `jmx`."""
    coordinate: str
    """`groupId:artifactId:version:packaging[:classifier]`."""
    size: int
    """Bytes."""
    sha256: str
    platform: str | None = None
    """`linux-amd64`, `linux-arm64`, `darwin-amd64`, `darwin-arm64`, or None for all."""

    @property
    def filename(self) -> str:
        """Name of the file in its repository."""
        _, artifact, version, packaging, *classifier = self.coordinate.split(":")
        return f"{'-'.join([artifact, version, *classifier])}.{packaging}"

    @property
    def repository_path(self) -> str:
        """Path below a Maven repository's root."""
        group_id, artifact, version, *_ = self.coordinate.split(":")
        return f"{group_id.replace('.', '/')}/{artifact}/{version}/{self.filename}"


def machine_platform() -> str:
    """This machine, in the words of `Artefact.platform`.

    Raises:
        MachineError: neither Linux nor macOS, or neither x86_64 nor arm64.
    """
    system, machine = _SYSTEMS.get(platform.system()), _MACHINES.get(platform.machine())
    if system is None or machine is None:
        found = f"{platform.system()} on {platform.machine()}"
        raise MachineError(f"the lake runs on Linux and macOS, x86_64 and arm64; this is {found}: use one of those")
    return f"{system}-{machine}"


@cache
def locked(lock_file: Path = LOCK_FILE) -> tuple[Artefact, ...]:
    """Every artefact in the lock file, for all platforms."""
    entries = json.loads(lock_file.read_text(encoding="utf-8"))["artefacts"]
    return tuple(Artefact(**entry) for entry in entries)


def needed(*groups: str) -> tuple[Artefact, ...]:
    """The artefacts of these groups (of all, when none is named) that this machine needs."""
    here = machine_platform()
    return tuple(
        artefact
        for artefact in locked()
        if artefact.platform in (None, here) and (not groups or artefact.group in groups)
    )
