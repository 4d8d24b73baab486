# SPDX-License-Identifier: Apache-2.0
"""Events in every shape that is taken, through the real pipeline: what row each becomes."""
import gzip
import json
import subprocess

import httpx
import pytest

from rig.stack import Stack

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


def accepted(answer: httpx.Response, status: int = 202) -> dict:
    assert answer.status_code == status, answer.text
    return answer.json()


def problem(answer: httpx.Response, status: int, slug: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == f"/problems/{slug}"
    return document


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


# Content codings

@pytest.mark.asan
@pytest.mark.parametrize("coding, encode", [("gzip", gzip.compress), ("zstd", zstd)])
def test_a_coded_body_is_decoded(stack: Stack, coding: str, encode) -> None:
    events = [{"event_type": "coded", "event_id": f"c{i}", "payload": {"n": i}} for i in range(500)]
    body = "\n".join(json.dumps(e) for e in events).encode()
    answer = stack.post(encode(body), headers={"Content-Encoding": coding,
                                               "Content-Type": "application/x-ndjson"})
    assert accepted(answer)["accepted"] == 500
    stack.wait_count(500, "event_type = 'coded'")
    assert stack.event("c499")["payload"] == {"n": 499}


@pytest.mark.asan
@pytest.mark.parametrize("coding, encode", [("gzip", gzip.compress), ("zstd", zstd)])
def test_a_damaged_coded_body_is_refused(stack: Stack, coding: str, encode) -> None:
    good = encode(b'{"event_type":"x"}')
    for body in (good[:-1], good[:4], good + b"x", b"", b'{"event_type":"x"}'):
        problem(stack.post(body, headers={"Content-Encoding": coding}), 400, "invalid-encoding")
    bomb = encode(b" " * 30_000_000 + b'{"event_type":"x"}')
    problem(stack.post(bomb, headers={"Content-Encoding": coding}), 413, "too-large")


def test_an_unknown_coding_is_told_what_is_taken(stack: Stack) -> None:
    for coding in ("br", "deflate", "gzip, gzip", "zstd, gzip"):
        answer = stack.post(b"{}", headers={"Content-Encoding": coding})
        problem(answer, 415, "unsupported-encoding")
        assert answer.headers["accept-encoding"] == "gzip, zstd"


# Bare strings (N3)

def test_n3_a_bare_string_is_a_log_event(stack: Stack) -> None:
    one = accepted(stack.post('"it \\"rained\\""'))
    many = accepted(stack.post(["a", {"event_type": "b"}, "c"]))
    lines = accepted(stack.post('"d"\n"e"\n', headers={"Content-Type": "application/x-ndjson"}))
    row = stack.event(one["event_id"])
    assert (row["event_type"], row["description"]) == ("log", 'it "rained"')
    assert stack.event(many["event_ids"][2])["description"] == "c"
    assert stack.event(lines["event_ids"][1])["description"] == "e"


# The event bus (B1, B7, B11)

def test_b1_emit_takes_the_data_of_an_event(stack: Stack) -> None:
    data = {"user_id": 7, "action": "something_happened", "details": {"id": [1, 2]}, "total": 9.50}
    row = stack.event(accepted(stack.post(data, "/emit/my_event"))["event_id"])
    assert (row["event_type"], row["payload"], row["user_id"]) == ("my_event", data, "7")
    encoded = accepted(stack.post({}, "/emit/a%20%C3%A9%2Fb"))
    assert stack.event(encoded["event_id"])["event_type"] == "a é/b"


def test_b7_the_buss_own_members_are_taken(stack: Stack) -> None:
    data = {"_event_type": "order_created", "_emitted_at": "2026-02-03T04:05:06", "order_id": 1}
    for path, body in (("/emit/order_created", data), ("/log", data)):
        row = stack.event(accepted(stack.post(body, path))["event_id"])
        assert row["event_type"] == "order_created"
        assert row["occurred_at"].isoformat() == "2026-02-03T04:05:06+00:00"


def test_b11_the_deprecated_name_says_so(stack: Stack) -> None:
    data = {"user_id": 1, "incident_type": "UNAUTHORIZED_ACCESS", "severity": "HIGH",
            "description": "User attempted to access restricted resource",
            "ip_address": "192.168.1.1"}
    answer = stack.post(data, "/emit_activity_log")
    row = stack.event(accepted(answer)["event_id"])
    assert answer.headers["deprecation"].startswith("@")
    assert answer.headers["link"] == '</emit/activity_log>; rel="successor-version"'
    assert (row["event_type"], row["severity"], row["user_id"]) == ("activity_log", "error", "1")
    assert row["description"] == data["description"] and row["payload"] == data
    refused = stack.post("{", "/emit_activity_log")
    assert refused.status_code == 400 and "deprecation" in refused.headers


def test_faults_of_emitted_data_point_into_the_body(stack: Stack) -> None:
    document = problem(stack.post({"severity": "loud"}, "/emit/x"), 422, "invalid-event")
    assert document["errors"][0]["pointer"] == "/severity"
    document = problem(stack.post([{}, 7], "/emit/x"), 422, "invalid-event")
    assert document["errors"][0]["pointer"] == "/1"
    assert stack.post({}, "/emit/").status_code == 404
    assert stack.post({}, "/emit/%ff").status_code == 400
    assert stack.producer.get("/emit/x").status_code == 405


# CloudEvents

EVENT = {"specversion": "1.0", "id": "A-1", "source": "/sensors/tn?x=1", "type": "com.example.read",
         "time": "2026-01-02T03:04:05.678+01:00", "subject": "s é", "count": 3, "last": True,
         "datacontenttype": "application/json", "data": {"temperature": 21.50}}


def check_event(row: dict, event: dict) -> None:
    assert row["event_id"] == f"{event['source']} {event['id']}"
    assert (row["event_type"], row["source"]) == (event["type"], event["source"])
    assert row["occurred_at"].isoformat() == "2026-01-02T02:04:05.678000+00:00"
    assert row["payload"] == event["data"]
    assert row["metadata"]["id"] == event["id"]
    assert row["metadata"]["subject"] == event["subject"]


@pytest.mark.asan
def test_cloudevents_structured(stack: Stack) -> None:
    headers = {"Content-Type": "application/cloudevents+json; charset=UTF-8"}
    first = accepted(stack.post(json.dumps(EVENT), headers=headers))
    again = accepted(stack.post(json.dumps(EVENT), headers=headers))
    assert first["event_id"] == again["event_id"] == "/sensors/tn?x=1 A-1"
    check_event(stack.event(first["event_id"]), EVENT)
    row = stack.event(first["event_id"])
    assert row["metadata"] == {k: v for k, v in EVENT.items()
                               if k not in ("source", "type", "time", "data")}
    stack.wait_drained()
    stack.wait_count(1)


@pytest.mark.asan
def test_cloudevents_batch(stack: Stack) -> None:
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    events = [{**EVENT, "id": f"B-{i}"} for i in range(20)]
    ids = accepted(stack.post(json.dumps(events), "/v1/events", headers=headers))["event_ids"]
    for event_id, event in zip(ids, events, strict=True):
        check_event(stack.event(event_id), event)
    assert accepted(stack.post("[]", headers=headers))["accepted"] == 0
    problem(stack.post(json.dumps(EVENT), headers=headers), 422, "invalid-event")
    del events[3]["source"], events[7]["type"]
    document = problem(stack.post(json.dumps(events), headers=headers), 422, "invalid-event")
    assert [e["pointer"] for e in document["errors"]] == ["/3/source", "/7/type"]


def binary(event: dict, **more: str) -> dict[str, str]:
    return {f"ce-{k}": str(v) for k, v in event.items() if not k.startswith("data")} | more


@pytest.mark.asan
def test_cloudevents_binary(stack: Stack) -> None:
    headers = binary(EVENT, **{"ce-subject": "s%20%C3%A9", "Content-Type": "application/json"})
    row = stack.event(accepted(stack.post(json.dumps(EVENT["data"]), headers=headers))["event_id"])
    check_event(row, EVENT)
    assert row["metadata"]["datacontenttype"] == "application/json"
    assert row["metadata"]["count"] == "3"


@pytest.mark.parametrize("content_type, body, payload", [
    ("application/json", b"[1,2]", {"data": [1, 2]}),
    ("application/vnd.x+json", b'{"a":1}', {"a": 1}),
    ("application/json", b"", {}),
    ("text/plain", "wörter".encode(), {"data": "wörter"}),
    ("application/octet-stream", b"\x00\xff", {"data_base64": "AP8="}),
    ("application/xml", b"<a/>", {"data_base64": "PGEvPg=="}),
    ("text/plain", b"\xff", {"data_base64": "/w=="}),
])
def test_cloudevents_data_of_every_type(stack: Stack, content_type: str, body: bytes,
                                        payload: dict) -> None:
    headers = binary(EVENT, **{"ce-subject": "s", "Content-Type": content_type})
    row = stack.event(accepted(stack.post(body, headers=headers))["event_id"])
    assert row["payload"] == payload
    assert row["metadata"]["datacontenttype"] == content_type


def test_cloudevents_faults_name_the_attribute(stack: Stack) -> None:
    structured = {"Content-Type": "application/cloudevents+json"}

    def faults(event: object) -> list[str]:
        answer = stack.post(json.dumps(event), headers=structured)
        return [e["pointer"] for e in problem(answer, 422, "invalid-event")["errors"]]
    assert faults({}) == ["/specversion", "/id", "/source", "/type"]
    assert faults({**EVENT, "specversion": "0.3"}) == ["/specversion"]
    assert faults({**EVENT, "id": 7, "source": ""}) == ["/id", "/source"]
    assert faults({**EVENT, "data_base64": "AA=="}) == ["/data_base64"]
    assert faults({**EVENT, "time": "noon"}) == ["/time"]
    assert faults({**EVENT, "type": "t" * 101}) == ["/type"]
    assert faults([EVENT]) == [""]

    def header_fault(headers: dict, status: int, slug: str) -> str:
        body = headers.pop("body", b"{}")
        answer = stack.post(body, headers={"Content-Type": "application/json", **headers})
        return problem(answer, status, slug)["errors"][0]["detail"]
    good = binary({**EVENT, "subject": "s"})
    for name in ("ce-id", "ce-source", "ce-type", "ce-specversion"):
        partly = {k: v for k, v in good.items() if k != name}
        assert name in header_fault(partly, 422, "invalid-event")
    assert "ce-subject" in header_fault({**good, "ce-subject": "%C0%A0"}, 400, "invalid-json")
    assert "ce-time" in header_fault({**good, "ce-time": "noon"}, 422, "invalid-event")
    assert "ce-data" in header_fault({**good, "ce-data": "x"}, 400, "invalid-json")
    answer = stack.post(b'{"a":}', headers={**good, "Content-Type": "application/json"})
    assert problem(answer, 400, "invalid-json")["errors"][0]["pointer"] == "/a"
    assert stack.post(b"x", headers={"Content-Type": "application/cloudevents+avro"}
                      ).status_code == 415


def test_cloudevents_with_long_ids_are_told_apart(stack: Stack) -> None:
    headers = {"Content-Type": "application/cloudevents+json"}
    pairs = [("a b", "c"), ("a", "b c"), ("s" * 300, "1"), ("s" * 299, "s1"), ("s" * 300, "2")]
    ids = [accepted(stack.post(json.dumps({**EVENT, "source": s, "id": i}), headers=headers)
                    )["event_id"] for s, i in pairs]
    assert len(set(ids)) == len(pairs) and all(len(i) <= 255 for i in ids)
    for event_id, (source, own) in zip(ids, pairs, strict=True):
        row = stack.event(event_id)
        assert (row["source"], row["metadata"]["id"]) == (source, own)


def test_cloudevents_webhook_handshake(stack: Stack) -> None:
    answer = stack.producer.request("OPTIONS", "/log",
                                    headers={"WebHook-Request-Origin": "emitter.example.com"})
    assert answer.status_code in (200, 204)
    assert answer.headers["webhook-allowed-origin"] == "*"
    assert answer.headers["webhook-allowed-rate"] == "*"
    assert "POST" in answer.headers["allow"]
    answer = stack.producer.request("OPTIONS", "/log")
    assert "webhook-allowed-origin" not in answer.headers


# Trace context

def test_traceparent_is_kept(stack: Stack) -> None:
    def row(event: dict, traceparent: str, path: str = "/log") -> dict:
        answer = stack.post(event, path, headers={"traceparent": traceparent})
        return stack.event(accepted(answer)["event_id"])
    event = {"event_type": "traced"}
    assert (row(event, TRACEPARENT)["trace_id"], row(event, TRACEPARENT)["span_id"]) == (TRACE, SPAN)
    assert row({}, TRACEPARENT, "/emit/x")["trace_id"] == TRACE
    assert row({**event, "trace_id": "mine"}, TRACEPARENT)["trace_id"] == "mine"
    assert row({**event, "trace_id": "mine"}, TRACEPARENT)["span_id"] is None
    for bad in ("", "00-" + "0" * 32 + f"-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", TRACEPARENT + "-x",
                TRACEPARENT.upper(), f"00-{TRACE}-{SPAN}"):
        assert row(event, bad)["trace_id"] is None
    headers = {"Content-Type": "application/cloudevents+json"}
    own = {**EVENT, "traceparent": TRACEPARENT.replace(TRACE, "1" * 32)}
    answer = stack.post(json.dumps(own), headers={**headers, "traceparent": TRACEPARENT})
    assert stack.event(accepted(answer)["event_id"])["trace_id"] == "1" * 32


# OTLP logs

def text(value: str) -> dict:
    return {"stringValue": value}


def attribute(key: str, value: dict) -> dict:
    return {"key": key, "value": value}


def otlp(*records: dict, resource: list | None = None) -> dict:
    scope = {"name": "lib", "version": "2", "attributes": [attribute("x", {"boolValue": True})]}
    return {"resourceLogs": [{
        "resource": {"attributes": resource if resource is not None else
                     [attribute("service.name", text("shop")),
                      attribute("service.version", text("1.2")),
                      attribute("host", {"kvlistValue": {"values": [attribute("n", text("a"))]}})]},
        "scopeLogs": [{"scope": scope, "logRecords": list(records)}]}]}


RECORD = {"timeUnixNano": "1767323045678901234", "observedTimeUnixNano": "1767323046000000000",
          "severityNumber": 17, "severityText": "Error", "body": text("it failed\n\"badly\""),
          "attributes": [attribute("n", {"intValue": "-9007199254740993"}),
                         attribute("d", {"doubleValue": 0.5}), attribute("nan", {"doubleValue": "NaN"}),
                         attribute("list", {"arrayValue": {"values": [text("a"), {"intValue": 2}, {}]}}),
                         attribute("raw", {"bytesValue": "AP8="})],
          "traceId": TRACE.upper(), "spanId": SPAN, "flags": 1, "droppedAttributesCount": 2,
          "unknownField": 1}


@pytest.mark.asan
def test_otlp_records_are_events(stack: Stack) -> None:
    second = {"eventName": "order.created", "body": {"kvlistValue": {"values": [
        attribute("id", {"intValue": 7})]}}}
    third = {"attributes": [attribute("event.name", text("named.by.attribute"))]}
    # Pretty-printed: line breaks between tokens are no line breaks between events.
    body = json.dumps(otlp(RECORD, second, third), indent=2)
    answer = stack.post(body, "/v1/logs")
    assert accepted(answer, 200) == {} and answer.headers["content-type"] == "application/json"
    stack.wait_count(3)
    rows = {row["event_type"]: row for row in stack.database.rows("SELECT * FROM log_events")}
    row = rows["log"]
    assert row["event_id"] == str(row["id"])
    assert (row["event_type"], row["severity"], row["service"]) == ("log", "error", "shop")
    assert (row["service_version"], row["trace_id"], row["span_id"]) == ("1.2", TRACE, SPAN)
    assert row["occurred_at"].isoformat() == "2026-01-02T03:04:05.678901+00:00"
    assert row["description"] == "it failed\n\"badly\""
    assert row["payload"] == {"body": "it failed\n\"badly\"", "n": -9007199254740993, "d": 0.5,
                              "nan": "NaN", "list": ["a", 2, None], "raw": "AP8="}
    assert row["metadata"] == {
        "time_unix_nano": RECORD["timeUnixNano"], "severity_number": 17, "severity_text": "Error",
        "observed_time_unix_nano": RECORD["observedTimeUnixNano"], "flags": 1,
        "dropped_attributes_count": 2,
        "resource": {"service.name": "shop", "service.version": "1.2", "host": {"n": "a"}},
        "scope": {"name": "lib", "version": "2", "attributes": {"x": True}}}
    row = rows["order.created"]
    assert row["severity"] == "info"
    assert row["payload"] == {"body": {"id": 7}} and row["description"] is None
    assert "named.by.attribute" in rows


def test_otlp_equal_records_stay_several(stack: Stack) -> None:
    accepted(stack.post(otlp(RECORD, RECORD, RECORD), "/v1/logs"), 200)
    stack.wait_count(3)


def test_otlp_partial_success(stack: Stack) -> None:
    wrong = {**RECORD, "eventName": "n" * 101}
    twice = {**RECORD, "attributes": [attribute("a", text("1")), attribute("a", text("2"))]}
    document = accepted(stack.post(otlp(RECORD, wrong, twice, RECORD), "/v1/logs"), 200)
    assert document["partialSuccess"]["rejectedLogRecords"] == "2"
    assert "record 1" in document["partialSuccess"]["errorMessage"]
    stack.wait_count(2)


def test_otlp_with_nothing_in_it_is_fine(stack: Stack) -> None:
    for body in ({}, {"resourceLogs": []}, {"resourceLogs": [{}]},
                 {"resourceLogs": [{"scopeLogs": [{"logRecords": []}]}]}):
        assert accepted(stack.post(body, "/v1/logs"), 200) == {}


@pytest.mark.asan
def test_otlp_faults_have_its_form(stack: Stack) -> None:
    def refused(body: object, status: int, **headers: str) -> str:
        content = body if isinstance(body, (str, bytes)) else json.dumps(body)
        answer = stack.post(content, "/v1/logs", headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        document = answer.json()
        assert set(document) == {"code", "message"} and isinstance(document["code"], int)
        return document["message"]
    refused(b"\x0a\x00", 415, **{"Content-Type": "application/x-protobuf"})
    refused("{", 400)
    refused("[]", 400)
    refused({"resourceLogs": {}}, 400)
    refused('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"\\ud800"}}]}]}]}', 400)
    place = "/resourceLogs/0/scopeLogs/0/logRecords/1/"
    for field, value in (("timeUnixNano", "noon"), ("traceId", "00ff"), ("severityNumber", "ERROR"),
                         ("spanId", "x" * 16), ("body", "text"), ("body", {"intValue": "1.5"}),
                         ("attributes", {}), ("attributes", [7]), ("eventName", 7),
                         ("body", {"arrayValue": {"values": [{"stringValue": 7}]}})):
        assert place + field in refused(otlp(RECORD, {**RECORD, field: value}), 400)
    refused(gzip.compress(b"{}")[:-1], 400, **{"Content-Encoding": "gzip"})
    accepted(stack.post(gzip.compress(json.dumps(otlp(RECORD)).encode()), "/v1/logs",
                        headers={"Content-Encoding": "gzip"}), 200)
    # A large resource in every one of many records is more than was sent.
    resource = [attribute("padding", text("x" * 100_000))]
    refused(otlp(*[{}] * 2000, resource=resource), 413)
