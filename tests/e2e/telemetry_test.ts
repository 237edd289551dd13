import assert from "node:assert/strict";
import { LATENCY_BUCKETS_SECONDS } from "../../src/session/mod.ts";
import { makeTestClip } from "./clips.ts";
import { testWith } from "../facilities.ts";
import { feedWithKill } from "./child_death.ts";
import { Chain, ChainStream } from "./harness.ts";
import { OtlpCollector, type ReadSpan } from "./otlp_collector.ts";
import { WorkerProcess } from "../../bench/worker_process.ts";
import { until, within } from "../waiting.ts";

const linuxTest = await testWith("linux");
const STOPS_STREAM = new URL("processors/stops_stream.ts", import.meta.url).pathname;
const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CALLER_SPAN_ID = "b7ad6b7169203331";

/** Starts a stream as a gateway that traces does. */
async function openTraced(chain: Chain): Promise<ChainStream> {
  for (const name of ["in", "out"]) chain.server.createChannel(name, "video/mp2t");
  const response = await fetch(`${chain.worker.url}/stream/start`, {
    method: "POST",
    headers: { traceparent: `00-${TRACE_ID}-${CALLER_SPAN_ID}-01` },
    body: new TextEncoder().encode(JSON.stringify({
      gateway_request_id: "traced",
      subscribe_url: chain.server.channelUrl("in"),
      publish_url: chain.server.channelUrl("out"),
      params: { width: 160, height: 120, max_framerate: 30 },
    })),
  });
  assert.equal(response.status, 200, await response.text());
  return new ChainStream(chain, { input: "in", output: "out" });
}

/** Waits for the spans of the stream, which follow its end. */
async function sessionSpan(collector: OtlpCollector): Promise<ReadSpan> {
  await until(() => collector.named("runnel.session").length > 0, "the session's span");
  return collector.named("runnel.session")[0]!;
}

async function assertTraced(isolate: "none" | "thread" | "process"): Promise<void> {
  await using collector = new OtlpCollector();
  const clip = await makeTestClip();
  {
    await using chain = await Chain.startWith(collector, "--isolate", isolate);
    await using stream = await openTraced(chain);
    await stream.feed(clip);
    const { segments } = await stream.end();
    const session = await sessionSpan(collector);
    assert.equal(session.traceId, TRACE_ID);
    const requestSpan = (): ReadSpan | undefined =>
      collector.spans.find(({ spanId }) => spanId === session.parentSpanId);
    await until(() => requestSpan() !== undefined, "the request's span");
    const request = requestSpan();
    assert.equal(request?.parentSpanId, CALLER_SPAN_ID, "below the server's span of the request");
    const { "runnel.fps.out": fps, ...attributes } = session.attributes;
    assert.ok(Number(fps) > 0, `${fps}`);
    assert.deepEqual(attributes, {
      "runnel.stream.id": "traced",
      "runnel.scaled.width": 160,
      "runnel.scaled.height": 120,
      "runnel.max_framerate": 30,
      "runnel.input.width": 320,
      "runnel.input.height": 240,
      "runnel.input.video_codec": "h264",
      "runnel.input.audio_codec": "aac",
      "runnel.end.reason": "input-ended",
      "runnel.frames.in": 60,
      "runnel.frames.out": 60,
      "runnel.frames.dropped": 0,
      "runnel.errors": 0,
      "runnel.events.dropped": 0,
    });
    assert.deepEqual(session.events.map(({ name }) => name), [
      "first-input-segment",
      "first-output-segment",
    ]);

    await until(() => collector.named("runnel.input_segment").length >= 3, "input segments");
    await until(
      () => collector.named("runnel.output_segment").length >= segments.length,
      "output segments",
    );
    const inputs = collector.named("runnel.input_segment");
    const outputs = collector.named("runnel.output_segment");
    for (const span of [...inputs, ...outputs]) {
      assert.equal(span.traceId, TRACE_ID);
      assert.equal(span.parentSpanId, session.spanId);
      assert.equal(span.attributes["runnel.stream.id"], "traced");
      assert.ok(span.endNs >= span.startNs, `${span.name}: ${span.endNs - span.startNs} ns`);
    }
    assert.deepEqual(inputs.map(({ attributes }) => attributes["runnel.segment.seq"]), [0, 1, 2]);
    const framesIn = inputs.map(({ attributes }) => attributes["runnel.segment.frames"]);
    assert.deepEqual(framesIn, [20, 20, 20]);
    assert.deepEqual(
      outputs.map(({ attributes }) => attributes["runnel.segment.size"]),
      segments.map((bytes) => bytes.length),
    );
    const framesOut = outputs.map(({ attributes }) => Number(attributes["runnel.segment.frames"]));
    assert.equal(framesOut.reduce((sum, frames) => sum + frames, 0), 60);
    const uploads = collector.spans.filter(({ parentSpanId }) => parentSpanId === session.spanId);
    assert.ok(uploads.length >= inputs.length + outputs.length);
  }
}

