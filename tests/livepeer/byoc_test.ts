/** A capability that is registered, kept and taken back (specs/LIVEPEER.md section 4). */

import assert from "node:assert/strict";
import {
  ByocRegistration,
  type CapabilityOptions,
  registerCapability,
  unregisterCapability,
} from "../../src/livepeer/mod.ts";
import { backoffMs } from "../../src/livepeer/backoff.ts";
import { selfSignedCertificate } from "../trickle/certificates.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { FakeOrchestrator, FakeWorker, SECRET } from "./fake_orchestrator.ts";
import { unusedPort } from "../unused_port.ts";
import { until } from "../waiting.ts";

const REGISTER = "/capability/register";
const UNREGISTER = "/capability/unregister";

function capability(orchestrator: FakeOrchestrator): CapabilityOptions {
  return {
    orchestratorUrl: orchestrator.url,
    orchestratorSecret: SECRET,
    name: "inverter",
    description: "turns colours round",
    url: "http://worker:8000",
    pricePerUnit: 12,
    token: "worker-token-0815",
  };
}

interface Stage extends AsyncDisposable {
  readonly orchestrator: FakeOrchestrator;
  readonly worker: FakeWorker;
  readonly clock: ManualClock;
  readonly registration: ByocRegistration;
}

function stage(options: Partial<CapabilityOptions> = {}, worker = new FakeWorker()): Stage {
  const orchestrator = new FakeOrchestrator();
  const clock = new ManualClock();
  const registration = new ByocRegistration({ ...capability(orchestrator), ...options, clock });
  return {
    orchestrator,
    worker,
    clock,
    registration,
    [Symbol.asyncDispose]: async () => {
      await registration[Symbol.asyncDispose]();
      await orchestrator[Symbol.asyncDispose]();
    },
  };
}

/** Waits for a registration anew; time passes only while the worker waits for its next look at itself. */
async function untilLooked({ clock }: Stage, isDone: () => boolean): Promise<void> {
  await until(() => {
    if (clock.delays.includes(1_000)) clock.advance(1_000);
    return isDone();
  }, "the registration anew");
}

Deno.test("registration says what the orchestrator must know, and is taken back by the bare name", async () => {
  const { orchestrator, worker, registration, ...rest } = stage();
  await using _stage = rest;
  registration.start(worker);
  await until(() => registration.status.state === "registered", "the registration");
  const [request] = orchestrator.to(REGISTER);
  assert.equal(request!.authorization, SECRET);
  assert.deepEqual(request!.json, {
    name: "inverter",
    description: "turns colours round",
    url: "http://worker:8000",
    capacity: 3,
    price_per_unit: 12,
    price_scaling: 1,
    currency: "wei",
    token: "worker-token-0815",
  });
  await registration[Symbol.asyncDispose]();
  assert.deepEqual(orchestrator.to(UNREGISTER).map(({ body }) => body), ["inverter"]);
  assert.equal(orchestrator.capabilities.size, 0);
  assert.equal(registration.status.state, "unregistered");
});

Deno.test("nothing is registered before the worker is ready, nor taken back then", async () => {
  const worker = new FakeWorker({ isReady: false });
  const { orchestrator, registration, ...rest } = stage({}, worker);
  await using _stage = rest;
  registration.start(worker);
  assert.equal(registration.status.state, "waiting");
  await registration[Symbol.asyncDispose]();
  assert.deepEqual(orchestrator.requests, []);
});

Deno.test("a registration that was under way at the end is taken back", async () => {
  await using test = stage();
  const { registration, orchestrator } = test;
  const goOn = Promise.withResolvers<void>();
  orchestrator.answer = ({ path, json }) => {
    if (path !== REGISTER) return undefined;
    orchestrator.capabilities.set("inverter", json);
    return goOn.promise.then(() => new Response("ok"));
  };
  registration.start(test.worker);
  await until(() => orchestrator.to(REGISTER).length === 1, "the request");
  await registration[Symbol.asyncDispose]();
  goOn.resolve();
  assert.equal(orchestrator.capabilities.size, 0);
});

Deno.test("a 400 is not tried again, and says what to check", async () => {
  await using test = stage({ orchestratorSecret: "wrong-secret" });
  const { registration, orchestrator, clock } = test;
  registration.start(test.worker);
  await until(() => registration.status.state === "refused", "the refusal");
  clock.advance(600_000);
  await orchestrator.passRequests();
  assert.equal(orchestrator.to(REGISTER).length, 1);
  assert.match(registration.status.lastError!, /answered 400: invalid secret; check ORCH_SECRET/);
});

Deno.test("5xx answers and no answers are tried again, ever more slowly", async () => {
  await using test = stage();
  const { registration, orchestrator, clock } = test;
  let failures = 0;
  orchestrator.answer = () =>
    failures++ < 6 ? new Response("starting", { status: 503 }) : undefined;
  registration.start(test.worker);
  for (
    const [min, max] of [[750, 1e3], [1500, 2e3], [3e3, 4e3], [6e3, 8e3], [12e3, 16e3]] as const
  ) {
    await clock.passDelay(min, max);
  }
  await clock.passDelay(22_500, 30_000);
  await until(() => registration.status.state === "registered", "the registration");
  assert.equal(registration.status.failures, 6);
  assert.equal(registration.status.lastError, null);
});

