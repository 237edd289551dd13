import assert from "node:assert/strict";
import { until } from "../waiting.ts";
import { CommandHere, runHere } from "./command_here.ts";
import { CommandProcess } from "./command_process.ts";

const SERVE = ["serve", "--host", "127.0.0.1", "--port", "0"];
const SERVING = /Serving .* on (http:\S+)/;

/** A worker on a free port, in this process. */
async function startHere(
  args: readonly string[],
): Promise<{ readonly url: string } & AsyncDisposable> {
  const command = new CommandHere([...SERVE, ...args]);
  const [, url] = await command.waitFor(SERVING);
  return { url: url!, [Symbol.asyncDispose]: () => command[Symbol.asyncDispose]() };
}

async function json(url: string): Promise<Record<string, unknown>> {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  return await response.json();
}

async function waitForHealth(url: string, status: string): Promise<void> {
  await until(
    async () => (await json(`${url}/health`)).status === status,
    `the worker to be ${status}`,
  );
}

async function withFile(source: string, use: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/processor.ts`;
    await Deno.writeTextFile(path, source);
    await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("serve says where it listens, is idle once ready, and ends cleanly on SIGTERM", async () => {
  await using command = new CommandProcess([...SERVE, "--prefix", "/v1"]);
  const [, url] = await command.waitFor(SERVING);
  assert.match(url!, /^http:\/\/127\.0\.0\.1:\d+\/v1$/);
  await waitForHealth(url!, "IDLE");
  assert.equal((await json(`${url}/api/stream/status`)).active_streams, 0);
  command.kill("SIGTERM");
  assert.equal((await command.result()).code, 0);
});

Deno.test("serve takes its settings from the environment", async () => {
  await using command = new CommandHere([], {
    env: { HOST: "127.0.0.1", PORT: "0", RUNNEL_PREFIX: "/env", RUNNEL_PROCESSOR: "passthrough" },
  });
  const [, url] = await command.waitFor(/Serving passthrough on (http:\S+)/);
  assert.ok(url!.endsWith("/env"));
  await waitForHealth(url!, "IDLE");
});

Deno.test("serve loads a processor from a file", async () => {
  const mod = new URL("../../src/processor/mod.ts", import.meta.url).href;
  const source = `import { FrameProcessor } from ${JSON.stringify(mod)};
export default class Quiet extends FrameProcessor {}`;
  await withFile(source, async (path) => {
    await using worker = await startHere(["--processor", path]);
    await waitForHealth(worker.url, "IDLE");
  });
});

Deno.test("a processor whose initialize fails leaves a worker that says so", async () => {
  const mod = new URL("../../src/processor/mod.ts", import.meta.url).href;
  const source = `import { FrameProcessor } from ${JSON.stringify(mod)};
export default class Broken extends FrameProcessor {
  override initialize(): void { throw new Error("no weights"); }
}`;
  await withFile(source, async (path) => {
    await using worker = await startHere(["--processor", path]);
    await waitForHealth(worker.url, "ERROR");
    const response = await fetch(`${worker.url}/stream/start`, {
      method: "POST",
      body: new TextEncoder().encode('{"gateway_request_id":"a"}'),
    });
    assert.equal(response.status, 503);
    assert.match((await response.json()).message, /no weights/);
  });
});

Deno.test("a processor that cannot be loaded is one readable line and exit code 1", async () => {
  const args = ["serve", "--port", "0", "--processor"];
  for (const name of ["no-such-processor", "./no/such/file.ts"]) {
    const { code, stderr } = await runHere([...args, name]);
    assert.equal(code, 1, name);
    assert.match(stderr, /^error: Cannot .*no.such/m);
  }
  for (
    const source of ["export const x = 1;", "this is not TypeScript {", "throw new Error('x');"]
  ) {
    await withFile(source, async (path) => {
      const { code, stderr } = await runHere([...args, path]);
      assert.equal(code, 1, source);
      assert.match(stderr, /^error: .*processor\.ts/m);
    });
  }
});

Deno.test("a port in use is one readable line and exit code 1", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(listener.addr.port);
  const { code, stderr } = await runHere(["serve", "--host", "127.0.0.1", "--port", port]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    new RegExp(`^error: Cannot listen on 127\\.0\\.0\\.1:${port}: another program`),
  );
});

Deno.test("serve takes its identity and its token, and shows the token nowhere", async () => {
  await using command = new CommandHere(["serve", "--processor", "passthrough"], {
    env: {
      HOST: "127.0.0.1",
      PORT: "0",
      PIPELINE: "live",
      MODEL_ID: "none",
      APP_VERSION: "4.5.6",
      CAPABILITY_TOKEN: "t0ken",
    },
  });
  const [line, url] = await command.waitFor(/Serving passthrough on (http:\S+)/);
  assert.ok(!line.includes("t0ken"));
  const { pipeline, model_id } = await json(`${url}/version`);
  assert.deepEqual([pipeline, model_id], ["live", "none"]);
  assert.deepEqual(await json(`${url}/app-version`), { version: "4.5.6" });
  const refused = await fetch(`${url}/stream/status`);
  assert.equal(refused.status, 401);
  assert.ok(!(await refused.text()).includes("t0ken"));
  const headers = { Authorization: "Bearer t0ken" };
  const answer = await fetch(`${url}/stream/status`, { headers });
  assert.equal(answer.status, 200);
  assert.ok(!(await answer.text()).includes("t0ken"));
});

Deno.test("serve lets streams lead where --allow-urls says, and refuses what is no host", async () => {
  const args = ["--processor", "passthrough", "--allow-urls"];
  await using worker = await startHere([...args, "10.0.0.0/8, *.example.com"]);
  await waitForHealth(worker.url, "IDLE");
  const response = await fetch(`${worker.url}/stream/start`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ gateway_request_id: "s", subscribe_url: "http://127.0.0.1:1/c" }),
  });
  assert.equal(response.status, 400);
  assert.match((await response.json()).message, /subscribe_url leads to a host that streams/);
  const wrong = await runHere([...SERVE, ...args, "http://x"]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /Cannot allow URLs of "http:\/\/x": give a host/);
});

Deno.test("serve takes its model and its orchestrator only from where --allow-urls says", async () => {
  let requests = 0;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    requests++;
    return new Response("x");
  });
  const own = `http://127.0.0.1:${server.addr.port}`;
  const allow = ["--allow-urls", "*.example.com"];
  const model = ["--model", `${own}/model.onnx`, "--model-options", '{"provider":"wasm"}'];
  for (const isolate of ["none", "thread"]) {
    await using worker = new CommandHere([...SERVE, ...model, ...allow, "--isolate", isolate]);
    await worker.waitFor(/its host is not one that models are taken from; see allowUrls/);
  }
  const inProcess = await runHere([...SERVE, ...model, ...allow, "--isolate", "process"]);
  assert.equal(inProcess.code, 1);
  assert.match(inProcess.stderr, /its host is not one that models are taken from/);
  await using registered = new CommandHere([...SERVE, ...allow, "--registration", "byoc"], {
    env: { ORCH_URL: own, ORCH_SECRET: "secret" },
  });
  await registered.waitFor(/Cannot register .*: 127\.0\.0\.1:\d+ is not where requests may lead/);
  assert.equal(requests, 0);
});
