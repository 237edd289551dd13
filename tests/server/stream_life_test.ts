import assert from "node:assert/strict";
import { ConfigError, ProcessorError } from "../../src/base/mod.ts";
import type { ProcessorContext } from "../../src/processor/mod.ts";
import { StreamServer } from "../../src/server/mod.ts";
import { FAKE_METRICS, startTestServer, TestProcessor, type TestServer } from "./fake_session.ts";
import { unusedPort } from "../unused_port.ts";
import { until } from "../waiting.ts";

const START = {
  gateway_request_id: "job-1",
  subscribe_url: "http://127.0.0.1:1/in",
  publish_url: "http://127.0.0.1:1/out",
};

async function health(test: TestServer): Promise<string> {
  const answer = await test.call("GET", "/health");
  assert.equal(answer.status, 200);
  return answer.body.status;
}

Deno.test("every stream endpoint answers at its documented path and at its short one", async () => {
  await using test = await startTestServer();
  const families = [
    { start: "/api/stream/start", base: "/api/stream" },
    { start: "/stream/start", base: "/stream" },
    { start: "/live-video-to-video", base: "/stream" },
  ];
  for (const { start, base } of families) {
    assert.equal((await test.call("POST", start, START)).status, 200, start);
    assert.equal((await test.call("POST", `${base}/params`, { a: 1 })).status, 200);
    assert.equal((await test.call("GET", `${base}/status`)).status, 200);
    assert.equal((await test.call("POST", `${base}/stop`)).status, 200);
  }
});

Deno.test("a prefix comes before every path and hides the bare ones", async () => {
  await using test = await startTestServer({ prefix: "worker/v1/" });
  assert.match(test.server.url, /:\d+\/worker\/v1$/);
  assert.equal((await test.call("POST", "/api/stream/start", START)).status, 200);
  const bare = await fetch(new URL("/api/stream/status", test.server.url));
  assert.equal(bare.status, 404);
  await bare.body?.cancel();
});

Deno.test("a prefix that no path can have is refused", () => {
  for (const prefix of ["/a b", "/a?x", "/ü", "/a/../b", "/a%20b"]) {
    assert.throws(
      () => new StreamServer({ processor: new TestProcessor(), prefix }),
      { name: "RangeError", message: /Cannot use the prefix/ },
    );
  }
});

Deno.test("start answers success with the request id and the state it leads to", async () => {
  await using test = await startTestServer();
  const answer = await test.call("POST", "/api/stream/start", START);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type")!, /^application\/json/);
  assert.deepEqual(answer.body, {
    status: "success",
    message: "Stream started",
    request_id: "job-1",
    current_state: {
      state: "OK",
      pipeline_state: "READY",
      pipeline_ready: true,
      startup_complete: true,
      active_streams: 1,
      client_active: true,
      client_running: true,
      error_message: null,
    },
  });
  assert.equal(test.sessions[0]?.state, "running");
});

Deno.test("a second start is refused while the first stream is in use, and leaves it alone", async () => {
  await using test = await startTestServer();
  await test.call("POST", "/api/stream/start", START);
  const second = await test.call("POST", "/stream/start", {
    ...START,
    gateway_request_id: "job-2",
  });
  assert.equal(second.status, 503);
  assert.equal(second.body.status, "error");
  assert.match(second.body.message, /Pipeline is still in use/);
  assert.equal(second.body.current_state.active_streams, 1);
  assert.equal(test.sessions.length, 1);
  assert.equal(test.sessions[0]?.state, "running");
});

Deno.test("two starts at the same moment give one stream", async () => {
  await using test = await startTestServer();
  const answers = await Promise.all(
    ["a", "b", "c", "d"].map((id) =>
      test.call("POST", "/api/stream/start", { ...START, gateway_request_id: id })
    ),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 503, 503, 503]);
  assert.equal(test.sessions.length, 1);
});

