"""The feed over a real socket, as PROTOCOL.md promises it."""

import asyncio
import json
import re
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect

from ingestion.exchange.ledger import Kind
from ingestion.exchange.ledger_writer import Entry, LedgerWriter
from ingestion.exchange.server import FeedServer
from ingestion.protocol import CHANNELS, Control, Request, decode_frame
from stack.settings import REPO


@asynccontextmanager
async def feed(directory):
    writer = LedgerWriter(directory, segment_bytes=5000)
    server = FeedServer(writer)
    async with server.start("127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None, max_size=1 << 24) as client:
            assert json.loads(await client.recv())["type"] == "hello"
            yield writer, server, client
    writer.close()


def publish(writer, server, count, channel="trades", kind=Kind.EVENTS):
    first = writer.last_seq[channel] + 1
    for seq in range(first, first + count):
        writer.append([Entry(channel, 1, b"%s %d" % (channel.encode(), seq), kind)])
    server.published()


async def until(client, wanted):
    """Events by channel until `wanted` of them or control messages that are no heartbeat; checks the sequence."""
    events, told = {}, []
    while sum(map(len, events.values())) + len(told) < wanted:
        message = await asyncio.wait_for(client.recv(), 5)
        if isinstance(message, str):
            control = json.loads(message)
            if control["type"] != "heartbeat":
                told.append(control)
            continue
        frame = decode_frame(message)
        for seq, event in enumerate(frame.events(), start=frame.first_seq):
            assert event == b"%s %d" % (frame.channel.encode(), seq)
            events.setdefault(frame.channel, []).append(seq)
    return events, told


def test_a_subscription_starts_anywhere_and_goes_on_live(tmp_path):
    async def scenario():
        async with feed(tmp_path) as (writer, server, client):
            publish(writer, server, 300)
            publish(writer, server, 10, "orders")
            await client.send(json.dumps({"op": "subscribe", "channels": {"trades": 251, "orders": None}}))
            events, told = await until(client, 51)
            assert told == [{"type": "subscribed", "channels": {"trades": 251, "orders": 11}}]
            assert events == {"trades": list(range(251, 301))}
            publish(writer, server, 5)
            publish(writer, server, 2, "orders")
            publish(writer, server, 3, "quotes")
            events, _ = await until(client, 7)
            assert events == {"trades": [301, 302, 303, 304, 305], "orders": [11, 12]}

    asyncio.run(scenario())


def test_max_batch_one_gives_one_event_a_frame(tmp_path):
    async def scenario():
        async with feed(tmp_path) as (writer, _, client):
            writer.append([Entry("trades", 3, b"trades 1\ntrades 2\ntrades 3")])
            await client.send(json.dumps({"op": "subscribe", "channels": {"trades": 1}, "max_batch": 1}))
            await client.recv()
            frames = [decode_frame(await client.recv()) for _ in range(3)]
            assert [(frame.first_seq, frame.size) for frame in frames] == [(1, 1), (2, 1), (3, 1)]

    asyncio.run(scenario())


def test_a_replay_gives_the_range_also_what_the_subscription_left_out(tmp_path):
    async def scenario():
        async with feed(tmp_path) as (writer, server, client):
            publish(writer, server, 10)
            publish(writer, server, 1, kind=Kind.DROPPED)
            publish(writer, server, 1, kind=Kind.LOST)
            publish(writer, server, 10)
            await client.send(json.dumps({"op": "subscribe", "channels": {"trades": 1}}))
            events, _ = await until(client, 21)
            assert events["trades"] == [*range(1, 11), *range(13, 23)]
            await client.send(json.dumps({"op": "replay", "channel": "trades", "from_seq": 9, "to_seq": 13}))
            events, told = await until(client, 5)
            assert events["trades"] == [9, 10, 11, 13]
            assert told == [{"type": "replay_end", "channel": "trades", "from_seq": 9, "to_seq": 13}]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        ("{", "bad_request"),
        ("[]", "bad_request"),
        ('{"op":"dance"}', "bad_request"),
        ('{"op":"subscribe"}', "bad_request"),
        ('{"op":"subscribe","channels":{}}', "bad_request"),
        ('{"op":"subscribe","channels":{"trades":1},"extra":1}', "bad_request"),
        ("[" * 60_000, "bad_request"),
        (b"\xff\xfe", "bad_request"),
        ('{"op":"subscribe","channels":{"news":1}}', "unknown_channel"),
        ('{"op":"subscribe","channels":{"trades":0}}', "seq_out_of_range"),
        ('{"op":"subscribe","channels":{"trades":5}}', "seq_out_of_range"),
        ('{"op":"subscribe","channels":{"trades":1},"max_batch":0}', "bad_limit"),
        ('{"op":"replay","channel":"news","from_seq":1,"to_seq":1}', "unknown_channel"),
        ('{"op":"replay","channel":"trades","from_seq":2,"to_seq":1}', "seq_out_of_range"),
        ('{"op":"replay","channel":"trades","from_seq":1,"to_seq":99}', "seq_out_of_range"),
    ],
)
def test_a_bad_request_is_answered_and_the_connection_lives_on(tmp_path, request_text, code):
    async def scenario():
        async with feed(tmp_path) as (writer, server, client):
            publish(writer, server, 3)
            await client.send(request_text)
            _, told = await until(client, 1)
            assert told[0]["type"] == "error"
            assert told[0]["code"] == code
            assert told[0]["message"]
            await client.send(json.dumps({"op": "subscribe", "channels": {"trades": 1}}))
            events, _ = await until(client, 4)
            assert events["trades"] == [1, 2, 3]
            await client.send(json.dumps({"op": "subscribe", "channels": {"orders": 1}}))
            _, told = await until(client, 1)
            assert told[0]["code"] == "already_subscribed"

    asyncio.run(scenario())


