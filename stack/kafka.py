"""Kafka: one broker that is its own KRaft controller."""

from __future__ import annotations

import logging
import subprocess
import uuid
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from stack.artefacts import needed
from stack.connections import kafka_config
from stack.exceptions import StartError
from stack.fetching import cached_path
from stack.java import JAVA
from stack.rendering import render, write
from stack.services import File, Service

if TYPE_CHECKING:
    from pathlib import Path

    from stack.settings import Settings


_SILENT = logging.getLogger(f"{__name__}.probe")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


def service(lake: Settings) -> Service:
    """The one broker of the lake."""
    run, data = lake.run / "kafka", lake.data / "kafka"
    jars = [cached_path(lake, artefact) for artefact in needed("kafka")]
    properties, java, log4j = run / "server.properties", run / "java.args", run / "log4j2.yaml"
    files = (
        File(properties, render("kafka.properties", lake=lake, data=data)),
        File(java, render("kafka.java", lake=lake, log4j=log4j, jars=jars)),
        File(log4j, render("kafka.log4j2.yaml")),
    )
    return Service(
        name="kafka",
        command=(str(JAVA), f"@{java}", "kafka.Kafka", str(properties)),
        ready=lambda: _answers(lake),
        files=files,
        prepare=lambda: _format(files, data),
        memory_budget_mb=lake.kafka_heap_mb + 350,
        ports=("kafka", "kafka_controller"),
        url=lake.address("kafka"),
        stop_within_s=60,
    )


def _answers(lake: Settings) -> str | None:
    """Ask the broker for its metadata and for its transaction and group coordinators' willingness to serve."""
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(kafka_config(lake, logger=_SILENT, **{"socket.timeout.ms": 2000}))
    metadata = admin.list_topics(timeout=2)
    return None if metadata.brokers else "no broker has registered yet"


def _format(files: tuple[File, ...], data: Path) -> None:
    """Format the storage, once in a lake's life."""
    if (data / "meta.properties").exists():
        return
    for file in files:
        write(file)
    properties, java, _ = files
    identity = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    command = [str(JAVA), f"@{java.path}", "kafka.tools.StorageTool", "format", "--ignore-formatted"]
    command += ["--cluster-id", identity, "--config", str(properties.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartError(f"Kafka could not format {data}: {(done.stderr or done.stdout).strip()}")
