# SPDX-License-Identifier: Apache-2.0
"""The plain peer's storing side: one message, one transaction, one acknowledgement."""
import json
import os

import pika
import psycopg2
from psycopg2.extras import Json

QUEUE = os.environ["RABBITMQ_QUEUE_NAME"]
ADDRESS = pika.ConnectionParameters(
    os.environ["RABBITMQ_HOST"], int(os.environ["RABBITMQ_PORT"]), os.environ["RABBITMQ_VHOST"],
    pika.PlainCredentials(os.environ["RABBITMQ_USER"], os.environ["RABBITMQ_PASSWORD"]),
    heartbeat=600)
INSERT = ("INSERT INTO peer_log_events (session_id, event_type, payload, timestamp) "
          "VALUES (%s, %s, %s, %s)")

database = psycopg2.connect(host=os.environ["DATABASE_HOST"], port=os.environ["DATABASE_PORT"],
                            dbname=os.environ["DATABASE_NAME"], user=os.environ["DATABASE_USER"],
                            password=os.environ["DATABASE_PASSWORD"])
channel = pika.BlockingConnection(ADDRESS).channel()
channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
channel.basic_qos(prefetch_count=10)


def on_message(_channel, method, _properties, body):
    event = json.loads(body)
    try:
        with database, database.cursor() as cursor:
            cursor.execute(INSERT, (event.get("session_id"), event["event_type"],
                                    Json(event["payload"]), event["timestamp"]))
        channel.basic_ack(method.delivery_tag)
    except psycopg2.Error:
        channel.basic_nack(method.delivery_tag, requeue=True)


channel.basic_consume(QUEUE, on_message)
channel.start_consuming()