Deno.test("an orchestrator that is not there yet gets the registration when it is", async () => {
  const port = unusedPort();
  const clock = new ManualClock();
  await using registration = new ByocRegistration({
    orchestratorUrl: `http://127.0.0.1:${port}`,
    orchestratorSecret: SECRET,
    name: "early",
    clock,
  });
  registration.start(new FakeWorker());
  await until(() => registration.status.failures === 1, "the first failure");
  await using orchestrator = new FakeOrchestrator({ port });
  await clock.passDelay(750, 1_000);
  await until(() => registration.status.state === "registered", "the registration");
  assert.ok(orchestrator.capabilities.has("early"));
});

Deno.test("an orchestrator that forgets is told again, but only while the worker is idle", async () => {
  await using test = stage();
  const { registration, orchestrator, clock, worker } = test;
  registration.start(worker);
  await until(() => orchestrator.capabilities.size === 1, "the registration");
  worker.streams.push("busy");
  orchestrator.restart();
  await clock.passDelay(60_000, 60_000);
  for (let second = 0; second < 30; second++) await clock.passDelay(1_000, 1_000);
  assert.equal(orchestrator.to(REGISTER).length, 1, "busy: left alone");
  worker.streams.pop();
  await untilLooked(test, () => orchestrator.capabilities.size === 1);
});

Deno.test("a burst of 401 leads to one registration, once the worker is idle", async () => {
  await using test = stage();
  const { registration, orchestrator, clock, worker } = test;
  registration.start(worker);
  await until(() => registration.status.registrations === 1, "the registration");
  orchestrator.restart();
  worker.streams.push("busy");
  for (let i = 0; i < 20; i++) registration.unauthorized();
  for (let second = 0; second < 5; second++) await clock.passDelay(1_000, 1_000);
  assert.equal(orchestrator.to(REGISTER).length, 1);
  worker.streams.pop();
  await untilLooked(test, () => registration.status.registrations === 2);
  await clock.passDelay(60_000, 60_000);
  await until(() => registration.status.registrations === 3, "the next keep-alive");
  assert.equal(orchestrator.to(REGISTER).length, 3, "the burst was one reason");
});

Deno.test("an answer that does not come, and one that is huge, are failures", async () => {
  await using test = stage();
  const { registration, orchestrator, clock } = test;
  const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<Response>()];
  orchestrator.answer = () => {
    asked.resolve();
    return answer.promise;
  };
  registration.start(test.worker);
  await asked.promise;
  await clock.passDelay(10_000, 10_000);
  await until(() => registration.status.failures === 1, "the first failure");
  assert.match(registration.status.lastError!, /no answer within 10000 ms/);
  answer.resolve(new Response("too late"));
  orchestrator.answer = () => new Response("x".repeat(100_000));
  await clock.passDelay(750, 1_000);
  await until(() => registration.status.failures === 2, "the second failure");
  assert.match(registration.status.lastError!, /larger than 65536 bytes/);
  orchestrator.answer = () => undefined;
  await clock.passDelay(1_500, 2_000);
  await until(() => registration.status.state === "registered", "the registration");
});

Deno.test("the certificate of an orchestrator need not be signed by anybody where that is said", async () => {
  const tls = await selfSignedCertificate();
  await using orchestrator = new FakeOrchestrator({ tls });
  const options = { ...capability(orchestrator), token: undefined };
  await assert.rejects(registerCapability(options), /Cannot register inverter/);
  await registerCapability({ ...options, tls: { mode: "insecure" } });
  assert.ok(orchestrator.capabilities.has("inverter"));
  await unregisterCapability({ ...options, tls: { mode: "insecure" } });
  assert.equal(orchestrator.capabilities.size, 0);
});

Deno.test("no secret is in what is said, even where the orchestrator echoes it", async () => {
  await using orchestrator = new FakeOrchestrator();
  orchestrator.answer = ({ authorization, body }) =>
    new Response(`you sent ${authorization} and ${body}`, { status: 400 });
  await assert.rejects(registerCapability(capability(orchestrator)), (error) => {
    assert.ok(error instanceof Error);
    const said = `${error.message} ${error.stack}`;
    assert.doesNotMatch(said, new RegExp(`${SECRET}|worker-token-0815`));
    assert.match(error.message, /answered 400: you sent \*\*\*/);
    return true;
  });
});

Deno.test("waits grow to 30 s and no more", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 50].map((failures) => backoffMs(failures, () => 0));
  assert.deepEqual(waits, [1e3, 2e3, 4e3, 8e3, 16e3, 30e3, 30e3, 30e3]);
  assert.equal(backoffMs(1, () => 1), 750);
});
