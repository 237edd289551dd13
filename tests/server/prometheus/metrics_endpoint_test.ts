import assert from "node:assert/strict";
import { FAKE_METRICS, startTestServer, TestProcessor, type TestServer } from "../fake_session.ts";
import { assertHistograms, valueOf } from "./prometheus_text.ts";

async function scrape({ server }: TestServer): Promise<string> {
  const response = await fetch(`${server.url}/metrics`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  return await response.text();
}

Deno.test("/metrics follows a stream from its start to its end, and refused ones", async () => {
  await using test = await startTestServer({ prefix: "/v1" });
  const before = await scrape(test);
  assert.equal(valueOf(before, "runnel_active_streams"), 0);
  assert.equal(valueOf(before, "runnel_ready"), 1);
  assert.equal(valueOf(before, "runnel_health", { state: "IDLE" }), 1);
  assert.ok(valueOf(before, "process_resident_memory_bytes") > 1e6);

  await test.call("POST", "/stream/start", { gateway_request_id: "job-1" });
  await test.call("POST", "/stream/start", { gateway_request_id: "job-2" });
  await test.call("POST", "/stream/start", { gateway_request_id: 7 });
  const during = await scrape(test);
  assert.equal(valueOf(during, "runnel_active_streams"), 1);
  assert.equal(valueOf(during, "runnel_health", { state: "OK" }), 1);
  assert.equal(valueOf(during, "runnel_streams_rejected_total", { reason: "capacity" }), 1);
  assert.equal(valueOf(during, "runnel_streams_rejected_total", { reason: "invalid" }), 1);
  const stream = { stream: "job-1" };
  assert.equal(valueOf(during, "runnel_stream_frames_in_total", stream), FAKE_METRICS.frames_in);
  const figure = { ...stream, name: "gpu_memory_mb" };
  assert.equal(valueOf(during, "runnel_stream_processor_figure", figure), 512);
  assertHistograms(during);

  await test.call("POST", "/stream/stop");
  const after = await scrape(test);
  assert.equal(valueOf(after, "runnel_frames_in_total"), FAKE_METRICS.frames_in);
  assert.equal(valueOf(after, "runnel_streams_started_total"), 1);
  assert.equal(valueOf(after, "runnel_streams_ended_total", { reason: "stopped" }), 1);
  assert.doesNotMatch(after, /job-1/);
});

Deno.test("/metrics answers before the processor is initialized", async () => {
  const gate = Promise.withResolvers<void>();
  await using test = await startTestServer({ processor: new TestProcessor(gate.promise) });
  await test.call("POST", "/stream/start", { gateway_request_id: "early" });
  const text = await scrape(test);
  assert.equal(valueOf(text, "runnel_ready"), 0);
  assert.equal(valueOf(text, "runnel_health", { state: "LOADING" }), 1);
  assert.equal(valueOf(text, "runnel_streams_rejected_total", { reason: "loading" }), 1);
  gate.resolve();
});
