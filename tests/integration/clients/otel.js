// SPDX-License-Identifier: Apache-2.0
// node otel.js URL COMPRESSION COUNT: sends so many log records with the OpenTelemetry SDK and its
// OTLP/HTTP exporter in JSON. Fails when the exporter does.
const { trace, context, TraceFlags } = require("@opentelemetry/api");
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-http");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { LoggerProvider, BatchLogRecordProcessor } = require("@opentelemetry/sdk-logs");

const [url, compression, count] = process.argv.slice(2);

async function main() {
  const exporter = new OTLPLogExporter({ url, compression });
  const results = [];
  const send = exporter.export.bind(exporter);
  exporter.export = (records, done) => send(records, (result) => {
    results.push(result.error ? String(result.error) : result.code);
    done(result);
  });
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ "service.name": "otel-js", "service.version": "9.8" }),
    processors: [new BatchLogRecordProcessor({ exporter, maxQueueSize: 10000 })],
  });
  const logger = provider.getLogger("test", "1.0");
  const span = trace.wrapSpanContext({
    traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331",
    traceFlags: TraceFlags.SAMPLED,
  });
  for (let i = 0; i < Number(count); i++) {
    logger.emit({
      severityNumber: SeverityNumber.WARN, severityText: "WARN", body: `record ${i}`,
      eventName: "otel.js", timestamp: new Date("2026-05-06T07:08:09.123Z"),
      attributes: { index: i, nested: { list: [1, "two", true] }, "http.method": "GET" },
      context: trace.setSpan(context.active(), span),
    });
  }
  await provider.forceFlush();
  await provider.shutdown();
  console.log(JSON.stringify(results));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
