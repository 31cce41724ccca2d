"""The bridge as a process: one session after the other, for as long as it runs."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

import uvloop
from confluent_kafka import KafkaException
from prometheus_client import start_http_server
from websockets.exceptions import WebSocketException

from governance.contracts import contracts
from ingestion.bridge.feed import open_feed
from ingestion.bridge.metrics import RESTARTS
from ingestion.bridge.session import Session
from ingestion.bridge.sink import Sink
from ingestion.bridge.validation import Validator
from ingestion.exceptions import FeedError
from stack.connections import kafka_config

if TYPE_CHECKING:
    from stack.settings import Settings

log = logging.getLogger(__name__)
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
STEADY_S = 10.0
"""A session that lasted this long starts the pauses from the shortest again."""


class Bridge:
    """Carries a lake's feed into its Kafka."""

    def __init__(self, lake: Settings) -> None:
        self._kafka = kafka_config(lake)
        self._url = f"ws://{lake.address('exchange')}"
        self._validator = Validator(contracts(), lake.max_event_bytes, lake.max_clock_ahead_s)

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            FencedError: another bridge took over.
            FeedRewoundError: the exchange's ledger lost events that Kafka holds.
        """
        pause = FIRST_PAUSE_S
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._session()
            except (OSError, TimeoutError, WebSocketException, FeedError, KafkaException) as error:
                log.warning("%s: %s", type(error).__name__, error)
            if asyncio.get_running_loop().time() - started > STEADY_S:
                pause = FIRST_PAUSE_S
            RESTARTS.inc()
            log.info("next session in %.1f s", pause)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_S, 2 * pause)

    async def _session(self) -> None:
        async with open_feed(self._url) as (socket, _):
            sink = await asyncio.to_thread(Sink, self._kafka)
        async with open_feed(self._url) as (socket, hello):
            try:
                await Session(self._url, socket, hello, sink, self._validator).run()
            finally:
                await asyncio.to_thread(sink.close)


def main(lake: Settings) -> None:
    """Run the bridge in the foreground until SIGTERM or SIGINT.

    Raises:
        IngestionError: it cannot go on; the message says why.
    """

    async def run() -> None:
        work = asyncio.ensure_future(Bridge(lake).run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        try:
            await work
        except asyncio.CancelledError:
            log.info("stopped")

    start_http_server(lake.port("bridge_metrics"), addr=lake.host)
    uvloop.run(run())
