# SPDX-License-Identifier: Apache-2.0
"""`holdfast quarantine`: what could not be stored is listed, shown, put back and discarded, and each
act is an event."""
import json
from collections.abc import Callable

import pika
import pytest

from refusal import NOTHING, POISON, Refusal
from rig.database import SUPERUSER
from rig.stack import Stack
from rig.wait import wait_for

ACTS = "event_type LIKE 'holdfast.quarantine_%%'"


def rows(stack: Stack) -> list[dict]:
    return stack.database.rows("SELECT * FROM quarantine ORDER BY quarantine_id")


def quarantined(stack: Stack, *events: dict) -> list[dict]:
    """Events the database refuses, and their rows."""
    before = len(rows(stack))
    for event in events:
        assert stack.post(event).status_code == 202
    wait_for("all in quarantine", lambda: len(rows(stack)) == before + len(events))
    return rows(stack)[before:]


def poison(number: int, **members: object) -> dict:
    return {"event_type": "verb", "title": "poison", "payload": {"n": number}, **members}


def act(stack: Stack, *args: object, code: int = 0, **env: str) -> str:
    done = stack.cli("quarantine", *map(str, args), **env)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


@pytest.mark.asan
def test_what_is_put_back_is_stored_once_and_that_is_an_event(stack: Stack) -> None:
    refusal = Refusal(stack.database)
    refusal.switch(POISON)
    first, second = quarantined(stack, poison(1, event_id="one"), poison(2))
    listed = act(stack).splitlines()
    assert [line.split()[0] for line in listed] == [str(r["quarantine_id"]) for r in (first, second)]
    assert "data" in listed[0] and " one " in listed[0] and first["message"][:40] in listed[0]
    refusal.switch(NOTHING)
    ids = [row["quarantine_id"] for row in (first, second)]
    assert act(stack, "replay", *ids) == "".join(f"replayed {i}\n" for i in ids)
    stack.wait_count(2, "event_type = 'verb'")
    assert stack.event("one")["payload"] == {"n": 1}
    assert {row["state"] for row in rows(stack)} == {"replayed"}
    stack.wait_count(2, ACTS)
    told = stack.database.rows(f"SELECT * FROM log_events WHERE {ACTS} ORDER BY id")
    assert [row["event_type"] for row in told] == ["holdfast.quarantine_replayed"] * 2
    assert told[0]["payload"] == {"quarantine_id": ids[0], "reason": "data", "event_id": "one",
                                  "digest": bytes(first["digest"]).hex(), "by": SUPERUSER}
    assert "was replayed before" in act(stack, "replay", ids[0], code=6)
    assert act(stack) == ""
    assert len(act(stack, "ls", "--state", "replayed").splitlines()) == 2


def test_another_programs_object_is_put_back_as_one_and_stored_once(stack: Stack) -> None:
    refusal = Refusal(stack.database)
    refusal.switch(POISON)
    connection = stack.broker.connect()
    try:
        connection.channel().basic_publish(
            "", "log_queue", json.dumps(poison(1)).encode(),
            pika.BasicProperties(content_type="application/json", message_id="theirs"))
    finally:
        connection.close()
    row = wait_for("it is in quarantine", lambda: rows(stack))[0]
    refusal.switch(NOTHING)
    act(stack, "replay", row["quarantine_id"])
    stack.wait_count(1, "event_type = 'verb'")
    with stack.database.connect() as session:  # as if the mark of the first had been lost
        session.execute("UPDATE quarantine SET state = 'new'")
    act(stack, "replay", row["quarantine_id"])
    stack.wait_count(2, ACTS)
    stack.wait_drained()
    assert stack.count("event_type = 'verb'") == 1 and len(rows(stack)) == 1


def test_what_a_terminal_would_obey_is_escaped(stack: Stack) -> None:
    Refusal(stack.database).switch(POISON)
    found = quarantined(stack, *(poison(1, event_id=text)
                                 for text in ("\x1b[31mred", "\x9b31mred", "\u2028red")))
    shown = act(stack) + "".join(act(stack, "show", row["quarantine_id"]) for row in found)
    assert not set(shown) & set("\x1b\x9b\u2028")
    for text in ("\\u001b[31mred", "\\u009b31mred", "\\u2028red"):
        assert shown.count(text) >= 2, shown


