/** Several streams on one server: which one a request means, and what one's end does to the others. */

import assert from "node:assert/strict";
import { FrameProcessor } from "../../src/processor/mod.ts";
import { StreamServer } from "../../src/server/mod.ts";
import { admitByLag, type WorkerLoad } from "../../src/worker/mod.ts";
import { startTestServer, TestProcessor, type TestServer } from "./fake_session.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { until } from "../waiting.ts";

function startOf(id: string): Record<string, unknown> {
  return {
    gateway_request_id: id,
    subscribe_url: `http://127.0.0.1:1/${id}`,
    publish_url: `http://127.0.0.1:1/${id}-out`,
  };
}

async function severalStreams(...ids: string[]): Promise<TestServer> {
  const test = await startTestServer({ capacity: 4, processor: () => new TestProcessor() });
  await test.server.initialized;
  for (const id of ids) {
    const { status } = await test.call("POST", "/stream/start", startOf(id), {
      "X-Stream-Id": `orchestrator-${id}`,
    });
    assert.equal(status, 200);
  }
  return test;
}

Deno.test("an id that is none of ours names no stream, whatever it is", async () => {
  await using test = await severalStreams("a");
  const stop = (body: string, headers: HeadersInit) =>
    test.call("POST", "/stream/stop", body, headers);
  const json = { "Content-Type": "application/json" };
  assert.equal((await stop("", { "X-Stream-Id": "x".repeat(300) })).status, 400);
  assert.equal((await stop('{"stream_id":42}', json)).status, 400);
  assert.equal((await stop('{"stream_id":"b"}', { "Content-Type": "text/plain" })).status, 400);
  assert.deepEqual(test.server.streamIds, ["a"]);
  assert.equal((await stop('{"stream_id":"a"}', { "Content-Type": "text/plain" })).status, 200);
});

Deno.test("a stream for which no processor can be made is refused with 503 and the reason", async () => {
  let made = 0;
  const processor = (): TestProcessor => {
    if (made++ > 0) throw new Error("no more licences");
    return new TestProcessor();
  };
  await using test = await startTestServer({ capacity: 2, processor });
  await test.server.initialized;
  assert.equal((await test.call("POST", "/stream/start", startOf("a"))).status, 200);
  const refused = await test.call("POST", "/stream/start", startOf("b"));
  assert.equal(refused.status, 503);
  assert.match(refused.body.message, /no more licences/);
});

Deno.test("what the application throws at an event is logged, and the stream goes on", async () => {
  await using test = await startTestServer({
    onStreamEvent: () => {
      throw new Error("listener bug");
    },
    onOpen: (session) => session.request.onEvent?.({ type: "first-input-segment" }),
  });
  assert.equal((await test.call("POST", "/stream/start", startOf("a"))).status, 200);
  assert.equal((await test.call("POST", "/stream/stop")).status, 200);
});

Deno.test("as many streams start as there is capacity, however many ask at once", async () => {
  await using test = await severalStreams();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => test.call("POST", "/stream/start", startOf(`s${i}`))),
  );
  const statuses = answers.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 200).length, 4);
  assert.equal(statuses.filter((status) => status === 503).length, 46);
  assert.equal(test.sessions.length, 4);
  const refused = answers.find(({ status }) => status === 503)!;
  assert.match(refused.body.message, /still in use; stop one of the 4 active streams/);
});

Deno.test("each stream has a processor of its own, which a later stream has again", async () => {
  await using test = await severalStreams("a", "b");
  const used = test.sessions.map(({ request }) => request.processor);
  assert.notEqual(used[0], used[1]);
  await test.call("POST", "/stream/stop", undefined, { "X-Stream-Id": "a" });
  await test.call("POST", "/stream/start", startOf("c"));
  await test.call("POST", "/stream/start", startOf("d"));
  await test.call("POST", "/stream/start", startOf("e"));
  const all = test.sessions.map(({ request }) => request.processor);
  assert.equal(new Set(all.slice(1)).size, 4, "those that run at once differ");
  assert.ok(all.slice(2).includes(used[0]!), "that of the stream that ended is used again");
});

Deno.test("the header names the stream, by the orchestrator's id or the request's", async () => {
  await using test = await severalStreams("a", "b", "c");
  for (const [header, index] of [["orchestrator-b", 1], ["c", 2]] as const) {
    const answer = await test.call("POST", "/api/stream/params", { x: 1 }, {
      "X-Stream-Id": header,
    });
    assert.equal(answer.status, 200);
    assert.deepEqual(test.sessions[index]!.updates, [{ x: 1 }]);
  }
  assert.deepEqual(test.sessions[0]!.updates, []);
});

