#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# winston's HTTP transport takes 200 alone for a success, and sends nothing twice.
#
#   software   npm winston 3.19.0, transports.Http, one by one and with batch: true
#   expected   any 2xx is a success, and after a 503 with Retry-After the lines are sent again
#   seen       202 Accepted is told as a warning "Invalid HTTP Status Code: 202", the same as for 422 and
#              503, although the lines were taken. After a 503 no second request comes: the lines are
#              dropped, in a batch all of them.
#   so         its users see a warning for each line that was taken and believe it lost, and have lost the
#              lines of every outage
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --no-audit --no-fund --silent --prefix . winston@3.19.0 >/dev/null
cat >try.js <<'JS'
const http = require("http");
const winston = require("winston");

async function lines(status, batch) {
  let requests = 0;
  const server = http.createServer((question, answer) => question.resume().on("end", () => {
    requests += 1;
    answer.writeHead(status, status === 503 ? { "Retry-After": "1" } : {}).end("{}");
  }));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const transport = new winston.transports.Http({
    host: "127.0.0.1", port: server.address().port, batch, batchInterval: 50, batchCount: 2 });
  const told = new Set();
  transport.on("warn", (warning) => told.add(warning.message));
  const logger = winston.createLogger({ transports: [transport] });
  logger.info("one");
  logger.info("two");
  await new Promise((later) => setTimeout(later, 4000)); // four times what Retry-After asked for
  server.close();
  return `${status}, ${batch ? "a batch of two" : "two lines"}: ${requests} request(s), ${[...told].join() || "no warning"}`;
}

(async () => {
  for (const status of [200, 202, 422, 503])
    for (const batch of [false, true]) console.log(await lines(status, batch));
  process.exit(0);
})();
JS
seen=$(timeout 120 node try.js 2>/dev/null)
echo "$seen"
diff - <(echo "$seen") <<'END'
200, two lines: 2 request(s), no warning
200, a batch of two: 1 request(s), no warning
202, two lines: 2 request(s), Invalid HTTP Status Code: 202
202, a batch of two: 1 request(s), Invalid HTTP Status Code: 202
422, two lines: 2 request(s), Invalid HTTP Status Code: 422
422, a batch of two: 1 request(s), Invalid HTTP Status Code: 422
503, two lines: 2 request(s), Invalid HTTP Status Code: 503
503, a batch of two: 1 request(s), Invalid HTTP Status Code: 503
END
