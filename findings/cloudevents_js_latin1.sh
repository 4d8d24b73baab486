#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The CloudEvents SDK for JavaScript puts a subject with an umlaut into a header as one raw Latin-1 byte,
# and its emitter calls a refusal a success.
#
#   software   npm cloudevents 10.0.0, emitterFor(httpTransport(url), {mode: binary})
#   expected   CloudEvents 1.0 HTTP binding 3.1.3.2: characters outside of printable ASCII in a header are
#              percent-encoded as UTF-8; and a promise that rejects when the answer is 400
#   seen       "Müller" leaves as 4d fc 6c 6c 65 72, which is no UTF-8. "Łódź", beyond Latin-1, throws. The
#              answer 400 resolves the promise with body and headers only: the status is in neither.
#   so         a receiver that insists on UTF-8 loses the event, and the sender cannot find out
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --no-audit --no-fund --silent --prefix . cloudevents@10.0.0 >/dev/null
cat >try.js <<'JS'
const net = require("net");
const { CloudEvent, emitterFor, httpTransport, Mode } = require("cloudevents");

(async () => {
  let request = Buffer.alloc(0);
  const server = net.createServer((socket) => socket.on("data", (bytes) => {
    request = Buffer.concat([request, bytes]);
    if (request.includes("\r\n\r\n"))
      socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  }));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const emit = emitterFor(httpTransport(`http://127.0.0.1:${server.address().port}/`), { mode: Mode.BINARY });
  const event = (subject) => new CloudEvent({ id: "1", source: "/try", type: "tried", subject, data: { n: 1 } });

  const answer = await emit(event("Müller"));
  const at = request.indexOf("ce-subject: ") + "ce-subject: ".length;
  console.log("sent:", request.subarray(at, request.indexOf("\r\n", at)).toString("hex"));
  console.log("after 400:", "resolved with", Object.keys(answer).sort().join(", "));
  console.log("beyond Latin-1:", await emit(event("Łódź")).then(() => "sent", (error) => error.code));
  process.exit(0);
})();
JS
seen=$(timeout 120 node try.js)
echo "$seen"
diff - <(echo "$seen") <<'END'
sent: 4dfc6c6c6572
after 400: resolved with body, headers
beyond Latin-1: ERR_INVALID_CHAR
END
