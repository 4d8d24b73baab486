# SPDX-License-Identifier: Apache-2.0
"""The tuned peer's HTTP side: asynchronous, many confirms in flight at once."""
import json
import os
from datetime import datetime, timezone
from typing import Any, Dict, Optional

import aio_pika
from fastapi import FastAPI
from pydantic import BaseModel

QUEUE = os.environ["RABBITMQ_QUEUE_NAME"]
app = FastAPI()
state = {}


class Event(BaseModel):
    session_id: Optional[int] = None
    event_type: str
    payload: Dict[str, Any]


@app.on_event("startup")
async def connect():
    connection = await aio_pika.connect_robust(
        host=os.environ["RABBITMQ_HOST"], port=int(os.environ["RABBITMQ_PORT"]),
        login=os.environ["RABBITMQ_USER"], password=os.environ["RABBITMQ_PASSWORD"],
        virtualhost=os.environ["RABBITMQ_VHOST"])
    state["channel"] = channel = await connection.channel(publisher_confirms=True)
    await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})


@app.post("/log", status_code=202)
async def take(event: Event):
    message = event.dict()
    message["timestamp"] = datetime.now(timezone.utc).isoformat()
    await state["channel"].default_exchange.publish(
        aio_pika.Message(json.dumps(message).encode(), delivery_mode=2), QUEUE)
    return {"status": "accepted"}


@app.get("/health")
async def health():
    return {"status": "healthy"}
