#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Two OTLP requests with the same bytes are not always one that was sent again.
#
#   software   npm @opentelemetry/exporter-logs-otlp-http and sdk-logs 0.223.1, simple processor
#   expected   records in nanoseconds: a receiver can tell a resend from another record by the body
#   seen       the clock behind timeUnixNano and observedTimeUnixNano has whole milliseconds, and each
#              record is a request of its own: of a hundred equal log calls in a row, all answered 200, most
#              are requests that were sent before to the byte
#   so         a receiver that takes equal requests for repetitions loses most lines of a burst
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --no-audit --no-fund --silent --prefix . @opentelemetry/api@1.9.1 \
    @opentelemetry/exporter-logs-otlp-http@0.223.1 @opentelemetry/sdk-logs@0.223.1 >/dev/null
cat >try.js <<'JS'
const http = require("http");
const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-http");
const { LoggerProvider, SimpleLogRecordProcessor } = require("@opentelemetry/sdk-logs");
const CALLS = 100;

(async () => {
  const bodies = [];
  const all = new Promise((done) => {
    const server = http.createServer((question, answer) => {
      let body = "";
      question.on("data", (part) => { body += part; }).on("end", () => {
        answer.writeHead(200, { "Content-Type": "application/json" }).end("{}");
        if (bodies.push(body) === CALLS) done();
      });
    }).listen(0, "127.0.0.1", () => {
      const url = `http://127.0.0.1:${server.address().port}/v1/logs`;
      const exporter = new OTLPLogExporter({ url, concurrencyLimit: CALLS });
      const logger = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] })
        .getLogger("try");
      for (let i = 0; i < CALLS; i++) logger.emit({ body: "the disk is full" });
    });
  });
  await all;
  const times = bodies.flatMap((body) => body.match(/UnixNano":"\d+"/g));
  console.log("requests:", bodies.length);
  console.log("every time in whole milliseconds:", times.every((time) => time.endsWith('000000"')));
  console.log("most of them sent before:", new Set(bodies).size < CALLS / 2);
  process.exit(0);
})();
JS
seen=$(timeout 120 node try.js)
echo "$seen"
diff - <(echo "$seen") <<'END'
requests: 100
every time in whole milliseconds: true
most of them sent before: true
END
