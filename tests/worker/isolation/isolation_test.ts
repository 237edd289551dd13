/** What a server knows of processors in threads and processes of their own. */

import assert from "node:assert/strict";
import { VideoFrame } from "../../../src/frames/mod.ts";
import { StreamServer, type StreamServerOptions } from "../../../src/server/mod.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";
import { until } from "../../waiting.ts";
import { ADMIT_ALL } from "../../server/fake_session.ts";
import { valueOf } from "../../server/prometheus/prometheus_text.ts";

const MODULE = import.meta.resolve("./processors/declared.ts");
const UNCOPIABLE = import.meta.resolve("./processors/uncopiable.ts");
const UNRELIABLE = import.meta.resolve("./processors/unreliable.ts");

const START = { gateway_request_id: "a" };

type Isolation = "thread" | "process";

/** A server whose time stands still, unless the test lets it pass. */
async function serve(
  isolate: Isolation,
  processor: StreamServerOptions["processor"],
  more: Partial<StreamServerOptions> = {},
): Promise<StreamServer> {
  const clock = new ManualClock();
  const common = { isolate, host: "127.0.0.1", port: 0, clock, admit: ADMIT_ALL };
  const server = new StreamServer({ processor, ...common, ...more });
  await server.start();
  await server.initialized;
  return server;
}

function frameAt(index: number): VideoFrame {
  return new VideoFrame({
    pixelFormat: "rgb24",
    data: new Uint8Array(16 * 16 * 3),
    width: 16,
    height: 16,
    ptsTicks: index * 9_000,
    timeBase: { num: 1, den: 90_000 },
  });
}

async function get(server: StreamServer, path: string): Promise<Record<string, unknown>> {
  return await (await fetch(`${server.url}${path}`)).json();
}

async function post(
  server: StreamServer,
  path: string,
  body: unknown,
): Promise<{ status: number; message: string }> {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
  });
  const { message } = await response.json();
  return { status: response.status, message };
}

/** Steps that share what their test opened: the sanitizers look at the whole test. */
function stepsOf(t: Deno.TestContext): (name: string, fn: () => Promise<void>) => Promise<void> {
  return async (name, fn) => {
    const passed = await t.step({ name, fn, sanitizeOps: false, sanitizeResources: false });
    assert.ok(passed, name);
  };
}

