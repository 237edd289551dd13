/** A runner that an orchestrator knows by its heartbeats (specs/LIVEPEER.md section 5). */

import assert from "node:assert/strict";
import {
  type LiveRunnerOptions,
  LiveRunnerRegistration,
  LiveRunnerSession,
  readLiveRunnerHeaders,
  type RunnerChannelEvent,
} from "../../src/livepeer/mod.ts";
import { parseGoDuration } from "../../src/livepeer/go_duration.ts";
import { TricklePublisher, TrickleServer } from "../../src/trickle/mod.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { FakeOrchestrator, FakeWorker, SECRET } from "./fake_orchestrator.ts";
import { until } from "../waiting.ts";

const HEARTBEAT = "/runners/heartbeat";

interface Stage extends AsyncDisposable {
  readonly orchestrator: FakeOrchestrator;
  readonly worker: FakeWorker;
  readonly clock: ManualClock;
  readonly runner: LiveRunnerRegistration;
}

function stage(options: Partial<LiveRunnerOptions> = {}): Stage {
  const orchestrator = new FakeOrchestrator();
  const clock = new ManualClock();
  const runner = new LiveRunnerRegistration({
    orchestratorUrl: orchestrator.url,
    orchestratorSecret: SECRET,
    runnerUrl: "http://worker:8000",
    app: "byoc/inverter",
    clock,
    ...options,
  });
  return {
    orchestrator,
    clock,
    runner,
    worker: new FakeWorker(),
    [Symbol.asyncDispose]: async () => {
      await runner[Symbol.asyncDispose]();
      await orchestrator[Symbol.asyncDispose]();
    },
  };
}

async function untilBeats({ orchestrator }: Stage, count: number): Promise<void> {
  await until(() => orchestrator.to(HEARTBEAT).length === count, `heartbeat ${count}`);
}

Deno.test("a 401 brings the next heartbeat forward, however many there are only one", async () => {
  await using test = stage();
  test.runner.start(test.worker);
  await untilBeats(test, 1);
  await until(() => test.runner.status.state === "registered", "the registration");
  for (let round = 2; round <= 4; round++) {
    for (let i = 0; i < 20; i++) test.runner.unauthorized();
    test.clock.advance(1_999);
    assert.equal(test.orchestrator.to(HEARTBEAT).length, round - 1);
    test.clock.advance(1);
    await until(() => test.clock.delays.includes(5_000), "the wait for the next heartbeat");
    for (let i = 0; i < 20; i++) test.runner.unauthorized();
    await untilBeats(test, round);
    await until(() => test.clock.delays.includes(5_000), "the wait for the next heartbeat");
  }
});

Deno.test("the first heartbeat has the orchestrator's secret, the others the runner's own", async () => {
  await using test = stage({ version: "1.2", metadata: { region: "eu" }, price: { price: 0.5 } });
  test.runner.start(test.worker);
  await untilBeats(test, 1);
  await test.clock.passDelay(5_000, 5_000);
  await untilBeats(test, 2);
  const [first, second] = test.orchestrator.to(HEARTBEAT);
  assert.equal(first!.authorization, SECRET);
  assert.deepEqual(first!.json, {
    runner_url: "http://worker:8000",
    app: "byoc/inverter",
    version: "1.2",
    metadata: { region: "eu" },
    status: "ready",
    mode: "persistent",
    capacity: 3,
    price_info: { price: 0.5, currency: "usd", unit: "hour" },
    session_ids: [],
  });
  assert.equal(second!.authorization, "heartbeat-secret-of-runner-0");
  assert.equal(second!.json["runner_id"], "runner-0");
  await test.runner[Symbol.asyncDispose]();
  const last = test.orchestrator.requests.at(-1)!;
  assert.equal(last.path, "/runners/runner-0/unregister");
  assert.equal(last.authorization, "heartbeat-secret-of-runner-0");
  assert.equal(test.orchestrator.runners.size, 0);
  assert.equal(test.runner.status.state, "unregistered");
});

Deno.test("an orchestrator that restarts gets the first secret again", async () => {
  await using test = stage();
  test.runner.start(test.worker);
  await untilBeats(test, 1);
  test.orchestrator.restart();
  await test.clock.passDelay(5_000, 5_000);
  await untilBeats(test, 3);
  const beats = test.orchestrator.to(HEARTBEAT);
  assert.equal(beats[1]!.json["runner_id"], "runner-0");
  assert.equal(beats[2]!.json["runner_id"], undefined);
  assert.equal(beats[2]!.authorization, SECRET);
  await until(() => test.runner.runnerId === "runner-1", "the new id");
  assert.equal(test.runner.status.registrations, 2);
});

