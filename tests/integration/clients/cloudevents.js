// SPDX-License-Identifier: Apache-2.0
// node cloudevents.js URL: sends events with the CloudEvents SDK in each of its modes; prints the
// answers, a JSON array of {mode, status, body}.
const { CloudEvent, HTTP, emitterFor, httpTransport } = require("cloudevents");

const url = process.argv[2];

function event(id, data, more = {}) {
  return new CloudEvent({
    specversion: "1.0", id, source: "/sdk/js", type: "sdk.sent", time: "2026-05-06T07:08:09.123Z",
    subject: "a subject", dataschema: "https://example.com/schema", ext1: "value", ext2: 5,
    data, ...more,
  });
}

async function send(mode, message) {
  const answer = await fetch(url, { method: "POST", headers: message.headers, body: message.body });
  return { mode, status: answer.status, body: await answer.json() };
}

async function main() {
  const answers = [];
  answers.push(await send("structured", HTTP.structured(event("structured", { n: 1.5, s: "é" }))));
  answers.push(await send("binary", HTTP.binary(event("binary", { n: 2, s: "é" }))));
  answers.push(await send("text", HTTP.binary(
    event("text", "plain text", { datacontenttype: "text/plain" }))));
  answers.push(await send("bytes", HTTP.structured(
    event("bytes", new Uint8Array([0, 255, 1]), { datacontenttype: "application/octet-stream" }))));
  const batch = [event("batch-0", { n: 3 }), event("batch-1", { n: 4 })];
  answers.push(await send("batch", {
    headers: { "content-type": "application/cloudevents-batch+json" },
    body: JSON.stringify(batch),
  }));
  const emit = emitterFor(httpTransport(url));
  const answer = await emit(event("emitter", { n: 5 }));
  answers.push({ mode: "emitter", status: answer.statusCode ?? 202, body: JSON.parse(answer.body) });
  console.log(JSON.stringify(answers));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
