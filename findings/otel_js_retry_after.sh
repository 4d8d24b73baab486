#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A Retry-After of ten seconds makes the OpenTelemetry exporter for JavaScript drop its records at once.
#
#   software   npm @opentelemetry/exporter-logs-otlp-http 0.223.1, as it is installed, no option set
#   expected   RFC 9110 10.2.3: the client waits so long and asks again
#   seen       up to nine seconds it does, to the second and without jitter. From ten on, its timeout for
#              the whole export, it sends no second request: the export fails within milliseconds and the
#              records are gone. A server that asks for patience loses what one that says nothing keeps.
#   so         a 503 that asks for ten seconds or more is answered by losing events; Holdfast asks for less
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

// The first request is answered 503 and asked to wait; any other 200.
async function requests(wait) {
  let count = 0;
  const server = http.createServer((question, answer) => {
    question.resume().on("end", () => {
      count += 1;
      const busy = count === 1;
      answer.writeHead(busy ? 503 : 200, busy ? { "Retry-After": wait } : {}).end(busy ? "" : "{}");
    });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const exporter = new OTLPLogExporter({ url: `http://127.0.0.1:${server.address().port}/v1/logs` });
  const whole = exporter.export.bind(exporter);
  const ended = new Promise((done) => {
    exporter.export = (records, told) => whole(records, (result) => { told(result); done(result); });
  });
  new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] })
    .getLogger("try").emit({ body: "one record" });
  const result = await ended;
  server.close();
  return `Retry-After ${wait}: ${count} request(s), ${result.code === 0 ? "delivered" : "dropped"}`;
}

(async () => {
  for (const wait of ["2", "9", "10", "60"]) console.log(await requests(wait));
  process.exit(0);
})();
JS
seen=$(timeout 120 node try.js 2>/dev/null)
echo "$seen"
diff - <(echo "$seen") <<'END'
Retry-After 2: 2 request(s), delivered
Retry-After 9: 2 request(s), delivered
Retry-After 10: 1 request(s), dropped
Retry-After 60: 1 request(s), dropped
END
