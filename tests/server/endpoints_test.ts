import assert from "node:assert/strict";
import manifest from "../../deno.json" with { type: "json" };
import { startTestServer, TestProcessor } from "./fake_session.ts";

Deno.test("/version and /app-version say what they are told, or their defaults", async () => {
  {
    await using test = await startTestServer();
    assert.deepEqual((await test.call("GET", "/version")).body, {
      pipeline: "byoc",
      model_id: "runnel",
      version: manifest.version,
    });
    assert.deepEqual((await test.call("GET", "/app-version")).body, { version: "0.0.0" });
  }
  await using test = await startTestServer({
    pipeline: "live-video-to-video",
    modelId: "depth",
    version: "9.9.9",
    appVersion: "1.2.3-beta",
  });
  assert.deepEqual((await test.call("GET", "/version")).body, {
    pipeline: "live-video-to-video",
    model_id: "depth",
    version: "9.9.9",
  });
  assert.deepEqual((await test.call("GET", "/app-version")).body, { version: "1.2.3-beta" });
});

Deno.test("/livez is always 200; /readyz says why no stream can start", async () => {
  const loaded = Promise.withResolvers<void>();
  await using test = await startTestServer({ processor: new TestProcessor(loaded.promise) });
  const probe = async (path: string) => {
    const { status, body } = await test.call("GET", path);
    return { status, body: body as unknown };
  };
  const live = { status: 200, body: { status: "ok" } };
  assert.deepEqual(await probe("/livez"), live);
  assert.deepEqual(await probe("/readyz"), {
    status: 503,
    body: { status: "loading", reason: "the processor is still initializing" },
  });
  loaded.resolve();
  await test.server.initialized;
  assert.deepEqual(await probe("/readyz"), live);
  await test.call("POST", "/stream/start", { gateway_request_id: "full" });
  assert.deepEqual(await probe("/readyz"), live, "a full worker stays ready");
  const flushed = Promise.withResolvers<void>();
  test.sessions[0]!.flushed = flushed.promise;
  const stopped = test.server.stop();
  assert.deepEqual(await probe("/readyz"), {
    status: 503,
    body: { status: "stopping", reason: "the server is stopping" },
  });
  assert.deepEqual(await probe("/livez"), live);
  flushed.resolve();
  await stopped;
});

Deno.test("/readyz tells that the processor failed, without the secrets of its message", async () => {
  const loaded = Promise.withResolvers<void>();
  await using test = await startTestServer({ processor: new TestProcessor(loaded.promise) });
  loaded.reject(new Error("no model at https://me:secret@host/m.onnx"));
  await test.server.initialized;
  const answer = await test.call("GET", "/readyz");
  assert.equal(answer.status, 503);
  assert.deepEqual(answer.body, {
    status: "failed",
    reason: "the processor failed to initialize: no model at https://host/m.onnx",
  });
  assert.equal((await test.call("GET", "/livez")).status, 200);
  const status = await test.call("GET", "/stream/status");
  assert.ok(!JSON.stringify(status.body).includes("secret"));
});

Deno.test("parameters that a processor's schema made bigints of are shown", async () => {
  await using test = await startTestServer({
    onOpen: (session) => {
      session.ownParams = { seed: 12345678901234567890n };
    },
  });
  await test.call("POST", "/stream/start", { gateway_request_id: "a" });
  const { status, body } = await test.call("GET", "/stream/status");
  assert.equal(status, 200);
  assert.deepEqual(body.streams[0]?.params, { seed: "12345678901234567890" });
});
