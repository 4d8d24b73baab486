# SPDX-License-Identifier: Apache-2.0
"""The plain peer's HTTP side: synchronous handlers, one confirmed message per event.

This is how a logging service is usually described: a web framework, a blocking client of the
broker behind a lock, persistent messages on a durable quorum queue.
"""
import json
import os
import threading
from datetime import datetime, timezone
from typing import Any, Dict, Optional

import pika
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

QUEUE = os.environ["RABBITMQ_QUEUE_NAME"]
ADDRESS = pika.ConnectionParameters(
    os.environ["RABBITMQ_HOST"], int(os.environ["RABBITMQ_PORT"]), os.environ["RABBITMQ_VHOST"],
    pika.PlainCredentials(os.environ["RABBITMQ_USER"], os.environ["RABBITMQ_PASSWORD"]),
    heartbeat=600)
PERSISTENT = pika.BasicProperties(delivery_mode=2, content_type="application/json")

app = FastAPI()
lock = threading.Lock()
channel = None


class Event(BaseModel):
    session_id: Optional[int] = None
    event_type: str
    payload: Dict[str, Any]


def open_channel():
    opened = pika.BlockingConnection(ADDRESS).channel()
    opened.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    opened.confirm_delivery()
    return opened


@app.post("/log", status_code=202)
def take(event: Event):
    global channel
    message = event.dict()
    message["timestamp"] = datetime.now(timezone.utc).isoformat()
    body = json.dumps(message)
    with lock:
        for _ in range(3):
            try:
                if channel is None or channel.is_closed:
                    channel = open_channel()
                channel.basic_publish("", QUEUE, body, PERSISTENT)
                return {"status": "accepted"}
            except pika.exceptions.AMQPError:
                channel = None
    raise HTTPException(503, "the queue is away")


@app.get("/health")
def health():
    return {"status": "healthy"}