Deno.test("stop ignores any body, flushes, and is refused when nothing runs", async () => {
  await using test = await startTestServer();
  const none = await test.call("POST", "/api/stream/stop");
  assert.equal(none.status, 400);
  assert.equal(none.body.status, "error");
  assert.equal(none.body.message, "No active stream to stop");
  for (const body of [undefined, "", "the client went away", "{broken", { reason: "done" }]) {
    await test.call("POST", "/api/stream/start", START);
    const answer = await test.call("POST", "/stream/stop", body);
    assert.equal(answer.status, 200, String(body));
    assert.equal(answer.body.status, "success");
    assert.equal(answer.body.request_id, "job-1");
    assert.equal(answer.body.current_state.state, "IDLE");
    assert.equal(test.sessions.at(-1)?.state, "ended");
  }
});

Deno.test("a stream that flushes still occupies the pipeline, and a second stop waits for it", async () => {
  const flush = Promise.withResolvers<void>();
  await using test = await startTestServer({
    onOpen: (session) => session.flushed = flush.promise,
  });
  await test.call("POST", "/api/stream/start", START);
  const stops = [
    test.call("POST", "/api/stream/stop"),
    test.call("POST", "/api/stream/stop"),
  ];
  await until(async () => {
    const { body } = await test.call("GET", "/api/stream/status");
    return body.client_active === true && body.client_running === false;
  }, "a stream that is over");
  assert.equal((await test.call("POST", "/api/stream/start", START)).status, 503);
  flush.resolve();
  for (const stop of stops) assert.equal((await stop).status, 200);
  assert.equal((await test.call("POST", "/api/stream/start", START)).status, 200);
});

Deno.test("a session that ends by itself leaves the server idle and ready for the next", async () => {
  await using test = await startTestServer();
  await test.call("POST", "/api/stream/start", START);
  assert.equal(await health(test), "OK");
  test.sessions[0]!.end({ reason: "input-ended", found: true });
  await until(async () => await health(test) === "IDLE", "IDLE");
  const { body } = await test.call("GET", "/api/stream/status");
  assert.equal(body.error_message, null);
  assert.equal(body.current_params, null);
  assert.equal((await test.call("POST", "/api/stream/stop")).status, 400);
  assert.equal((await test.call("POST", "/api/stream/start", START)).status, 200);
});

Deno.test("a session that failed leaves the server idle and says why until the next start", async () => {
  await using test = await startTestServer();
  await test.call("POST", "/api/stream/start", START);
  test.sessions[0]!.end({ reason: "failed", error: new Error("the encoder is gone") });
  await until(async () => await health(test) === "IDLE", "IDLE");
  let { body } = await test.call("GET", "/api/stream/status");
  assert.equal(body.error_message, "the encoder is gone");
  await test.call("POST", "/api/stream/start", START);
  ({ body } = await test.call("GET", "/api/stream/status"));
  assert.equal(body.error_message, null);
});

Deno.test("status has every documented field, idle and streaming", async () => {
  await using test = await startTestServer();
  const idle = await test.call("GET", "/api/stream/status");
  assert.equal(idle.status, 200);
  assert.deepEqual(idle.body, {
    status: "IDLE",
    state: "IDLE",
    pipeline_state: "READY",
    pipeline_ready: true,
    startup_complete: true,
    active_streams: 0,
    client_active: false,
    client_running: false,
    error_message: null,
    fps: {
      ingress_video_fps: 0,
      ingress_audio_fps: 0,
      egress_video_fps: 0,
      egress_audio_fps: 0,
    },
    current_params: null,
    metrics: {},
    capacity: 1,
    streams: [],
  });
  const beforeMs = Date.now();
  await test.call("POST", "/api/stream/start", START);
  const afterMs = Date.now();
  const { body } = await test.call("GET", "/stream/status");
  assert.equal(body.status, "OK");
  assert.equal(body.active_streams, 1);
  assert.deepEqual(body.fps, FAKE_METRICS.fps);
  assert.deepEqual(body.current_params, {
    subscribe_url: START.subscribe_url,
    publish_url: START.publish_url,
    gateway_request_id: "job-1",
  });
  assert.deepEqual(body.metrics, { ...FAKE_METRICS, gpu_memory_mb: 512 });
  const [stream] = body.streams;
  assert.deepEqual({ ...stream, started_at: "" }, {
    stream_id: "job-1",
    aliases: [],
    state: "running",
    started_at: "",
    fps: body.fps,
    current_params: body.current_params,
    params: {},
    metrics: body.metrics,
  });
  const startedMs = Date.parse(stream!.started_at);
  assert.ok(beforeMs <= startedMs && startedMs <= afterMs, stream!.started_at);
});

