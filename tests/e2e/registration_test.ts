/** A worker as an operator runs it: registered with an orchestrator, guarded by a token, stopped by a signal. */

import assert from "node:assert/strict";
import { WorkerProcess } from "../../bench/worker_process.ts";
import { testClip } from "../session/clips.ts";
import { FakeOrchestrator, SECRET } from "../livepeer/fake_orchestrator.ts";
import { FakeGateway } from "./fake_gateway.ts";
import { until } from "../waiting.ts";

const TOKEN = "token-of-the-worker-2342";

interface Operation extends AsyncDisposable {
  readonly orchestrator: FakeOrchestrator;
  readonly worker: WorkerProcess;
  gateway(token?: string): FakeGateway;
}

async function operate(kind: "byoc" | "live-runner", ...args: string[]): Promise<Operation> {
  await using stack = new AsyncDisposableStack();
  const orchestrator = stack.use(new FakeOrchestrator());
  const worker = stack.use(
    await WorkerProcess.start(["--registration", kind, "--token", TOKEN, ...args], {
      env: {
        ORCH_URL: orchestrator.url,
        ORCH_SECRET: SECRET,
        CAPABILITY_NAME: "grey",
        CAPABILITY_URL: "http://worker.example:8000",
      },
    }),
  );
  const gateway = (token = TOKEN): FakeGateway =>
    moved.use(new FakeGateway({ workerUrl: () => worker.url, token }));
  const moved = stack.move();
  return { orchestrator, worker, gateway, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

function assertNoSecrets({ log }: WorkerProcess): void {
  assert.doesNotMatch(log.join("\n"), new RegExp(`${SECRET}|${TOKEN}|heartbeat-secret`));
}

Deno.test("a worker registers itself, and again when a wrong token has dropped it", async () => {
  await using operation = await operate("byoc", "--processor", "grayscale", "--capacity", "2");
  const { orchestrator, worker } = operation;
  await until(() => orchestrator.capabilities.has("grey"), "the registration");
  const { token, ...said } = orchestrator.capabilities.get("grey")!;
  assert.equal(token, TOKEN);
  assert.equal(said["url"], "http://worker.example:8000");
  assert.equal(said["capacity"], 2);
  const wrong = await operation.gateway("another").call("/stream/start", "a", "{}");
  assert.equal(wrong.status, 401);
  orchestrator.restart();
  await until(() => orchestrator.capabilities.has("grey"), "the registration after the 401");
  const stream = await operation.gateway().start();
  assert.equal((await stream.stop("done")).status, 200);
  const { json } = await worker.call("/health");
  assert.equal(json["status"], "IDLE", "health needs no token");
  assertNoSecrets(worker);
});

Deno.test("SIGTERM: not ready, unregistered, the stream written out and ended, exit code 0", async () => {
  await using operation = await operate("byoc", "--processor", "grayscale");
  const { orchestrator, worker } = operation;
  await until(() => orchestrator.capabilities.has("grey"), "the registration");
  const clip = await testClip({ seconds: 1 });
  const stream = await operation.gateway().start();
  await stream.feed(clip.segments);
  await until(() => stream.of("send_first_processed_segment").length > 0, "output");
  assert.equal((await worker.call("/readyz")).status, 200);
  assert.equal(await worker.stop(), 0);
  await until(() => stream.of("stream_stopped").length === 1, "the last event");
  await until(() => stream.output.length > 0, "the last segment");
  assert.equal(orchestrator.capabilities.size, 0);
  assertNoSecrets(worker);
});

Deno.test("a live runner's streams that the orchestrator does not know are ended", async () => {
  await using operation = await operate("live-runner", "--processor", "grayscale");
  const { orchestrator, worker } = operation;
  orchestrator.heartbeatInterval = "500ms";
  await until(() => orchestrator.runners.size === 1, "the registration");
  const [first] = orchestrator.to("/runners/heartbeat");
  assert.equal(first!.json["app"], "byoc/grey");
  const gateway = operation.gateway();
  gateway.trickle.createChannel("session", "video/mp2t");
  const response = await fetch(`${worker.url}/stream/start`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${TOKEN}`,
      "Content-Type": "application/json",
      "Livepeer-Session-Id": "session-1",
    },
    body: JSON.stringify({
      gateway_request_id: "a",
      subscribe_url: gateway.trickle.channelUrl("session"),
    }),
  });
  assert.equal(response.status, 200, await response.text());
  await until(
    () =>
      orchestrator.to("/runners/heartbeat").some(({ json }) =>
        (json["session_ids"] as string[]).includes("session-1")
      ),
    "a heartbeat that names the session",
  );
  orchestrator.sessionIds = [];
  await until(async () => (await worker.call("/health")).json["status"] === "IDLE", "its end");
  assert.equal(await worker.stop(), 0);
  assert.equal(orchestrator.runners.size, 0);
  assertNoSecrets(worker);
});

Deno.test("a registration that cannot be is said at the start, without what was said", async () => {
  await assert.rejects(
    WorkerProcess.start(["--registration", "byoc"], {
      env: { ORCH_URL: "orchestrator", ORCH_SECRET: SECRET },
    }),
    (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /Cannot register as byoc: ORCH_URL must be an absolute http/);
      assert.doesNotMatch(error.message, new RegExp(SECRET));
      return true;
    },
  );
});
