"""Settings of the market job."""

from __future__ import annotations

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class StreamingSettings(BaseSettings):
    """How the market job works; every field can be set as `LAKE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="LAKE_", extra="ignore", frozen=True)

    dedupe_window_h: float = Field(
        24.0,
        description="Hours for which an event's identity is remembered; a copy that comes later is a second row. "
        "Costs about 50 bytes of disk per event in the window.",
        gt=0,
    )
    max_event_depth: int = Field(
        64, description="Deepest nesting of an event's JSON; deeper ones are dead-lettered.", ge=2
    )
    transaction_timeout_s: int = Field(
        3600,
        description="Seconds for which Kafka keeps what the router wrote and could not commit yet: the longest outage "
        "after a crash that loses nothing in market.*. At most the broker's transaction.max.timeout.ms.",
        gt=0,
    )
    dead_letter_head_bytes: int = Field(
        65536, description="Bytes of each dead letter that raw.dead_letters keeps; the topic keeps all.", gt=0
    )


@cache
def streaming_settings() -> StreamingSettings:
    """The settings of this process, read once from the environment."""
    return StreamingSettings()  # type: ignore[call-arg]
