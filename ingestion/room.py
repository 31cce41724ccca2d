"""What this room adds to the lake: the topics, the exchange, the bridge, and `lake stream`."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from ingestion.probes import bridge_not_ready, exchange_not_ready
from ingestion.stream import stream
from ingestion.topics import ensure_topics
from stack.rooms import Room, Step
from stack.services import Service
from stack.settings import REPO

if TYPE_CHECKING:
    from stack.settings import Settings


def services(lake: Settings) -> list[Service]:
    """The exchange, and the bridge that carries its feed into Kafka."""
    env = {"PYTHONPATH": str(REPO)}
    exchange = Service(
        name="exchange",
        command=(sys.executable, "-P", "-m", "ingestion.exchange", "--serve"),
        env=env,
        ready=partial(exchange_not_ready, lake),
        memory_budget_mb=256,
        ports=("exchange",),
        url=f"ws://{lake.address('exchange')}",
        ready_within_s=60,
    )
    bridge = Service(
        name="bridge",
        command=(sys.executable, "-P", "-m", "ingestion.bridge"),
        env=env,
        after=("kafka", "exchange"),
        ready=partial(bridge_not_ready, lake),
        memory_budget_mb=512,
        ports=("bridge_metrics",),
        url=f"http://{lake.address('bridge_metrics')}/metrics",
    )
    return [exchange, bridge]


ROOM = Room(
    name="ingestion",
    services=services,
    steps=(Step(name="topics", after=("kafka",), run=ensure_topics),),
    commands={"stream": stream},
)
