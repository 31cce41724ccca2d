"""Asks the exchange and the bridge whether they do their work."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import requests
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from ingestion.exceptions import FeedError
from ingestion.protocol import Hello, control_decoder

if TYPE_CHECKING:
    from stack.settings import Settings

TIMEOUT_S = 2.0


def greeting(lake: Settings) -> Hello:
    """What the exchange greets with.

    Raises:
        FeedError: it does not answer, or something else does.
    """
    url = f"ws://{lake.address('exchange')}"
    try:
        with connect(url, open_timeout=TIMEOUT_S, close_timeout=TIMEOUT_S, compression=None, proxy=None) as socket:
            hello = control_decoder.decode(socket.recv(TIMEOUT_S))
    except (OSError, TimeoutError, ValueError, WebSocketException) as error:
        raise FeedError(f"the exchange does not answer at {url} ({error}); run `lake up`") from error
    if not isinstance(hello, Hello):
        raise FeedError(f"{url} greets with {hello}, not as an exchange does; see `lake doctor`")
    return hello


def exchange_not_ready(lake: Settings) -> str | None:
    """None when the exchange greets its clients, else why not."""
    try:
        greeting(lake)
    except FeedError as error:
        return str(error)
    return None


def gauge(lake: Settings, name: str) -> float | None:
    """Sum over the labels of one of the bridge's gauges; None when it has none or the bridge does not answer."""
    session = requests.Session()
    session.trust_env = False
    try:
        text = session.get(f"http://{lake.address('bridge_metrics')}/metrics", timeout=TIMEOUT_S).text
    except requests.RequestException:
        return None
    found = re.findall(rf"^tradelake_bridge_{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found)) if found else None


def bridge_not_ready(lake: Settings) -> str | None:
    """None when the bridge is subscribed to the feed and can write to Kafka, else why not."""
    connected = gauge(lake, "connected")
    if connected is None:
        return "its metrics do not answer"
    return None if connected == 1 else "it is not connected to the exchange and Kafka yet"