Deno.test("a runner's secret that is not taken any more is replaced", async () => {
  await using test = stage();
  test.runner.start(test.worker);
  await untilBeats(test, 1);
  test.orchestrator.runners.set("runner-0", "another");
  await test.clock.passDelay(5_000, 5_000);
  await untilBeats(test, 3);
  await until(() => test.runner.runnerId === "runner-1", "the new id");
});

Deno.test("a wrong secret of the orchestrator is refused for good", async () => {
  await using test = stage({ orchestratorSecret: "wrong-one" });
  test.runner.start(test.worker);
  await until(() => test.runner.status.state === "refused", "the refusal");
  test.clock.advance(600_000);
  await test.orchestrator.passRequests();
  assert.equal(test.orchestrator.to(HEARTBEAT).length, 1);
});

Deno.test("streams that the orchestrator does not know are ended, those it cannot know yet are not", async () => {
  await using test = stage();
  const { worker, orchestrator, runner, clock } = test;
  runner.start(worker);
  await untilBeats(test, 1);
  worker.streams.push("known", "unknown");
  orchestrator.sessionIds = ["known"];
  orchestrator.answer = ({ path }) => {
    // It starts while the heartbeat is on its way.
    if (path === HEARTBEAT) worker.streams.push("new");
    return undefined;
  };
  await clock.passDelay(5_000, 5_000);
  await until(() => worker.stopped.length > 0, "the end of the unknown stream");
  orchestrator.answer = () => undefined;
  assert.deepEqual(worker.stopped, ["unknown"]);
  assert.deepEqual(worker.streams, ["known", "new"]);
  orchestrator.sessionIds = ["known", "new"];
  await clock.passDelay(5_000, 5_000);
  await untilBeats(test, 3);
  assert.deepEqual(orchestrator.to(HEARTBEAT)[2]!.json["session_ids"], ["known", "new"]);
});

Deno.test("heartbeats go on while a stream takes its time to end, and the end waits for it", async () => {
  await using test = stage();
  const { worker, orchestrator, runner, clock } = test;
  const ended = Promise.withResolvers<void>();
  worker.stopStream = async (id) => {
    worker.stopped.push(id);
    await ended.promise;
    throw new Error("it could not be ended");
  };
  worker.streams.push("unknown");
  orchestrator.sessionIds = [];
  runner.start(worker);
  for (let beat = 1; beat <= 3; beat++) {
    await untilBeats(test, beat);
    await clock.passDelay(5_000, 5_000);
  }
  await untilBeats(test, 4);
  assert.deepEqual(worker.stopped, ["unknown"]);
  const order: string[] = [];
  orchestrator.answer = ({ path }) => {
    if (path.endsWith("/unregister")) order.push("unregistered");
    return undefined;
  };
  const over = runner[Symbol.asyncDispose]();
  await orchestrator.passRequests();
  order.push("ended");
  ended.resolve();
  await over;
  assert.deepEqual(order, ["ended", "unregistered"]);
});

Deno.test("a 404 of what stands in front of the orchestrator is tried again", async () => {
  await using test = stage();
  const answers = [() => new Response("no such route", { status: 404 })];
  test.orchestrator.answer = () => answers.shift()?.();
  test.runner.start(test.worker);
  await test.clock.passDelay(750, 1_000);
  await until(() => test.runner.status.state === "registered", "the registration");
});

Deno.test("no part of an answer that is no JSON is said", async () => {
  await using test = stage();
  test.orchestrator.answer = () => new Response('{"heartbeat_secret":"s3cr3t-0815",}');
  test.runner.start(test.worker);
  await until(() => test.runner.status.failures > 0, "the failure");
  assert.match(test.runner.status.lastError!, /its answer of 35 characters is no JSON/);
});

Deno.test("heartbeats come as often as the orchestrator says, within reason", async () => {
  for (
    const [said, expected] of [["1m30s", 60_000], ["2s", 2_000], ["1ns", 500], [
      "soon",
      5_000,
    ]] as const
  ) {
    await using test = stage();
    test.orchestrator.heartbeatInterval = said;
    test.runner.start(test.worker);
    await untilBeats(test, 1);
    await test.clock.passDelay(expected, expected);
    await untilBeats(test, 2);
  }
});

