/** Control and events channels of a session, over a real trickle server. */

import assert from "node:assert/strict";
import { z } from "zod";
import {
  defineProcessor,
  type FrameProcessor,
  type ProcessorParams,
} from "../../../src/processor/mod.ts";
import {
  abandonStream,
  openTrickleSession,
  type Session,
  type SessionEvent,
} from "../../../src/session/mod.ts";
import {
  TricklePublisher,
  TrickleServer,
  type TrickleServerOptions,
  TrickleSubscriber,
} from "../../../src/trickle/mod.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";
import { silentClip } from "../clips.ts";
import { unusedPort } from "../../unused_port.ts";
import { until, within } from "../../waiting.ts";

/** Between two attempts of a publisher, and before a channel that it gave up is opened again. */
const RETRY_MS = 250;
const REOPEN_MS = 500;

interface PublishedEvent {
  readonly event: Readonly<Record<string, unknown>> & { readonly type: string };
  readonly queue_event_type: string;
}

/** A trickle server with the channels of one stream, and what came out on its events channel. */
class Gateway implements AsyncDisposable {
  readonly server: TrickleServer;
  readonly events: PublishedEvent[] = [];
  readonly #subscriber: TrickleSubscriber;
  readonly #reading: Promise<void>;

  constructor(options: TrickleServerOptions = {}) {
    this.server = new TrickleServer(options);
    this.server.listen();
    for (const name of ["in", "out"]) this.server.createChannel(name, "video/mp2t");
    for (const name of ["control", "events"]) this.server.createChannel(name, "application/json");
    this.#subscriber = new TrickleSubscriber(this.url("events"), { start: 0 });
    this.#reading = this.#read();
  }

  url(name: string): string {
    return this.server.channelUrl(name);
  }