Deno.test("the figures of the last stream stay after its end, its frame rates do not", async () => {
  await using test = await startTestServer();
  await test.call("POST", "/api/stream/start", START);
  await test.call("POST", "/api/stream/stop");
  const { body } = await test.call("GET", "/api/stream/status");
  assert.equal(body.metrics.frames_out, FAKE_METRICS.frames_out);
  assert.equal(body.fps.egress_video_fps, 0);
});

Deno.test("parameters are refused without a stream", async () => {
  await using test = await startTestServer();
  const answer = await test.call("POST", "/api/stream/params", { strength: 1 });
  assert.equal(answer.status, 400);
  assert.match(answer.body.message, /No active stream/);
});

Deno.test("an update that the session refuses is a 400 with its reason; a crash is a 500", async () => {
  await using test = await startTestServer();
  await test.call("POST", "/api/stream/start", START);
  const session = test.sessions[0]!;
  const refusals = [
    new ProcessorError("PROCESSOR_PARAMS", "Cannot set gain: was -1; use 0 to 4"),
    new ConfigError("CONFIG_INVALID", "Cannot set gain: was -1; use 0 to 4"),
  ];
  for (const error of refusals) {
    session.updateError = error;
    const answer = await test.call("POST", "/api/stream/params", { gain: -1 });
    assert.equal(answer.status, 400);
    assert.equal(answer.body.message, "Cannot set gain: was -1; use 0 to 4");
    assert.equal(answer.body.current_state.state, "OK");
  }
  session.updateError = new Error("boom");
  assert.equal((await test.call("POST", "/api/stream/params", { gain: 1 })).status, 500);
  session.updateError = undefined;
  assert.equal((await test.call("POST", "/api/stream/params", { gain: 1 })).status, 200);
});

Deno.test("a start that fails leaves nothing half-open", async () => {
  let fails = true;
  await using test = await startTestServer({
    onOpen: (session) => {
      if (fails) session.startError = new Error("no more processes");
    },
  });
  const answer = await test.call("POST", "/api/stream/start", START);
  assert.equal(answer.status, 500);
  assert.equal(answer.body.status, "error");
  assert.match(answer.body.message, /Cannot start stream job-1: no more processes/);
  assert.equal(answer.body.current_state.active_streams, 0);
  assert.equal(test.sessions[0]?.disposed, true);
  fails = false;
  assert.equal((await test.call("POST", "/api/stream/start", START)).status, 200);
});

Deno.test("a session that cannot be opened because of its settings is a 400", async () => {
  await using test = await startTestServer({
    onOpen: () => {
      throw new ConfigError("CONFIG_INVALID", "Cannot trust the certificate: set TRICKLE_TLS");
    },
  });
  const answer = await test.call("POST", "/api/stream/start", START);
  assert.equal(answer.status, 400);
  assert.match(answer.body.message, /TRICKLE_TLS/);
  assert.equal(await health(test), "IDLE");
});

