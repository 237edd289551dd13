import assert from "node:assert/strict";
import type { ProcessorErrorCode } from "../../src/base/mod.ts";
import { ProcessorError } from "../../src/base/mod.ts";
import {
  defineProcessor,
  type ProcessorDefinition,
  ProcessorGuard,
  type ReadOnlyDefinition,
} from "../../src/processor/mod.ts";
import { makeAudio, makeFrame } from "./frames.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { delay } from "../waiting.ts";

/** A guard whose time-outs come when the test lets time pass. */
function guard(
  definition: ProcessorDefinition | ReadOnlyDefinition,
  clock = new ManualClock(),
): ProcessorGuard {
  return new ProcessorGuard(defineProcessor(definition)(), clock);
}

function refuses(call: Promise<unknown>, code: ProcessorErrorCode, message: RegExp): Promise<void> {
  return assert.rejects(call, (error) => {
    assert.ok(error instanceof ProcessorError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("ProcessorGuard passes frames and null on, from plain and async processors", async () => {
  const frame = makeFrame();
  assert.equal(await guard({ video: (f) => f }).processVideo(frame), frame);
  assert.equal(await guard({ video: (f) => Promise.resolve(f) }).processVideo(frame), frame);
  assert.equal(await guard({ video: () => null }).processVideo(frame), null);
  assert.equal(await guard({}).processVideo(frame), frame);
});

Deno.test("ProcessorGuard says what a processor threw, with its cause", async () => {
  const cause = new Error("no such model");
  const sync = guard({
    video: () => {
      throw cause;
    },
  });
  await refuses(sync.processVideo(makeFrame()), "PROCESSOR_FRAME", /no such model/);
  const rejected = guard({ video: () => Promise.reject(cause) }).processVideo(makeFrame());
  await assert.rejects(rejected, (error) => error instanceof Error && error.cause === cause);
});

Deno.test("ProcessorGuard refuses results that are no open frame", async () => {
  const closed = makeFrame();
  closed.close();
  const cases: readonly [unknown, RegExp][] = [
    [undefined, /undefined/],
    [42, /number 42/],
    [new Uint8Array(3), /Uint8Array/],
    [closed, /closed VideoFrame/],
    [makeFrame({ width: 1, height: 8 }), /VideoFrame of 1x8; return a frame of 2x2/],
  ];
  for (const [result, message] of cases) {
    const call = guard({ video: () => result as null }).processVideo(makeFrame());
    await refuses(call, "PROCESSOR_RESULT", message);
  }
});

Deno.test("ProcessorGuard gives a hung call up, and closes its frames when it ends after all", async () => {
  const frame = makeFrame();
  const late = makeFrame();
  const hanging = Promise.withResolvers<typeof late>();
  const clock = new ManualClock();
  const hung = guard({ timeoutMs: 20, video: () => hanging.promise }, clock);
  const refused = refuses(hung.processVideo(frame), "PROCESSOR_TIMEOUT", /20 ms/);
  clock.advance(20);
  await refused;
  assert.equal(frame.closed, false);
  hanging.resolve(late);
  await hanging.promise;
  await Promise.resolve();
  assert.equal(late.closed, true);
  assert.equal(frame.closed, true);
});

Deno.test("ProcessorGuard takes one audio frame, several, or none", async () => {
  const audio = makeAudio();
  assert.deepEqual(await guard({ audio: (a) => a }).processAudio(audio), [audio]);
  assert.equal((await guard({ audio: (a) => [a, a] }).processAudio(audio)).length, 2);
  assert.deepEqual(await guard({ audio: () => null }).processAudio(audio), []);
  const wrong = guard({ audio: () => [1] as unknown as null }).processAudio(audio);
  await refuses(wrong, "PROCESSOR_RESULT", /AudioFrame/);
  assert.equal(guard({}).handlesAudio, false);
  assert.equal(guard({ audio: (a) => a }).handlesAudio, true);
});

Deno.test("ProcessorGuard never runs updates beside each other, and goes on after a refused one", async () => {
  const seen: unknown[] = [];
  let running = 0;
  const updated = guard({
    async updateParams(params) {
      assert.equal(++running, 1);
      await delay(1);
      running--;
      if (params["bad"] === true) throw new RangeError("bad is not allowed");
      seen.push(params["n"]);
    },
  });
  const first = updated.updateParams({ n: 1 });
  const second = updated.updateParams({ bad: true });
  const third = updated.updateParams({ n: 3 });
  await first;
  await refuses(second, "PROCESSOR_PARAMS", /bad is not allowed/);
  await third;
  assert.deepEqual(seen, [1, 3]);
});

Deno.test("ProcessorGuard does not start an update beside one that hangs", async () => {
  const [begun, first] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const given: unknown[] = [];
  const clock = new ManualClock();
  const slow = guard({
    timeoutMs: 20,
    updateParams(params) {
      given.push(params["n"]);
      begun.resolve();
      return params["n"] === 1 ? first.promise : Promise.resolve();
    },
  }, clock);
  const hanging = slow.updateParams({ n: 1 });
  const waiting = slow.updateParams({ n: 2 });
  const refused = [hanging, waiting].map((update) => refuses(update, "PROCESSOR_TIMEOUT", /20 ms/));
  await begun.promise;
  clock.advance(20);
  await Promise.all(refused);
  first.resolve();
  await slow.updateParams({ n: 3 });
  assert.deepEqual(given, [1, 3]);
});

Deno.test("ProcessorGuard waits for promises that are not of the class Promise", async () => {
  const frame = makeFrame();
  const thenable: PromiseLike<typeof frame> = {
    then: (resolve, reject) => Promise.resolve(frame).then(resolve, reject),
  };
  const odd = guard({ video: () => thenable as Promise<typeof frame> });
  assert.equal(await odd.processVideo(frame), frame);
});

Deno.test("ProcessorGuard reports metrics that cannot be had instead of failing", () => {
  const broken = guard({
    getMetrics: () => {
      throw new Error("not yet");
    },
  });
  assert.match(String(broken.metrics()["error"]), /not yet/);
});

Deno.test("ProcessorGuard gives figures as plain JSON, and says which are none", () => {
  const figures = (value: unknown) =>
    guard({ getMetrics: () => value as Record<string, unknown> }).metrics();
  assert.deepEqual(figures({ a: 1, at: new Date(0), f: () => 1 }), {
    a: 1,
    at: "1970-01-01T00:00:00.000Z",
  });
  assert.deepEqual(figures(undefined), {});
  assert.match(String(figures({ big: 1n })["error"]), /^getMetrics\(\) failed: .*BigInt/);
  const ring: Record<string, unknown> = {};
  ring["ring"] = ring;
  assert.match(String(figures(ring)["error"]), /^getMetrics\(\) failed: .*circular/i);
});

Deno.test("ProcessorGuard gives a stream's end after the update under way, and refuses the others", async () => {
  const calls: string[] = [];
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const guarded = guard({
    onStreamStart: () => void calls.push("start"),
    updateParams: async ({ n }) => {
      calls.push(`update ${n}`);
      begun.resolve();
      await goOn.promise;
      calls.push(`updated ${n}`);
    },
    onStreamStop: () => void calls.push("stop"),
  });
  await guarded.startStream({});
  const first = guarded.updateParams({ n: 1 });
  const second = refuses(guarded.updateParams({ n: 2 }), "PROCESSOR_PARAMS", /stream has ended/);
  await begun.promise;
  const stopped = guarded.stopStream();
  goOn.resolve();
  await Promise.all([first, second, stopped]);
  assert.deepEqual(calls, ["start", "update 1", "updated 1", "stop"]);
});

Deno.test("ProcessorGuard counts an update as hanging that outlives its stream, until it is back", async () => {
  const goOn = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const clock = new ManualClock();
  const guarded = guard({
    updateParams: () => {
      begun.resolve();
      return goOn.promise;
    },
  }, clock);
  await guarded.startStream({});
  const update = guarded.updateParams({});
  await begun.promise;
  const stopped = guarded.stopStream();
  clock.advance(500);
  await stopped;
  assert.equal(guarded.hanging, 1);
  goOn.resolve();
  await update;
  assert.equal(guarded.hanging, 0);
});

Deno.test("ProcessorGuard gives updates after the start of the stream", async () => {
  const calls: string[] = [];
  const ready = Promise.withResolvers<void>();
  const guarded = guard({
    onStreamStart: async () => {
      await ready.promise;
      calls.push("started");
    },
    updateParams: () => void calls.push("updated"),
  });
  const start = guarded.startStream({});
  const update = guarded.updateParams({});
  ready.resolve();
  await Promise.all([start, update]);
  assert.deepEqual(calls, ["started", "updated"]);
});

Deno.test("ProcessorGuard takes nothing and the same frame from a processor that only looks", async () => {
  const frame = makeFrame();
  const sound = makeAudio();
  const readOnly = true;
  const lookers: readonly ReadOnlyDefinition[] = [
    { readOnly, video: () => {}, audio: () => {} },
    { readOnly, video: async () => {}, audio: async () => {} },
    { readOnly, video: (f) => f, audio: (f) => Promise.resolve(f) },
    { readOnly },
  ];
  for (const looker of lookers) {
    assert.equal(await guard(looker).processVideo(frame), frame);
    assert.deepEqual(await guard(looker).processAudio(sound), [sound]);
  }
});

Deno.test("ProcessorGuard refuses what a processor that only looks gives in place of its frame", async () => {
  const other = makeFrame();
  const advice = /readOnly is true; return the frame as it came, or remove readOnly/;
  const pictures: readonly unknown[] = [null, other, [other, other], 42];
  for (const result of pictures) {
    const looker = guard({ readOnly: true, video: () => result as undefined });
    await refuses(looker.processVideo(makeFrame()), "PROCESSOR_RESULT", advice);
  }
  assert.ok(other.closed, "nobody else would give its memory back");
  const pieces: readonly unknown[] = [null, makeAudio(), [makeAudio(), makeAudio()], []];
  for (const result of pieces) {
    const looker = guard({ readOnly: true, audio: () => result as undefined });
    await refuses(looker.processAudio(makeAudio()), "PROCESSOR_RESULT", advice);
  }
});