def test_heartbeats_tell_what_there_is_and_what_was_sent(tmp_path):
    async def scenario():
        async with feed(tmp_path) as (writer, server, client):
            publish(writer, server, 2)
            publish(writer, server, 1, kind=Kind.DROPPED)
            await client.send(json.dumps({"op": "subscribe", "channels": {"trades": 1, "status": 1}}))
            while True:
                message = await asyncio.wait_for(client.recv(), 5)
                if isinstance(message, str) and json.loads(message)["type"] == "heartbeat":
                    break
            beat = json.loads(message)
            assert beat["last_seq"] == {"trades": 3, "orders": 0, "quotes": 0, "status": 0}
            assert beat["sent"] == {"trades": 3, "status": 0}

    asyncio.run(scenario())


def test_a_slow_client_holds_nobody_up_and_misses_nothing(tmp_path):
    async def scenario():
        async with feed(tmp_path) as (writer, server, slow):
            await slow.send(json.dumps({"op": "subscribe", "channels": {"trades": 1}}))
            port = slow.remote_address[1]
            async with connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None) as quick:
                await quick.recv()
                await quick.send(json.dumps({"op": "subscribe", "channels": {"trades": 1}}))
                body = b"\n".join(b"x" * 1000 for _ in range(100))
                for _ in range(200):
                    writer.append([Entry("trades", 100, body)])
                    server.published()
                for client in (quick, slow):
                    got = 0
                    while got < 20_000:
                        message = await asyncio.wait_for(client.recv(), 10)
                        if isinstance(message, bytes):
                            frame = decode_frame(message)
                            assert frame.first_seq == got + 1
                            got += frame.size

    asyncio.run(scenario())


def test_the_document_names_every_message_and_field():
    text = (REPO / "ingestion" / "PROTOCOL.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", text))
    for message in (*Control.__args__, *Request.__args__):
        assert message.__struct_config__.tag in named
        assert set(message.__struct_fields__) <= named, message
    assert set(CHANNELS) <= named
    codes = set(re.findall(r'RefusedError\(\s*"([a-z_]+)"', (REPO / "ingestion/exchange/server.py").read_text("utf-8")))
    assert codes <= named