Deno.test("the server is LOADING and refuses starts until its processor is initialized", async () => {
  const loaded = Promise.withResolvers<void>();
  await using test = await startTestServer({ processor: new TestProcessor(loaded.promise) });
  assert.equal(await health(test), "LOADING");
  const early = await test.call("POST", "/api/stream/start", START);
  assert.equal(early.status, 503);
  assert.match(early.body.message, /still initializing/);
  assert.equal(early.body.current_state.pipeline_ready, false);
  assert.equal(early.body.current_state.startup_complete, false);
  loaded.resolve();
  await test.server.initialized;
  assert.equal(await health(test), "IDLE");
  assert.equal((await test.call("POST", "/api/stream/start", START)).status, 200);
});

Deno.test("the server is in ERROR with a reason when its processor cannot be initialized", async () => {
  const loaded = Promise.withResolvers<void>();
  await using test = await startTestServer({ processor: new TestProcessor(loaded.promise) });
  loaded.reject(new Error("weights.onnx is missing"));
  await test.server.initialized;
  assert.equal(await health(test), "ERROR");
  const answer = await test.call("POST", "/api/stream/start", START);
  assert.equal(answer.status, 503);
  assert.match(answer.body.message, /weights\.onnx is missing/);
  const { body } = await test.call("GET", "/api/stream/status");
  assert.equal(body.error_message, "weights.onnx is missing");
  assert.equal(body.startup_complete, true);
  assert.equal(body.pipeline_ready, false);
  assert.equal(body.pipeline_state, "ERROR");
});

Deno.test("a factory makes one processor when the server starts", async () => {
  let made = 0;
  const factory = () => {
    made++;
    return new TestProcessor();
  };
  {
    await using test = await startTestServer({ processor: factory });
    await test.server.initialized;
    await test.call("POST", "/api/stream/start", START);
    await test.call("POST", "/api/stream/stop");
    await test.call("POST", "/api/stream/start", START);
  }
  assert.equal(made, 1);
});

Deno.test("a factory that throws fails the start of the server", async () => {
  const server = new StreamServer({
    port: 0,
    processor: () => {
      throw new Error("no licence");
    },
  });
  await assert.rejects(server.start(), { code: "CONFIG_PROCESSOR", message: /no licence/ });
  await server.stop();
});

Deno.test("stopping the server stops its streams and frees its port", async () => {
  const port = unusedPort();
  const test = await startTestServer({ port });
  await test.call("POST", "/api/stream/start", START);
  await test.clock.passUntil(Promise.all([test.server.stop(), test.server.stop()]));
  assert.equal(test.sessions[0]?.state, "ended");
  const again = new StreamServer({ processor: new TestProcessor(), host: "127.0.0.1", port });
  await again.start();
  await again[Symbol.asyncDispose]();
});

Deno.test("the signal of the options ends runForever", async () => {
  const abort = new AbortController();
  const server = new StreamServer({
    processor: new TestProcessor(),
    host: "127.0.0.1",
    port: 0,
    signal: abort.signal,
  });
  await server.start();
  const forever = server.runForever();
  abort.abort();
  await forever;
  await assert.rejects(server.start(), TypeError);
});

Deno.test("a port in use is a readable error", async () => {
  await using test = await startTestServer();
  const { port } = test.server.address;
  const second = new StreamServer({ processor: new TestProcessor(), host: "127.0.0.1", port });
  await assert.rejects(second.start(), {
    code: "CONFIG_INVALID",
    message: new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: another program does`),
  });
});

Deno.test("progress that the processor reports is shown by its stream, and by nobody without one", async () => {
  const given = Promise.withResolvers<ProcessorContext>();
  class Reporter extends TestProcessor {
    override initialize(context: ProcessorContext): Promise<void> {
      given.resolve(context);
      return Promise.resolve();
    }
  }
  await using test = await startTestServer({ processor: new Reporter() });
  const context = await given.promise;
  await test.server.initialized;
  context.reportProgress(0.1);
  assert.equal((await test.call("POST", "/stream/start", START)).status, 200);
  context.reportProgress(0.5, "Loading the model");
  context.reportProgress(0.75);
  assert.deepEqual(test.sessions[0]?.loading, [
    { progress: 0.5, message: "Loading the model" },
    { progress: 0.75 },
  ]);
});