for (const isolate of ["thread", "process"] as const) {
  Deno.test(`in a ${isolate}, a processor declares, is called and talks as in the server`, async (t) => {
    await using server = await serve(isolate, { module: MODULE });
    const step = stepsOf(t);

    await step("what it declares is described and checked", async () => {
      const { components } = await get(server, "/openapi.json") as {
        components: { schemas: Record<string, { properties: Record<string, unknown> }> };
      };
      const { radius, width } = components.schemas["Params"]!.properties;
      assert.deepEqual(radius, { type: "number", minimum: 0, default: 3 });
      assert.notEqual(width, undefined);

      const start = { gateway_request_id: "a", params: { radius: -1 } };
      const refused = await post(server, "/stream/start", start);
      assert.equal(refused.status, 400);
      assert.match(refused.message, /radius/);
      assert.equal(server.health, "IDLE");

      assert.equal((await post(server, "/stream/start", START)).status, 200);
      const update = await post(server, "/stream/params", { radius: "big" });
      assert.equal(update.status, 400);
      assert.match(update.message, /radius/);
      assert.equal((await post(server, "/stream/params", { radius: 5 })).status, 200);
      assert.equal((await post(server, "/stream/stop", {})).status, 200);
    });

    await step("a wrong call of the application is its own, and no crash", async () => {
      assert.equal((await post(server, "/stream/start", START)).status, 200);
      const sendData = server.sendData.bind(server) as (value: unknown) => void;
      assert.throws(() => sendData({ a: 1 }), { name: "TypeError", message: /JSON\.stringify/ });
      assert.throws(() => server.setLoading({ progress: NaN }), { name: "RangeError" });
      assert.equal((await post(server, "/stream/params", { radius: 5 })).status, 200);
      assert.equal((await post(server, "/stream/stop", {})).status, 200);
      assert.equal(server.health, "IDLE");
    });

    await step("what it says without a stream is counted", () =>
      until(async () => {
        const text = await (await fetch(`${server.url}/metrics`)).text();
        return valueOf(text, "runnel_processor_messages_dropped_total") === 3;
      }, "the count of what was dropped"));
  });

  Deno.test(`in a ${isolate}, values that cannot be copied, and figures that are no JSON, do no harm`, async () => {
    const seen: unknown[] = [];
    await using server = await serve(isolate, { module: UNCOPIABLE }, {
      onStreamEvent: (event) => {
        if (event.type === "application") seen.push(event.event);
        if (event.type === "params-updated") seen.push(event.params);
      },
    });
    assert.equal((await post(server, "/stream/start", START)).status, 200);
    const update = { seed: "12345678901234567890", curve: "square" };
    assert.equal((await post(server, "/stream/params", update)).status, 200);
    for (let i = 0; i < 3; i++) {
      using frame = frameAt(i);
      assert.equal(await server.sendFrame(frame), true);
    }
    await until(() => seen.length === 4, "the update and three events");
    const params = { seed: 12345678901234567890n, curve: { name: "square" } };
    assert.deepEqual(seen, [params, { at: 0 }, { at: 9_000 }, { at: 18_000 }]);
    const uncopiable = server.updateParams({ curve: () => {} });
    await assert.rejects(uncopiable, { message: /could not be cloned/ });
    const { metrics, streams } = await get(server, "/stream/status") as {
      metrics: { error_count: number; processor: { error: string } };
      streams: { params: unknown }[];
    };
    assert.deepEqual(streams[0]?.params, { ...params, seed: "12345678901234567890" });
    assert.equal(metrics.error_count, 0);
    assert.match(metrics.processor.error, /getMetrics\(\) failed/);
    assert.equal((await post(server, "/stream/stop", {})).status, 200);
    assert.equal(server.health, "IDLE");
  });

  Deno.test(`in a ${isolate}, a processor that cannot be had says why`, async () => {
    const missing = import.meta.resolve("./processors/missing.ts");
    const cases = [
      { processor: { module: MODULE, options: { failure: "no weights" } }, says: /no weights/ },
      { processor: { module: missing }, says: /missing\.ts/ },
    ];
    for (const { processor, says } of cases) {
      await using server = await serve(isolate, processor);
      assert.equal(server.health, "ERROR");
      assert.match(String((await get(server, "/stream/status"))["error_message"]), says);
      const refused = await post(server, "/stream/start", { gateway_request_id: "a" });
      assert.equal(refused.status, 503);
      assert.match(refused.message, says);
    }
  });

  Deno.test(`in a ${isolate}, a processor that crashes while nobody uses it is replaced`, async () => {
    const folder = await Deno.makeTempDir();
    const crashWhenGone = `${folder}/alive`;
    const clock = new ManualClock();
    try {
      const permissions = { read: [folder], write: [folder] };
      const processor = { module: UNRELIABLE, options: { crashWhenGone }, permissions };
      await using server = await serve(isolate, processor, { clock });
      assert.equal(server.health, "IDLE");
      await Deno.remove(crashWhenGone);
      await until(() => server.health === "ERROR", "the crash");
      assert.match((await post(server, "/stream/start", START)).message, /crashed/);
      await Deno.writeTextFile(crashWhenGone, "the next one does not crash");
      await clock.passDelay(5_000, 5_000);
      await until(() => server.health === "IDLE", "another processor");
      assert.equal((await post(server, "/stream/start", START)).status, 200);
      assert.equal((await post(server, "/stream/stop", {})).status, 200);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  Deno.test(`in a ${isolate}, silence ends a stream, but not time in which nobody could listen`, async () => {
    const clock = new ManualClock();
    await using server = await serve(isolate, { module: MODULE }, { clock });
    assert.equal((await post(server, "/stream/start", START)).status, 200);
    clock.block(60_000);
    clock.advance(0);
    assert.equal((await post(server, "/stream/params", { radius: 5 })).status, 200);
    // Nothing can arrive in between: a call of `advance` does not yield.
    clock.advance(10_000);
    await until(() => server.streamIds.length === 0, "the end of the stream");
    const { error_message } = await get(server, "/stream/status") as { error_message: string };
    assert.match(error_message, /said nothing for 10000 ms/);
    await clock.passUntil(server.stop());
  });

  Deno.test(`in a ${isolate}, a stream starts before its processor is ready, and stops`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const permissions = { read: [folder], write: [folder] };
      const onlyFirst = `${folder}/first`;
      const processor = { module: UNRELIABLE, options: { onlyFirst }, permissions };
      const clock = new ManualClock();
      await using server = await serve(isolate, processor, { capacity: 3, clock });
      for (const id of ["a", "b"]) {
        assert.equal((await post(server, "/stream/start", { gateway_request_id: id })).status, 200);
      }
      const stop = { gateway_request_id: "b" };
      assert.equal((await post(server, "/stream/stop", stop)).status, 200);
      assert.deepEqual(server.streamIds, ["a"]);
      // One that never gets ready does not hold the server's stop up, with or without a stream.
      assert.equal((await post(server, "/stream/start", stop)).status, 200);
      await clock.passUntil(server.stop());
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("a start that an isolated host refuses leaves nothing to be said when the host ends", async () => {
  const asked: string[] = [];
  await using gateway = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    asked.push(`${request.method} ${new URL(request.url).pathname}`);
    return new Response(null, { status: 404 });
  });
  const url = (name: string): string => `http://127.0.0.1:${gateway.addr.port}/${name}`;
  const events: string[] = [];
  {
    await using server = await serve("thread", { module: MODULE }, {
      onStreamEvent: (event) => events.push(event.type),
    });
    const refused = await post(server, "/stream/start", {
      ...START,
      publish_url: url("out"),
      events_url: url("events"),
      params: { radius: -1 },
    });
    assert.equal(refused.status, 400);
  }
  assert.deepEqual(events, []);
  assert.deepEqual(asked.filter((each) => each.startsWith("DELETE")), []);
});

Deno.test("a function that opens sessions cannot be given to a thread or process", async () => {
  for (const isolate of ["thread", "process"] as const) {
    await assert.rejects(
      serve(isolate, { module: MODULE }, {
        openSession: () => {
          throw new Error("it is called");
        },
      }),
      { name: "ConfigError", message: /openSession/ },
    );
  }
});