  /** The events of a type so far. */
  of(type: string): PublishedEvent[] {
    return this.events.filter(({ event }) => event.type === type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#subscriber[Symbol.asyncDispose]();
    await this.#reading;
    await this.server[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    for await (const { body } of this.#subscriber) {
      const text = await new Response(ReadableStream.from(body)).text();
      this.events.push(JSON.parse(text));
    }
  }
}

interface Recorded {
  readonly updates: ProcessorParams[];
  readonly processor: FrameProcessor;
}

function recorder(): Recorded {
  const updates: ProcessorParams[] = [];
  const processor = defineProcessor({
    updateParams: (params) => {
      if (params["bad"] === true) throw new RangeError("Cannot be bad");
      updates.push(params);
    },
  })();
  return { updates, processor };
}

interface Running {
  readonly session: Session;
  readonly events: SessionEvent[];
}

function open(
  gateway: Gateway,
  options: Partial<Parameters<typeof openTrickleSession>[0]> = {},
): Running {
  const events: SessionEvent[] = [];
  const session = openTrickleSession({
    id: "stream",
    processor: recorder().processor,
    subscribeUrl: gateway.url("in"),
    publishUrl: gateway.url("out"),
    controlUrl: gateway.url("control"),
    eventsUrl: gateway.url("events"),
    onEvent: (event) => events.push(event),
    clock: new ManualClock(),
    ...options,
  });
  session.start();
  return { session, events };
}

function errorsIn({ events }: Running, stage: string): string[] {
  return events.flatMap((event) =>
    event.type === "error" && event.stage === stage ? [event.error.message] : []
  );
}

Deno.test("control messages are updates, in order; keep-alives and broken ones change nothing", async () => {
  await using gateway = new Gateway();
  const { updates, processor } = recorder();
  const running = open(gateway, { processor });
  {
    await using control = new TricklePublisher(gateway.url("control"), { ownsChannel: false });
    const messages = [
      '{"keep":"alive"}',
      '{"prompt":"one"}',
      "{broken",
      "[1]",
      '{"bad":true}',
      '{"prompt":"two","max_framerate":12}',
    ];
    for (const message of messages) await control.publishMessage(message);
    await until(() => updates.length === 2, "two updates");
  }
  assert.deepEqual(updates, [{ prompt: "one" }, { prompt: "two", max_framerate: 12 }]);
  assert.deepEqual(running.session.params, { prompt: "two", max_framerate: 12 });
  const errors = errorsIn(running, "control");
  assert.equal(errors.length, 3);
  assert.match(errors[0]!, /Cannot use control message 2: .*JSON/);
  assert.match(errors[1]!, /Cannot update parameters from \[1\]/);
  assert.match(errors[2]!, /Cannot be bad/);
  assert.equal(running.session.metrics().control_messages, 4);
  await running.session.stop();
});

Deno.test("a control channel that ends does not end the stream", async () => {
  await using gateway = new Gateway();
  const { session } = open(gateway);
  await until(() => gateway.of("status").length > 0, "the first status");
  gateway.server.closeChannel("control");
  await using input = new TricklePublisher(gateway.url("in"));
  const clip = await silentClip({ seconds: 1 });
  for (const bytes of clip.segments) {
    const segment = await input.next();
    await segment.write(bytes);
    await segment.close();
  }
  await until(() => session.metrics().frames_out > 0, "frames after the channel's end");
  assert.equal(session.state, "running");
  await session.stop();
});

Deno.test("control messages are read while an update is applied, and none is lost", async () => {
  await using gateway = new Gateway();
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const updates: unknown[] = [];
  const processor = defineProcessor({
    updateParams: async ({ n }) => {
      begun.resolve();
      await goOn.promise;
      updates.push(n);
    },
  })();
  const running = open(gateway, { processor });
  {
    await using control = new TricklePublisher(gateway.url("control"), { ownsChannel: false });
    await control.publishMessage('{"n":0}');
    await begun.promise;
    for (let n = 1; n < 30; n++) {
      await control.publishMessage(JSON.stringify({ n }));
      await until(() => running.session.metrics().control_messages === n + 1, `message ${n}`);
    }
  }
  goOn.resolve();
  await until(() => updates.length === 30, "all updates");
  assert.deepEqual(updates, Array.from({ length: 30 }, (_, n) => n));
  assert.deepEqual(errorsIn(running, "control"), []);
  await running.session.stop();
});

Deno.test("an update takes effect while the processor gets ready, and reaches it with its start", async () => {
  await using gateway = new Gateway();
  const ready = Promise.withResolvers<void>();
  const starts: ProcessorParams[] = [];
  const processor = Object.assign(recorder().processor, {
    onStreamStart: (params: ProcessorParams) => void starts.push(params),
  });
  const { session } = open(gateway, {
    processor,
    processorReady: ready.promise,
    params: { prompt: "one" },
  });
  await session.updateParams({ prompt: "two", max_framerate: 12 });
  assert.deepEqual(session.params, { prompt: "two", max_framerate: 12 });
  assert.deepEqual(starts, []);
  ready.resolve();
  await until(() => starts.length === 1, "the start");
  assert.deepEqual(starts, [{ prompt: "two", max_framerate: 12 }]);
  await session.stop();
});

for (const name of ["control", "events", "data", "out"]) {
  Deno.test(`a stream without an input ends when somebody closes its channel ${name}`, async () => {
    await using gateway = new Gateway({ autocreate: false });
    gateway.server.createChannel("data", "application/jsonl");
    const { session } = open(gateway, { subscribeUrl: undefined, dataUrl: gateway.url("data") });
    await until(() => gateway.of("status").length > 0, "the first status");
    gateway.server.closeChannel(name);
    const end = await within(session.ended, "the end");
    // An output that was never connected to is not known to have been there.
    if (name === "out") assert.ok(["output-closed", "failed"].includes(end.reason), end.reason);
    else assert.deepEqual(end, { reason: "channel-closed", channel: name });
  });
}

Deno.test("a gateway hears the life of a stream, each event with its time and type", async () => {
  await using gateway = new Gateway();
  const clip = await silentClip({ seconds: 1, width: 64, height: 48 });
  const startMs = Date.now();
  const { session } = open(gateway, { pipelineName: "inverter" });
  {
    await using input = new TricklePublisher(gateway.url("in"));
    for (const bytes of clip.segments) {
      const segment = await input.next();
      await segment.write(bytes);
      await segment.close();
    }
    await session.updateParams({ strength: 2 });
    session.sendEvent({ score: 0.5 }, "goal");
    session.sendEvent("text", "note");
    await until(() => session.metrics().frames_out > 0, "frames");
    await input.close();
  }
  await session.ended;
  await until(() => gateway.of("stream_stopped").length === 1, "the last event");
  for (const { event, queue_event_type } of gateway.events) {
    const timestamp = Number(event["timestamp"]);
    assert.ok(timestamp >= startMs && timestamp <= Date.now(), `${timestamp}`);
    const isHeartbeat = event.type === "heartbeat";
    assert.equal(queue_event_type, isHeartbeat ? "stream_heartbeat" : "ai_stream_events");
  }
  assert.equal(gateway.of("receive_first_ingest_segment").length, 1);
  assert.equal(gateway.of("send_first_processed_segment").length, 1);
  assert.deepEqual(gateway.of("params_updated")[0]!.event["params"], { strength: 2 });
  assert.equal(gateway.of("goal")[0]!.event["score"], 0.5);
  assert.equal(gateway.of("note")[0]!.event["data"], "text");
  assert.equal(gateway.of("stream_stopped")[0]!.event["reason"], "input-ended");
  const [heartbeat] = gateway.of("heartbeat");
  assert.deepEqual(heartbeat!.event["urls"], {
    subscribe_url: gateway.url("in"),
    publish_url: gateway.url("out"),
    control_url: gateway.url("control"),
    events_url: gateway.url("events"),
  });
  const states = gateway.of("status").map(({ event }) => event["state"]);
  assert.equal(states[0], "LOADING");
  assert.equal(states.at(-1), "OFFLINE");
  const last = gateway.of("status").at(-1)!.event;
  assert.equal(last["pipeline"], "inverter");
  assert.equal(session.metrics().events_sent, gateway.events.length);
  assert.equal(session.metrics().events_dropped, 0);
});

Deno.test("heartbeats and status come every 10 s while nothing else happens", async () => {
  await using gateway = new Gateway();
  const clock = new ManualClock();
  let wallMs = 1_700_000_000_000;
  const { session } = open(gateway, { clock, wallNow: () => wallMs });
  await until(() => gateway.of("heartbeat").length === 1, "the first heartbeat");
  for (let beat = 2; beat <= 5; beat++) {
    for (let second = 0; second < 10; second++) {
      wallMs += 1_000;
      clock.advance(1_000);
    }
    await until(() => gateway.of("heartbeat").length === beat, `heartbeat ${beat}`);
  }
  const times = gateway.of("heartbeat").map(({ event }) => Number(event["timestamp"]));
  assert.deepEqual(times.map((time) => (time - times[0]!) / 1_000), [0, 10, 20, 30, 40]);
  assert.ok(gateway.of("status").length >= 5);
  await session.stop();
});

Deno.test("a flood of events is held back and counted, and heartbeats still go out", async () => {
  await using gateway = new Gateway();
  const clock = new ManualClock();
  const { session } = open(gateway, { clock, wallNow: () => 1_700_000_000_000 });
  for (let i = 0; i < 500; i++) session.sendEvent({ i }, "flood");
  session.sendEvent({ huge: "x".repeat(40_000) }, "flood");
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  session.sendEvent(circular, "flood");
  for (let second = 0; second < 10; second++) clock.advance(1_000);
  await until(() => gateway.of("heartbeat").length === 2, "the next heartbeat");
  assert.equal(gateway.of("flood").length, 50);
  assert.equal(session.metrics().events_dropped, 452);
  await session.stop();
});

Deno.test("an application that floods leaves room for errors, and cannot speak for the stream", async () => {
  await using gateway = new Gateway();
  const { session } = open(gateway, { clock: new ManualClock(), wallNow: () => 1_700_000_000_000 });
  for (let i = 0; i < 100; i++) session.sendEvent({ i }, "flood");
  for (const type of ["status", "heartbeat", "stream_stopped"]) {
    session.sendEvent({ state: "ONLINE", forged: true }, type);
  }
  {
    await using control = new TricklePublisher(gateway.url("control"), { ownsChannel: false });
    await control.publishMessage("{broken");
  }
  await until(() => gateway.of("error").length === 1, "the error");
  assert.equal(session.metrics().events_dropped, 53);
  assert.ok(gateway.events.every(({ event }) => event["forged"] === undefined));
  await session.stop();
});

Deno.test("events wait for a server that is away, and the stream does not", async () => {
  await using gateway = new Gateway();
  const clock = new ManualClock();
  const port = unusedPort();
  const { session } = open(gateway, { eventsUrl: `http://127.0.0.1:${port}/events`, clock });
  await using input = new TricklePublisher(gateway.url("in"));
  const clip = await silentClip({ seconds: 1 });
  for (const bytes of clip.segments) {
    const segment = await input.next();
    await segment.write(bytes);
    await segment.close();
  }
  await until(() => session.metrics().frames_out >= 10, "frames while the events wait");
  await clock.passDelay(RETRY_MS, RETRY_MS);
  assert.equal(session.metrics().events_sent, 0);
  await using back = new TrickleServer();
  back.createChannel("events", "application/json");
  back.listen({ port });
  await until(() => {
    // Only the wait for the next attempt passes, not what an attempt may take.
    const waitMs = clock.delays.find((ms) => ms === RETRY_MS || ms === REOPEN_MS);
    if (waitMs !== undefined) clock.advance(waitMs);
    return session.metrics().events_sent > 0;
  }, "events after the server is back");
  await session.stop();
  assert.equal(session.metrics().events_dropped, 0);
});

Deno.test("a schema refuses bad parameters by name, fills in defaults, and leaves the stream as it was", async () => {
  await using gateway = new Gateway();
  const { updates, processor } = recorder();
  const starts: ProcessorParams[] = [];
  const withSchema = Object.assign(processor, {
    paramsSchema: z.object({
      strength: z.number().min(0).max(1).default(0.5),
      mode: z.enum(["soft", "hard"]).default("soft"),
      when: z.iso.datetime().transform((text) => new Date(text)).optional(),
    }),
    onStreamStart: (params: ProcessorParams) => void starts.push(params),
  });
  const { session } = open(gateway, {
    processor: withSchema,
    params: { mode: "hard", max_framerate: 20 },
  });
  await until(() => starts.length === 1, "the start of the stream");
  assert.deepEqual(starts[0], { max_framerate: 20, strength: 0.5, mode: "hard" });
  await assert.rejects(session.updateParams({ strength: 2, mode: "odd" }), {
    name: "ConfigError",
    message: /strength: .*; mode: /,
  });
  const { params } = session;
  assert.deepEqual({ ...params }, { max_framerate: 20, strength: 0.5, mode: "hard" });
  await session.updateParams({ strength: 1, when: "2026-01-01T00:00:00Z" });
  await session.updateParams({ strength: 0 });
  assert.deepEqual(updates, [
    { strength: 1, when: new Date("2026-01-01T00:00:00Z") },
    { strength: 0 },
  ]);
  assert.deepEqual(session.params["when"], new Date("2026-01-01T00:00:00Z"));
  await session.stop();
  assert.throws(
    () => openTrickleSession({ id: "bad", processor: withSchema, params: { strength: "very" } }),
    { name: "ConfigError", message: /Cannot use these parameters: strength: / },
  );
});

Deno.test("no channel of a session is asked where its URL may not lead", async () => {
  await using gateway = new Gateway();
  await until(() => gateway.server.stats.requests > 0, "the reader of this test");
  const { requests } = gateway.server.stats;
  const clock = new ManualClock();
  const running = open(gateway, {
    urlRules: { allow: ["10.0.0.0/8"] },
    dataUrl: gateway.url("data"),
    clock,
  });
  running.session.sendData("a line");
  await until(() => clock.delays.length > 0, "the waits between two attempts");
  let hasStopped = false;
  void running.session.stop().then(() => hasStopped = true);
  await until(() => {
    clock.advance(RETRY_MS);
    return hasStopped;
  }, "the end of the session");
  await abandonStream({
    id: "gone",
    publishUrl: gateway.url("out"),
    eventsUrl: gateway.url("events"),
    urlRules: { allow: ["10.0.0.0/8"] },
    error: new Error("gone"),
  });
  assert.equal(gateway.server.stats.requests, requests);
});
