"""What the bridge is measured against: the loop that one would write first.

It parses each event, writes it out again and produces it, with an idempotent producer. It does not validate, resume,
notice gaps, or survive anything.
"""

from __future__ import annotations

import argparse
import asyncio
import json

from confluent_kafka import Producer
from websockets.asyncio.client import connect

from ingestion.protocol import CHANNELS


async def carry(url: str, kafka: str, topic: str, count: int, batch: int) -> None:
    """Carry `count` events into a topic, taking frames of up to `batch` events."""
    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True, "acks": "all"})
    carried = 0
    async with connect(url, compression=None, max_size=1 << 24) as socket:
        await socket.send(json.dumps({"op": "subscribe", "channels": dict.fromkeys(CHANNELS, 1), "max_batch": batch}))
        async for message in socket:
            if isinstance(message, str):
                continue
            for line in message.splitlines()[1:]:
                event = json.loads(line)
                producer.produce(topic, json.dumps(event), event["symbol"])
                producer.poll(0)
                carried += 1
            if carried >= count:
                break
    producer.flush()


def main() -> None:
    """Read the arguments and carry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("kafka")
    parser.add_argument("topic")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--batch", type=int, default=1)
    arguments = parser.parse_args()
    asyncio.run(carry(arguments.url, arguments.kafka, arguments.topic, arguments.count, arguments.batch))


if __name__ == "__main__":
    main()
