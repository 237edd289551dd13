/** What a thread or process contains: its stream ends, is counted and replaced; others go on. */

import assert from "node:assert/strict";
import { VideoFrame } from "../../../src/frames/mod.ts";
import { processTree } from "../../../src/media/codec/child/proc.ts";
import { StreamServer, type StreamServerOptions } from "../../../src/server/mod.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";
import { until } from "../../waiting.ts";
import { ADMIT_ALL } from "../../server/fake_session.ts";
import { valueOf } from "../../server/prometheus/prometheus_text.ts";

const GREEDY = import.meta.resolve("./processors/greedy.ts");

interface Case {
  readonly isolate: "thread" | "process";
  /** What the processor of one of two streams is told. */
  readonly told: string;
  readonly options?: Partial<StreamServerOptions>;
}

async function call(server: StreamServer, path: string, body: unknown): Promise<number> {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
  });
  await response.body?.cancel();
  return response.status;
}

/** Runs two streams, ruins one, and resolves once it has ended, was counted, and another can start. */
async function ruinOne({ isolate, told, options = {} }: Case): Promise<void> {
  const clock = new ManualClock();
  const ends: string[] = [];
  await using server = new StreamServer({
    processor: { module: GREEDY },
    isolate,
    capacity: 2,
    clock,
    host: "127.0.0.1",
    port: 0,
    admit: ADMIT_ALL,
    warmFfmpeg: 0,
    isolateMemoryMb: 256,
    onStreamEvent: (event, id) => {
      if (event.type === "ended") ends.push(`${id}: ${event.end.reason}`);
    },
    ...options,
  });
  await server.start();
  await server.initialized;
  for (const id of ["bad", "good"]) {
    await until(
      async () => await call(server, "/stream/start", { gateway_request_id: id }) === 200,
      `a processor for ${id}`,
    );
  }
  const params = (id: string, what: string): Promise<number> =>
    call(server, "/stream/params", { gateway_request_id: id, params: { do: what } });
  await params("bad", told); // answered, or broken off by what it asks for
  await until(() => ends.length > 0, "the end of the bad stream");
  assert.deepEqual(ends, ["bad: failed"]);
  assert.equal(await params("good", "nothing"), 200, "the other stream is gone");
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const reason = "crashed";
  assert.equal(valueOf(text, "runnel_isolation_faults_total", { reason }), 1);
  await until(
    async () => await call(server, "/stream/start", { gateway_request_id: "next" }) === 200,
    "another processor",
  );
  assert.deepEqual([...server.streamIds].sort(), ["good", "next"]);
  await clock.passUntil(server.stop());
}

const CONTAINED = {
  thread: ["fill the heap", "throw later"],
  process: ["fill the heap", "fill buffers", "throw later", "babble", "lie"],
} as const;

for (const isolate of ["thread", "process"] as const) {
  for (const told of CONTAINED[isolate]) {
    Deno.test(`in a ${isolate}, a processor that does "${told}" ends its own stream alone`, async () => {
      await ruinOne({ isolate, told });
    });
  }
}

Deno.test("what is sent to a process that does not read is bounded and counted", async () => {
  const clock = new ManualClock();
  await using server = new StreamServer({
    processor: { module: GREEDY },
    isolate: "process",
    clock,
    host: "127.0.0.1",
    port: 0,
    admit: ADMIT_ALL,
    warmFfmpeg: 0,
  });
  await server.start();
  await server.initialized;
  assert.equal(await call(server, "/stream/start", { gateway_request_id: "a" }), 200);
  assert.equal(await call(server, "/stream/params", { params: { do: "spin" } }), 200);
  const data = new Uint8Array(16 * 16 * 3);
  using frame = new VideoFrame({
    ...{ pixelFormat: "rgb24", data, width: 16, height: 16 },
    ...{ ptsTicks: 0, timeBase: { num: 1, den: 90_000 } },
  });
  const frames: Promise<boolean>[] = [];
  for (let i = 0; i < 2_000; i++) {
    server.sendData("x".repeat(60_000));
    server.sendEvent({ i }, "test");
    if (i < 100) frames.push(server.sendFrame(frame));
  }
  const status = await (await fetch(`${server.url}/stream/status`)).json();
  const { data_lines_dropped, events_dropped, frames_dropped_by_reason } = status.metrics;
  assert.ok(
    data_lines_dropped > 1_800 && data_lines_dropped < 2_000,
    `${data_lines_dropped} lines`,
  );
  assert.ok(events_dropped > 1_800 && events_dropped < 2_000, `${events_dropped} events`);
  assert.equal(frames_dropped_by_reason.queue, 92);
  clock.advance(10_500);
  await until(() => server.streamIds.length === 0, "the end of the stream that hangs");
  assert.deepEqual(new Set(await Promise.all(frames)), new Set([false]));
  await clock.passUntil(server.stop());
});

Deno.test({
  name: "after a thread that cannot be ended streams run in processes",
  ignore: Deno.build.os !== "linux",
  // The thread is still there.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const clock = new ManualClock();
    const common = { host: "127.0.0.1", port: 0, clock, admit: ADMIT_ALL, warmFfmpeg: 0 };
    await using server = new StreamServer({
      processor: { module: GREEDY },
      isolate: "thread",
      ...common,
    });
    await server.start();
    await server.initialized;
    assert.deepEqual(streamProcesses(), []);
    assert.equal(await call(server, "/stream/start", { gateway_request_id: "a" }), 200);
    assert.equal(await call(server, "/stream/params", { do: "spin" }), 200);
    await until(() => server.streamIds.length === 1, "the stream");
    clock.advance(10_500);
    await until(() => server.streamIds.length === 0, "the end of the stream that hangs");
    const text = await (await fetch(`${server.url}/metrics`)).text();
    assert.equal(valueOf(text, "runnel_isolation_faults_total", { reason: "hung" }), 1);
    await until(
      async () => await call(server, "/stream/start", { gateway_request_id: "b" }) === 200,
      "another processor",
    );
    await until(() => streamProcesses().length === 1, "a process");
    await clock.passUntil(server.stop());
    await until(() => streamProcesses().length === 0, "the end of the process");
  },
});

/** Processes of streams below this one. */
function streamProcesses(): number[] {
  return processTree(Deno.pid).filter((pid) => {
    try {
      return Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("process_main.ts");
    } catch {
      return false; // it has just ended
    }
  });
}
