/** What a server knows of processors in threads and processes of their own. */

import assert from "node:assert/strict";
import { StreamServer, type StreamServerOptions } from "../../../src/server/mod.ts";
import { until } from "../../waiting.ts";
import { valueOf } from "../prometheus/prometheus_text.ts";

const MODULE = import.meta.resolve("./processors/declared.ts");

type Isolation = NonNullable<StreamServerOptions["isolate"]>;

async function serve(
  isolate: Isolation,
  processor: StreamServerOptions["processor"],
): Promise<StreamServer> {
  const server = new StreamServer({ processor, isolate, host: "127.0.0.1", port: 0 });
  await server.start();
  await server.initialized;
  return server;
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

for (const isolate of ["thread", "process"] as const) {
  Deno.test(`in a ${isolate}, what a processor declares is described and checked`, async () => {
    await using server = await serve(isolate, { module: MODULE });
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

    assert.equal((await post(server, "/stream/start", { gateway_request_id: "a" })).status, 200);
    const update = await post(server, "/stream/params", { radius: "big" });
    assert.equal(update.status, 400);
    assert.match(update.message, /radius/);
    assert.equal((await post(server, "/stream/params", { radius: 5 })).status, 200);
    assert.equal((await post(server, "/stream/stop", {})).status, 200);
  });

  Deno.test(`in a ${isolate}, what is said without a stream is counted`, async () => {
    await using server = await serve(isolate, { module: MODULE });
    await until(async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      return valueOf(text, "runnel_processor_messages_dropped_total") === 3;
    }, "the count of what was dropped");
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
}