Deno.test("without a header the body names the stream, and that is no parameter", async () => {
  await using test = await severalStreams("a", "b");
  await test.call("POST", "/stream/params", { gateway_request_id: "b", x: 1 });
  await test.call("POST", "/stream/params", { gateway_request_id: "b", params: { x: 2 } });
  assert.deepEqual(test.sessions[1]!.updates, [{ x: 1 }, { x: 2 }]);
  assert.deepEqual(test.sessions[0]!.updates, []);
  const stopped = await test.call("POST", "/stream/stop", { gateway_request_id: "a" });
  assert.equal(stopped.body.request_id, "a");
  assert.equal(test.sessions[1]!.state, "running");
});

Deno.test("a request that names none of several streams is a 409 that names them", async () => {
  await using test = await severalStreams("a", "b");
  for (const path of ["/stream/params", "/stream/stop"]) {
    const answer = await test.call("POST", path, path.endsWith("stop") ? "done" : { x: 1 });
    assert.equal(answer.status, 409);
    assert.match(answer.body.message, /several streams are active \(a, b\).*X-Stream-Id/);
  }
  await test.call("POST", "/stream/stop", "", { "X-Stream-Id": "a" });
  assert.equal((await test.call("POST", "/stream/stop", "done")).body.request_id, "b");
});

Deno.test("an id that no stream has is a 400 to change, and a 404 to ask for", async () => {
  await using test = await severalStreams("a", "b");
  const header = { "X-Stream-Id": "x" };
  assert.equal((await test.call("POST", "/stream/params", { x: 1 }, header)).status, 400);
  assert.equal((await test.call("POST", "/stream/stop", "", header)).status, 400);
  assert.equal((await test.call("GET", "/stream/status", undefined, header)).status, 404);
  assert.deepEqual(test.server.streamIds, ["a", "b"]);
});

Deno.test("an id that is in use is refused, by whichever name", async () => {
  await using test = await severalStreams("a");
  const again = await test.call("POST", "/stream/start", startOf("a"));
  assert.equal(again.status, 409);
  assert.match(again.body.message, /Cannot start stream a: a is active/);
  const alias = await test.call("POST", "/stream/start", startOf("b"), { "X-Stream-Id": "a" });
  assert.equal(alias.status, 409);
  assert.equal(test.sessions.length, 1);
});

Deno.test("status lists all streams, and is that of one where one is named", async () => {
  await using test = await severalStreams("a", "b");
  const all = (await test.call("GET", "/stream/status")).body;
  assert.equal(all.capacity, 4);
  assert.deepEqual(all.streams.map(({ stream_id }) => stream_id), ["a", "b"]);
  assert.equal(all.current_params, null);
  assert.equal(all.fps.egress_video_fps, 48);
  const one = (await test.call("GET", "/stream/status", undefined, { "X-Stream-Id": "b" })).body;
  assert.equal(one.current_params?.gateway_request_id, "b");
  assert.equal(one.streams.length, 1);
  assert.equal(one.fps.egress_video_fps, 24);
});

Deno.test("a server for one stream means that one, whatever id a request gives", async () => {
  await using test = await startTestServer();
  await test.call("POST", "/stream/start", startOf("a"), { "X-Stream-Id": "x" });
  const header = { "X-Stream-Id": "another" };
  assert.equal((await test.call("POST", "/stream/params", { x: 1 }, header)).status, 200);
  assert.equal((await test.call("GET", "/stream/status", undefined, header)).status, 200);
  assert.equal((await test.call("POST", "/stream/stop", "", header)).status, 200);
});

Deno.test("a stream that fails gets a new processor, and the others notice nothing", async () => {
  const made: TestProcessor[] = [];
  await using test = await startTestServer({
    capacity: 2,
    processor: () => {
      made.push(new TestProcessor());
      return made.at(-1)!;
    },
  });
  await test.server.initialized;
  for (const id of ["a", "b"]) await test.call("POST", "/stream/start", startOf(id));
  assert.equal(made.length, 2);
  test.sessions[0]!.end({ reason: "failed", error: new Error("boom") });
  await until(() => made.length === 3, "a third processor");
  assert.deepEqual(test.server.streamIds, ["b"]);
  await test.call("POST", "/stream/start", startOf("c"));
  assert.equal(test.sessions[2]!.request.processor, made[2]);
});

