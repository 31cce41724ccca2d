"""The websocket feed. Every byte that a client gets is read from the ledger, so a slow client costs no memory."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ingestion.exchange.framing import Framer, cut
from ingestion.protocol import (
    CHANNELS,
    HEARTBEAT_S,
    MOST_BATCH,
    VERSION,
    Heartbeat,
    Hello,
    Refusal,
    Replay,
    ReplayEnd,
    Subscribe,
    Subscribed,
    encode_control,
    request_decoder,
)

if TYPE_CHECKING:
    from ingestion.exchange.ledger import Position
    from ingestion.exchange.ledger_writer import LedgerWriter

log = logging.getLogger(__name__)
REQUEST_BYTES = 64 << 10
SEND_BUFFER_BYTES = 1 << 20
MOST_CLIENTS = 64


class RefusedError(Exception):
    """A client asked for something it cannot have."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FeedServer:
    """Serves one exchange's ledger to any number of clients."""

    def __init__(self, writer: LedgerWriter) -> None:
        self.writer = writer
        self._clients: set[_Client] = set()

    def start(self, host: str, port: int) -> AbstractAsyncContextManager[Server]:
        """The server, as an asynchronous context manager."""
        return serve(
            self._handle,
            host,
            port,
            compression=None,
            max_size=REQUEST_BYTES,
            write_limit=SEND_BUFFER_BYTES,
            ping_interval=None,
            server_header=None,
        )

    def published(self) -> None:
        """Wake the clients: the ledger has grown."""
        for client in self._clients:
            client.news.set()

    async def _handle(self, socket: ServerConnection) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            await socket.close(1013, f"the feed serves {MOST_CLIENTS} clients already; try later")
            return
        client = _Client(self.writer, socket)
        self._clients.add(client)
        try:
            await client.serve()
        finally:
            self._clients.discard(client)


class _Client:
    def __init__(self, writer: LedgerWriter, socket: ServerConnection) -> None:
        self.news = asyncio.Event()
        self._writer = writer
        self._socket = socket
        self._wanted: dict[str, int] = {}
        """Next sequence number to send, of each subscribed channel."""
        self._subscribed = asyncio.Event()
        self._framer = Framer(1, 1)

    async def serve(self) -> None:
        await self._tell(Hello(VERSION, self._writer.ledger.feed_id, self._writer.last_seq))
        tasks = [asyncio.create_task(work()) for work in (self._listen, self._send, self._beat)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            if (error := task.exception()) and not isinstance(error, ConnectionClosed):
                log.error("client %s failed", self._socket.remote_address, exc_info=error)
                await self._socket.close(1011, "internal error")

    async def _tell(self, message: Any) -> None:
        await self._socket.send(encode_control(message))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            sent = {channel: seq - 1 for channel, seq in self._wanted.items()}
            now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            await self._tell(Heartbeat(now, self._writer.last_seq, sent))

    async def _listen(self) -> None:
        async for text in self._socket:
            try:
                request = self._parse(text)
                if isinstance(request, Subscribe):
                    await self._subscribe(request)
                else:
                    await self._replay(request)
            except RefusedError as refusal:
                await self._tell(Refusal(refusal.code, str(refusal)))

    def _parse(self, text: str | bytes) -> Subscribe | Replay:
        try:
            request: Subscribe | Replay = request_decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise RefusedError("bad_request", f"{error}; requests are described in PROTOCOL.md") from error
        if not 1 <= request.max_batch <= MOST_BATCH or request.max_frame_bytes < 1:
            raise RefusedError("bad_limit", f"max_batch must be 1 to {MOST_BATCH}, and max_frame_bytes above zero")
        return request

    def _check_channel(self, channel: str) -> None:
        if channel not in CHANNELS:
            raise RefusedError("unknown_channel", f"no channel {channel!r}; there are {', '.join(CHANNELS)}")

    async def _subscribe(self, request: Subscribe) -> None:
        if self._wanted:
            raise RefusedError("already_subscribed", "this connection has a subscription; open another one")
        if not request.channels:
            raise RefusedError("bad_request", "name at least one channel")
        last = self._writer.last_seq
        wanted = {}
        for channel, seq in request.channels.items():
            self._check_channel(channel)
            wanted[channel] = last[channel] + 1 if seq is None else seq
            if not 1 <= wanted[channel] <= last[channel] + 1:
                message = f"{channel} has sequence numbers 1 to {last[channel]}; {wanted[channel]} lies outside"
                raise RefusedError("seq_out_of_range", message)
        self._framer = Framer(request.max_batch, request.max_frame_bytes)
        self._wanted = wanted
        await self._tell(Subscribed(dict(wanted)))
        self._subscribed.set()

    def _first_position(self) -> Position:
        last = self._writer.last_seq
        behind = [(channel, seq) for channel, seq in self._wanted.items() if seq <= last[channel]]
        if not behind:
            return self._writer.position
        return min(self._writer.ledger.locate(channel, seq) for channel, seq in behind)

    async def _send(self) -> None:
        await self._subscribed.wait()
        cursor = self._writer.ledger.cursor(self._first_position())
        try:
            while True:
                self.news.clear()
                if not (blocks := cursor.read()):
                    await self.news.wait()
                    continue
                chosen = [cut(block, self._wanted[block.channel]) for block in blocks if block.channel in self._wanted]
                for frame in self._framer.frames(block for block in chosen if block):
                    await self._socket.send(frame)
                self._wanted |= {block.channel: block.next_seq for block in chosen if block}
                await asyncio.sleep(0)
        finally:
            cursor.close()

    async def _replay(self, request: Replay) -> None:
        self._check_channel(request.channel)
        last = self._writer.last_seq[request.channel]
        if not 1 <= request.from_seq <= request.to_seq <= last:
            wanted = f"{request.from_seq} to {request.to_seq}"
            raise RefusedError("seq_out_of_range", f"{request.channel} has sequence numbers 1 to {last}, not {wanted}")
        framer = Framer(request.max_batch, request.max_frame_bytes, replaying=True)
        cursor = self._writer.ledger.cursor(self._writer.ledger.locate(request.channel, request.from_seq))
        try:
            reached = request.from_seq
            while reached <= request.to_seq and (blocks := cursor.read()):
                ours = (block for block in blocks if block.channel == request.channel)
                chosen = [part for block in ours if (part := cut(block, request.from_seq, request.to_seq))]
                for frame in framer.frames(chosen):
                    await self._socket.send(frame)
                reached = max([reached, *(part.next_seq for part in chosen)])
                await asyncio.sleep(0)
        finally:
            cursor.close()
        await self._tell(ReplayEnd(request.channel, request.from_seq, request.to_seq))