Deno.test("failures and nonsense are tried again, more slowly", async () => {
  await using test = stage();
  const answers = [
    () => new Response("starting", { status: 503 }),
    () => new Response("no json"),
    () => Response.json({ runner_id: 7 }),
  ];
  test.orchestrator.answer = () => answers.shift()?.();
  test.runner.start(test.worker);
  await test.clock.passDelay(750, 1_000);
  await test.clock.passDelay(1_500, 2_000);
  await test.clock.passDelay(3_000, 4_000);
  await until(() => test.runner.status.state === "registered", "the registration");
  assert.equal(test.runner.status.failures, 3);
});

Deno.test("the orchestrator's channel tells of sessions; keep-alives and nonsense are passed over", async () => {
  await using trickle = new TrickleServer();
  trickle.listen();
  trickle.createChannel("o2r", "application/json");
  const events: RunnerChannelEvent[] = [];
  await using test = stage({
    onEvent: (event) => {
      events.push(event);
      throw new Error("what the application throws ends nothing");
    },
  });
  test.orchestrator.o2rUrl = trickle.channelUrl("o2r");
  test.runner.start(test.worker);
  await untilBeats(test, 1);
  await until(() => trickle.stats.requests > 0, "the runner at the channel");
  await using publisher = new TricklePublisher(trickle.channelUrl("o2r"), { ownsChannel: false });
  for (
    const message of [
      '{"keep":"alive"}',
      '{"event":"reserved","session_id":"s1"}',
      "{nonsense",
      '{"event":"released","session_id":"s1"}',
      " ",
      '{"event":"reserved","session_id":"s2"}',
    ]
  ) await publisher.publishMessage(message);
  await until(() => events.length === 3, "both events");
  assert.deepEqual(events, [
    { event: "reserved", session_id: "s1" },
    { event: "released", session_id: "s1" },
    { event: "reserved", session_id: "s2" },
  ]);
});

Deno.test("metadata that is too large is refused before anything is sent", () => {
  const options = {
    orchestratorUrl: "http://127.0.0.1:1",
    orchestratorSecret: SECRET,
    runnerUrl: "http://worker:8000",
    app: "byoc/inverter",
    metadata: { text: "x".repeat(1_100) },
  };
  assert.throws(() => new LiveRunnerRegistration(options), {
    name: "ConfigError",
    message: /metadata of 1111 bytes: use at most 1024/,
  });
});

Deno.test("durations are read as Go writes them", () => {
  const table: [string, number | undefined][] = [
    ["5s", 5_000],
    ["1m30s", 90_000],
    ["250ms", 250],
    ["1.5h", 5_400_000],
    ["100us", 0.1],
    ["2h0m0s", 7_200_000],
    ["0", 0],
    ["", undefined],
    ["5", undefined],
    ["s", undefined],
    ["-5s", undefined],
    ["5s ", undefined],
    ["5 s", undefined],
  ];
  for (const [text, expected] of table) {
    assert.equal(parseGoDuration(text), expected, JSON.stringify(text));
  }
});

Deno.test("a session calls back with its token, which is in no error", async () => {
  const tokens: (string | null)[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const token = request.headers.get("livepeer-session-token");
    tokens.push(token);
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("/stop")) return new Response(`not with ${token}`, { status: 403 });
    return Response.json({ pathname });
  });
  const headers = readLiveRunnerHeaders(
    new Headers({
      "Livepeer-Session-Id": "s1",
      "Livepeer-Session-Token": "session-token-99",
      "Livepeer-Session-Control": `http://127.0.0.1:${server.addr.port}/sessions/s1`,
      "Livepeer-Runner-Route": "/stream/start",
    }),
  );
  {
    using session = new LiveRunnerSession(headers!);
    assert.equal(session.id, "s1");
    assert.deepEqual(
      await session.createChannels([{ name: "in", mime_type: "video/mp2t" }]),
      { pathname: "/sessions/s1/channels" },
    );
    assert.deepEqual(await session.proxy({}), { pathname: "/sessions/s1/proxy" });
    await assert.rejects(session.stop(), {
      name: "ConfigError",
      message: "Cannot call /stop of session s1: it answered 403: not with ***",
    });
  }
  assert.deepEqual(new Set(tokens), new Set(["session-token-99"]));
  await server.shutdown();
  assert.equal(readLiveRunnerHeaders(new Headers({ "Livepeer-Session-Id": "s1" })), undefined);
});