Deno.test("a processor that hangs is not used again", async () => {
  let made = 0;
  await using test = await startTestServer({
    processor: () => {
      made++;
      return new TestProcessor();
    },
  });
  await test.server.initialized;
  await test.call("POST", "/stream/start", startOf("a"));
  test.sessions[0]!.processorHangs = true;
  await test.call("POST", "/stream/stop");
  await until(() => made === 2 && test.server.health === "IDLE", "another processor");
  await test.call("POST", "/stream/start", startOf("b"));
  assert.notEqual(test.sessions[1]!.request.processor, test.sessions[0]!.request.processor);
});

Deno.test("what is measured can refuse a stream, with the reason", async () => {
  const asked: WorkerLoad[] = [];
  await using test = await startTestServer({
    capacity: 3,
    processor: () => new TestProcessor(),
    admit: (load) => {
      asked.push(load);
      return load.activeStreams === 0 ? undefined : "the fan is loud";
    },
  });
  await test.server.initialized;
  assert.equal((await test.call("POST", "/stream/start", startOf("a"))).status, 200);
  const refused = await test.call("POST", "/stream/start", startOf("b"));
  assert.equal(refused.status, 503);
  assert.equal(refused.body.message, "Cannot start stream b: the fan is loud");
  assert.equal(asked[1]!.capacity, 3);
  assert.ok(asked[1]!.eventLoopLagMs >= 0);
});

Deno.test("admitByLag() refuses a stream while the event loop runs late, and says how late", () => {
  const load = { activeStreams: 1, capacity: 4 };
  assert.equal(admitByLag({ ...load, eventLoopLagMs: 100 }), undefined);
  assert.match(admitByLag({ ...load, eventLoopLagMs: 101 })!, /its event loop runs 101 ms late/);
});

Deno.test("data, events and parameters of the application go to the stream that is named", async () => {
  await using test = await severalStreams("a", "b");
  test.server.sendData("to b", "b");
  test.server.sendEvent({ score: 1 }, "goal", "orchestrator-a");
  await test.server.updateParams({ x: 1 }, "b");
  assert.deepEqual(test.sessions[1]!.data, ["to b"]);
  assert.deepEqual(test.sessions[0]!.appEvents, [{ event: { score: 1 }, type: "goal" }]);
  assert.deepEqual(test.sessions[1]!.updates, [{ x: 1 }]);
  assert.throws(() => test.server.sendData("to whom?"), {
    name: "RangeError",
    message: "Cannot find stream without an id: active are a, b",
  });
  await test.server.stopStream("a");
  test.server.sendData("to the only one");
  assert.deepEqual(test.sessions[1]!.data, ["to b", "to the only one"]);
});

Deno.test("several streams on one instance are refused, as is a capacity that is none", async () => {
  const instance = new StreamServer({ processor: new TestProcessor(), capacity: 2, port: 0 });
  await assert.rejects(instance.start(), {
    code: "CONFIG_PROCESSOR",
    message: /Cannot run 2 streams on one processor: it is an instance/,
  });
  for (const capacity of [0, 1.5, -1, NaN]) {
    const server = new StreamServer({ processor: TestProcessor, capacity, port: 0 });
    await assert.rejects(server.start(), { name: "RangeError" });
  }
});

/** Fails to initialize as often as told. */
class Reluctant extends FrameProcessor {
  static failures = 0;

  override initialize(): void {
    if (Reluctant.failures-- > 0) throw new Error("the model is not there yet");
  }
}

Deno.test("a processor that fails to load is tried again until it loads", async () => {
  Reluctant.failures = 2;
  const clock = new ManualClock();
  await using server = new StreamServer({
    processor: Reluctant,
    host: "127.0.0.1",
    port: 0,
    clock,
  });
  await server.start();
  await server.initialized;
  await until(() => server.health === "ERROR", "the first failure");
  const status = await (await fetch(`${server.url}/stream/status`)).json();
  assert.equal(status.error_message, "the model is not there yet");
  await clock.passDelay(5_000, 5_000);
  await clock.passDelay(10_000, 10_000);
  await until(() => server.health === "IDLE", "IDLE");
  await clock.passUntil(server.stop());
});