for (const isolate of ["none", "thread", "process"] as const) {
  Deno.test(`a stream, --isolate ${isolate}, is a trace below its request, with a span per segment`, async () => {
    await assertTraced(isolate);
  });
}

async function assertMeasured(isolate: "none" | "thread" | "process"): Promise<void> {
  await using collector = new OtlpCollector();
  const clip = await makeTestClip();
  await using chain = await Chain.startWith(collector, "--isolate", isolate);
  await using stream = await openTraced(chain);
  await stream.feed(clip);
  const { bytes } = await stream.end();
  const value = (name: string): number | undefined =>
    collector.metrics.get(name)?.points.get("")?.value;
  // Sound goes out after the last picture, and metrics in between.
  await until(
    () => value("runnel.output.size") === bytes.length,
    () => `${value("runnel.output.size")} of ${bytes.length} bytes in the metrics`,
  );
  assert.equal(value("runnel.frames.in"), 60);
  assert.equal(value("runnel.frames.processed"), 60);
  assert.equal(value("runnel.frames.out"), 60);
  assert.ok(value("runnel.input.size")! > 10_000);
  assert.equal(collector.metrics.get("runnel.output.size")?.unit, "By");
  const latency = collector.metrics.get("runnel.frame.latency");
  assert.equal(latency?.unit, "s");
  const stages = ["decode", "encode", "process", "queue", "total"];
  assert.deepEqual([...latency.points.keys()].sort(), stages);
  for (const { value, bounds } of latency.points.values()) {
    assert.equal(value, 60);
    assert.deepEqual(bounds, LATENCY_BUCKETS_SECONDS);
  }
  const isApart = isolate === "process";
  assert.equal(collector.bodies.some((body) => body.includes("service.instance.id")), isApart);
}

for (const isolate of ["none", "thread", "process"] as const) {
  Deno.test(`frames, bytes and latencies are exported as metrics, --isolate ${isolate}`, async () => {
    await assertMeasured(isolate);
  });
}

linuxTest("a codec that dies shows in the trace", async () => {
  await using collector = new OtlpCollector();
  const clip = await makeTestClip();
  await using chain = await Chain.startWith(collector);
  await using stream = await openTraced(chain);
  await feedWithKill(stream, clip, { worker: chain.worker, word: "rawvideo" });
  await stream.end();
  const session = await sessionSpan(collector);
  const restart = session.events.find(({ name }) => name === "codec restart");
  assert.deepEqual(restart?.attributes, { "runnel.codec.restarts": 1 });
  await until(() => collector.metrics.has("runnel.codec.restarts"), "the metric");
});

Deno.test("a stream that fails has the status of an error, and no credentials", async () => {
  await using collector = new OtlpCollector();
  const clip = await makeTestClip();
  await using chain = await Chain.startWith(collector, "--processor", STOPS_STREAM);
  await using stream = await openTraced(chain);
  const over = new AbortController();
  // Nobody reads it to the end.
  const feeding = stream.feed(clip, { signal: over.signal }).catch(() => {});
  const session = await sessionSpan(collector);
  over.abort();
  await feeding;
  assert.equal(session.attributes["runnel.end.reason"], "failed");
  assert.equal(session.status.code, 2);
  assert.match(session.status.message!, /Cannot reach http:\/\/model\.example\/: gone/);
  const exception = session.events.find(({ name }) => name === "exception");
  assert.equal(exception?.attributes["exception.type"], "ProcessorError");
  await until(() => chain.worker.log.some((line) => line.includes("failed")), "the log");
  assert.doesNotMatch(collector.bodies.join(), /hunter2/);
  assert.doesNotMatch(chain.worker.log.join(), /hunter2/);
});

Deno.test("an input that does not exist is an error of the trace, without credentials", async () => {
  await using collector = new OtlpCollector();
  await using chain = await Chain.startWith(collector);
  const { host } = new URL(chain.server.channelUrl("x"));
  const { status } = await chain.worker.call("/stream/start", {
    gateway_request_id: "lost",
    subscribe_url: `http://user:secret@${host}/nowhere`,
  });
  assert.equal(status, 200);
  const session = await sessionSpan(collector);
  assert.equal(session.attributes["runnel.end.reason"], "input-ended");
  const error = session.events.find(({ name }) => name === "error");
  assert.equal(error?.attributes["runnel.stage"], "input");
  assert.match(String(error?.attributes["exception.message"]), /channel does not exist/);
  assert.doesNotMatch(collector.bodies.join(), /secret/);
});

Deno.test("a collector that does not answer keeps no worker from its end", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked = listener.accept();
  await using worker = await WorkerProcess.start(["--log-level", "warning"], {
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${listener.addr.port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: `${3_600_000}`,
      OTEL_BSP_SCHEDULE_DELAY: "10",
    },
  });
  await worker.call("/health");
  using _connection = await within(asked, "the first request of the exporter");
  assert.equal(await within(worker.stop(), "the worker's end"), 0);
});