def test_what_is_refused_again_is_a_new_row(stack: Stack) -> None:
    Refusal(stack.database).switch(POISON)
    row, = quarantined(stack, poison(1))
    act(stack, "replay", row["quarantine_id"])
    wait_for("it is back", lambda: [r["state"] for r in rows(stack)] == ["replayed", "new"])
    assert rows(stack)[1]["raw"] == row["raw"]


def test_what_is_discarded_stays_where_it_is_and_that_is_an_event(stack: Stack) -> None:
    Refusal(stack.database).switch(POISON)
    row, = quarantined(stack, poison(1))
    act(stack, "discard", row["quarantine_id"])
    stack.wait_count(1, "event_type = 'holdfast.quarantine_discarded'")
    kept, = rows(stack)
    assert kept["state"] == "discarded" and kept["raw"] == row["raw"]
    assert stack.count("event_type = 'verb'") == 0


def test_a_conflict_is_not_put_back(stack: Stack) -> None:
    stack.post({"event_type": "verb", "event_id": "taken", "payload": {"n": 1}})
    row, = quarantined(stack, {"event_type": "verb", "event_id": "taken", "payload": {"n": 2}})
    assert "is a conflict" in act(stack, "replay", row["quarantine_id"], code=6)
    assert rows(stack)[0]["state"] == "new"


def test_the_bytes_are_shown_as_they_are(stack: Stack) -> None:
    Refusal(stack.database).switch(POISON)
    row, = quarantined(stack, poison(1, description="caf\u00e9 \\ \u0007"))
    raw = bytes(row["raw"])
    assert act(stack, "show", row["quarantine_id"], "--raw").encode() == raw
    shown = act(stack, "show", row["quarantine_id"])
    assert f"digest         {bytes(row['digest']).hex()}" in shown and "\a" not in shown


@pytest.mark.parametrize("args, said", [
    (("show",), "which row?"),
    (("show", "1", "2"), "show takes one row"),
    (("replay", "0"), "is no id of a row"),
    (("replay", "1; DROP TABLE quarantine"), "is no id of a row"),
    (("burn", "1"), "neither ls, show, replay nor discard"),
    (("ls", "--limit", "many"), "--limit takes a count")])
def test_wrong_words_are_told(stack: Stack, args: tuple[str, ...], said: str) -> None:
    assert said in act(stack, *args, code=2)


def test_a_row_that_is_not_there_is_told(stack: Stack) -> None:
    assert "there is no row 99 in quarantine" in act(stack, "discard", "99", code=6)
    assert "there is no row 99 in quarantine" in act(stack, "show", "99", code=1)


def test_a_row_stays_new_when_the_broker_is_away(stack: Stack) -> None:
    Refusal(stack.database).switch(POISON)
    row, = quarantined(stack, poison(1))
    told = act(stack, "replay", row["quarantine_id"], code=5, RABBITMQ_PASSWORD="wrong")
    assert "cannot put it on the queue" in told and "refused" in told
    assert rows(stack)[0]["state"] == "new"


def test_a_reader_may_look_and_no_more(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    Refusal(stack.database).switch(POISON)
    row, = quarantined(stack, poison(1))
    login = {"DATABASE_USER": "verb_reader", "DATABASE_PASSWORD": "secret"}
    with stack.database.connect() as session:
        session.execute("CREATE ROLE verb_reader LOGIN PASSWORD 'secret' IN ROLE holdfast_reader")
    try:
        assert "poison" in act(stack, "show", row["quarantine_id"], **login)
        assert "no right" in act(stack, "discard", row["quarantine_id"], code=1, **login)
        assert rows(stack)[0]["state"] == "new"
    finally:
        with stack.database.connect() as session:
            session.execute("DROP ROLE verb_reader")
