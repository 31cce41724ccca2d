"""Renews `artefacts.lock` (`python -m stack.lock`): resolves the coordinates below and measures every file.

For maintainers: change a version here, run it, start a lake, commit both files.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict

from jgo.maven import Artifact, Dependency, MavenContext

from stack.artefacts import LOCK_FILE, Artefact

COORDINATES = {
    "trino": ["io.trino:trino-server:476:tar.gz"],
    "kafka": ["org.apache.logging.log4j:log4j-slf4j-impl:2.25.5:jar"],  # same version as its own log4j-core
    "flink": [
        "org.apache.flink:flink-sql-connector-kafka:4.0.1-2.0:jar",
        "org.apache.iceberg:iceberg-flink-runtime-2.1:1.11.0:jar",
        "org.apache.hadoop:hadoop-client-api:3.4.3:jar",
        "org.apache.hadoop:hadoop-client-runtime:3.4.3:jar",
        "org.postgresql:postgresql:42.7.14:jar",
    ],
    "ecj": ["org.eclipse.jdt:ecj:3.40.0:jar"],  # compiles streaming/java, for the Java runtime has no compiler
    "jmx": ["io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1:jar"],
}
WITH_DEPENDENCIES = {"kafka": "org.apache.kafka:kafka_2.13:4.4.0:jar"}
POSTGRES = "io.zonky.test.postgres:embedded-postgres-binaries-{}:18.6.0:jar"
POSTGRES_PLATFORMS = {
    "linux-amd64": "linux-amd64",
    "linux-arm64": "linux-arm64v8",
    "darwin-amd64": "darwin-amd64",
    "darwin-arm64": "darwin-arm64v8",
}


def _artifact(maven: MavenContext, coordinate: str) -> Artifact:
    group_id, artifact_id, version, packaging, *classifier = coordinate.split(":")
    component = maven.project(group_id, artifact_id).at_version(version)
    return component.artifact(classifier="".join(classifier), packaging=packaging)


def _closure(maven: MavenContext, coordinate: str) -> list[str]:
    """The artefact and everything that it needs at run time."""
    _, dependencies = maven.resolver.resolve([Dependency(_artifact(maven, coordinate), scope="compile")])
    needed = [d.artifact for d in dependencies if d.scope in ("compile", "runtime") and not d.optional]
    parts = [(a.groupId, a.artifactId, a.version, a.packaging, a.classifier) for a in needed]
    return [coordinate, *(":".join(part for part in each if part) for each in parts)]


def _measure(maven: MavenContext, group: str, coordinate: str, platform: str | None = None) -> Artefact:
    print(f"{group}: {coordinate}", file=sys.stderr)
    path = _artifact(maven, coordinate).resolve()
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Artefact(group, coordinate, path.stat().st_size, sha256, platform)


def main() -> None:
    """Write the lock file."""
    maven = MavenContext(timeout=60)
    wanted: list[tuple[str, str, str | None]]
    wanted = [(group, coordinate, None) for group, listed in COORDINATES.items() for coordinate in listed]
    wanted += [(group, each, None) for group, root in WITH_DEPENDENCIES.items() for each in _closure(maven, root)]
    wanted += [("postgres", POSTGRES.format(name), here) for here, name in POSTGRES_PLATFORMS.items()]
    ordered = sorted(set(wanted), key=str)
    entries = [{k: v for k, v in asdict(_measure(maven, *each)).items() if v is not None} for each in ordered]
    lock = {"about": "Written by `python -m stack.lock`; do not edit.", "artefacts": entries}
    LOCK_FILE.write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
