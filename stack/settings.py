"""Where a lake lives and what it listens on: the one class every room reads its surroundings from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

REPO = Path(__file__).resolve().parent.parent

PORT_OFFSETS: dict[str, int] = {
    "postgres": 0,
    "kafka": 1,
    "kafka_controller": 2,
    "flink_rest": 3,
    "flink_jobmanager_rpc": 4,
    "flink_blob": 5,
    "flink_taskmanager_rpc": 6,
    "flink_taskmanager_data": 7,
    "trino": 8,
    "trino_http": 9,
    "exchange": 10,
    "bridge_metrics": 11,
    "flink_jobmanager_metrics": 12,
    "flink_taskmanager_metrics": 13,
}
"""Every listening port, as an offset from `LAKE_PORT_BASE`."""


class Settings(BaseSettings):
    """One lake. Two lakes run side by side when `LAKE_HOME` and `LAKE_PORT_BASE` both differ."""

    model_config = SettingsConfigDict(env_prefix="LAKE_", extra="ignore", frozen=True)

    home: Path = Field(REPO / ".lake", description="Directory of all state: data, run, logs, secrets.")
    cache: Path = Field(
        Path.home() / ".cache" / "tradelake", description="Downloads, shared by every lake and kept by checksum."
    )
    maven_repository: str = Field(
        "", description="Root URL of the Maven repository to fetch from; empty means the public default."
    )
    host: str = Field("127.0.0.1", description="Address every service binds; loopback unless you say otherwise.")
    port_base: int = Field(
        18400, description="First of the consecutive ports that this lake listens on.", ge=1024, le=65000
    )
    catalog: str = Field("dev", description="Iceberg catalog name; one per environment: dev, staging, prod.")
    checkpoint_interval_s: float = Field(
        10.0, description="Seconds between Flink checkpoints, which is the freshness of raw tables.", gt=0
    )
    max_clock_ahead_s: int = Field(
        300, description="Seconds an event time may lie after its ingest time before it is dead-lettered.", ge=0
    )
    max_event_bytes: int = Field(
        1_000_000, description="Largest single event, in bytes; larger ones are dead-lettered.", gt=0
    )
    raw_partitions: int = Field(4, description="Partitions of market.raw and of each routed topic.", ge=1)

    postgres_shared_buffers_mb: int = Field(64, description="Postgres page cache, in MB.", ge=16)
    kafka_heap_mb: int = Field(512, description="Java heap of the Kafka broker, in MB.", ge=256)
    kafka_retention_ms: int = Field(
        -1,
        description="Milliseconds that Kafka keeps records; -1 keeps them for ever, so that any table can be rebuilt.",
    )
    flink_jobmanager_heap_mb: int = Field(256, description="Java heap of the Flink JobManager, in MB.", ge=128)
    flink_taskmanager_mb: int = Field(1728, description="Whole memory of the Flink TaskManager, in MB.", ge=1024)
    flink_managed_mb: int = Field(
        320, description="Part of the TaskManager's memory that Flink manages itself (RocksDB state), in MB.", ge=0
    )
    flink_task_slots: int = Field(4, description="Task slots of the one TaskManager.", ge=1)
    flink_parallelism: int = Field(2, description="Default parallelism of Flink jobs.", ge=1)
    trino_heap_mb: int = Field(2048, description="Java heap of Trino, in MB.", ge=1024)

    @field_validator("home", "cache")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().resolve()

    @property
    def data(self) -> Path:
        """State that only `lake reset` deletes."""
        return self.home / "data"

    @property
    def run(self) -> Path:
        """Rendered configs and pid files; rewritten by every `lake up`."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """One log file per service."""
        return self.home / "logs"

    @property
    def secrets(self) -> Path:
        """Generated passwords and keys, mode 0600."""
        return self.home / "secrets"

    @property
    def warehouse(self) -> Path:
        """Root of the Iceberg tables' files."""
        return self.data / "warehouse"

    def port(self, name: str) -> int:
        """Port of a listener named in `PORT_OFFSETS`."""
        return self.port_base + PORT_OFFSETS[name]

    def address(self, name: str) -> str:
        """`host:port` of a listener named in `PORT_OFFSETS`."""
        return f"{self.host}:{self.port(name)}"

    def secret(self, name: str) -> str:
        """Content of the secret `name`.

        Raises:
            FileNotFoundError: the lake was never brought up; `lake up` generates secrets.
        """
        return (self.secrets / name).read_text(encoding="utf-8").strip()


@cache
def settings() -> Settings:
    """The settings of this process, read once from the environment."""
    return Settings()  # type: ignore[call-arg]
