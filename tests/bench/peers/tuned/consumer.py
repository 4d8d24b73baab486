# SPDX-License-Identifier: Apache-2.0
"""The tuned peer's storing side: whatever has arrived goes as one COPY, acknowledged as one."""
import asyncio
import json
import os
from datetime import datetime

import aio_pika
import asyncpg

QUEUE = os.environ["RABBITMQ_QUEUE_NAME"]
COLUMNS = ["session_id", "event_type", "payload", "timestamp"]
BATCH = 1000


def row_of(body: bytes) -> tuple:
    event = json.loads(body)
    return (event.get("session_id"), event["event_type"], json.dumps(event["payload"]),
            datetime.fromisoformat(event["timestamp"]))


async def main():
    database = await asyncpg.connect(
        host=os.environ["DATABASE_HOST"], port=int(os.environ["DATABASE_PORT"]),
        user=os.environ["DATABASE_USER"], password=os.environ["DATABASE_PASSWORD"],
        database=os.environ["DATABASE_NAME"])
    connection = await aio_pika.connect_robust(
        host=os.environ["RABBITMQ_HOST"], port=int(os.environ["RABBITMQ_PORT"]),
        login=os.environ["RABBITMQ_USER"], password=os.environ["RABBITMQ_PASSWORD"],
        virtualhost=os.environ["RABBITMQ_VHOST"])
    channel = await connection.channel()
    await channel.set_qos(BATCH)
    queue = await channel.declare_queue(QUEUE, durable=True,
                                        arguments={"x-queue-type": "quorum"})
    arrived = asyncio.Queue()
    await queue.consume(arrived.put)
    while True:
        batch = [await arrived.get()]
        await asyncio.sleep(0)
        while not arrived.empty() and len(batch) < BATCH:
            batch.append(arrived.get_nowait())
        async with database.transaction():
            await database.copy_records_to_table(
                "peer_log_events", records=[row_of(m.body) for m in batch], columns=COLUMNS)
        await batch[-1].ack(multiple=True)


asyncio.run(main())
