/** Pacing, on a clock of its own. */

import assert from "node:assert/strict";
import { type MediaEvent, paced, type PacingClock } from "../../src/source/mod.ts";
import { collect, replay } from "./media.ts";

/** Time that passes only where somebody waits. */
class ManualClock implements PacingClock {
  ms = 5000;
  waits = 0;

  now(): number {
    return this.ms;
  }

  wait(delayMs: number): Promise<void> {
    this.waits++;
    this.ms += delayMs;
    return Promise.resolve();
  }
}

function packet(dtsTicks: number, stream: "video" | "audio" = "video"): MediaEvent {
  const data = new Uint8Array(1);
  return {
    kind: "packet",
    stream,
    packet: { kind: stream, ptsTicks: dtsTicks + 3000, dtsTicks, keyframe: true, data },
  };
}

/** When each packet came, in milliseconds since the first. */
async function arrivals(
  events: readonly MediaEvent[],
  options: { speed?: number; onPacket?: (index: number, clock: ManualClock) => void } = {},
): Promise<number[]> {
  const clock = new ManualClock();
  const { speed = 1, onPacket } = options;
  const times: number[] = [];
  for await (const event of paced(replay(events), { clock, speed })) {
    if (event.kind !== "packet") continue;
    times.push(clock.ms - 5000);
    onPacket?.(times.length - 1, clock);
  }
  return times;
}

Deno.test("packets come when their decoding time has come", async () => {
  const events = [126_000, 129_000, 132_000, 222_000].map((ticks) => packet(ticks));
  assert.deepEqual((await arrivals(events)).map(Math.round), [0, 33, 67, 1067]);
});

Deno.test("audio and video share one clock", async () => {
  const events = [packet(9000), packet(9000, "audio"), packet(18_000, "audio"), packet(12_000)];
  assert.deepEqual((await arrivals(events)).map(Math.round), [0, 0, 100, 100]);
});

Deno.test("speed multiplies the pace", async () => {
  const events = [0, 90_000, 180_000].map((ticks) => packet(ticks));
  assert.deepEqual(await arrivals(events, { speed: 4 }), [0, 250, 500]);
  await assert.rejects(arrivals(events, { speed: 0 }), RangeError);
});

Deno.test("what is late comes at once until it has caught up", async () => {
  const events = [0, 1, 2, 3, 4].map((n) => packet(n * 90_000));
  const times = await arrivals(events, {
    onPacket: (index, clock) => clock.ms += index === 1 ? 2500 : 0,
  });
  assert.deepEqual(times, [0, 1000, 3500, 3500, 4000]);
});

Deno.test("nothing comes more than a millisecond early", async () => {
  // A timer that fires after half of the time.
  const clock = new ManualClock();
  const eager: PacingClock = {
    now: () => clock.now(),
    wait: (delayMs) => clock.wait(delayMs / 2),
  };
  const times: number[] = [];
  for await (const _ of paced(replay([0, 90_000].map((t) => packet(t))), { clock: eager })) {
    times.push(clock.ms - 5000);
  }
  assert.ok(times[1]! >= 999 && times[1]! <= 1000, `${times[1]} ms`);
  assert.ok(clock.waits > 1);
});

Deno.test("after a jump of the clock, time begins anew", async () => {
  const jump: MediaEvent = { kind: "discontinuity", reason: "clock" };
  const said = [packet(0), packet(90_000), jump, packet(450_000), packet(540_000)];
  assert.deepEqual(await arrivals(said), [0, 1000, 1000, 2000]);
  const unsaid = [packet(9_000_000), packet(9_090_000), packet(0), packet(90_000)];
  assert.deepEqual(await arrivals(unsaid), [0, 1000, 1000, 2000]);
});

Deno.test("events other than packets are not delayed", async () => {
  const streams: MediaEvent = { kind: "streams", unsupported: [] };
  const clock = new ManualClock();
  const kinds: string[] = [];
  for await (const event of paced(replay([packet(0), streams, packet(90_000)]), { clock })) {
    kinds.push(`${event.kind} ${clock.ms - 5000}`);
  }
  assert.deepEqual(kinds, ["packet 0", "streams 0", "packet 1000"]);
});

Deno.test("an error of the media comes after what was read before it", async () => {
  const failing = async function* (): AsyncGenerator<MediaEvent> {
    yield* replay([packet(0), packet(3000)]);
    throw new Error("the disk is gone");
  };
  const clock = new ManualClock();
  const seen: MediaEvent[] = [];
  await assert.rejects(async () => {
    for await (const event of paced(failing(), { clock })) seen.push(event);
  }, /the disk is gone/);
  assert.equal(seen.length, 2);
});

Deno.test("the signal ends a wait in real time, and leaving the loop ends the media", async () => {
  const stop = new AbortController();
  let ended = false;
  const media = async function* (): AsyncGenerator<MediaEvent> {
    try {
      yield* replay([0, 810_000].map((ticks) => packet(ticks)));
    } finally {
      ended = true;
    }
  };
  const events: MediaEvent[] = [];
  for await (const event of paced(media(), { signal: stop.signal })) {
    events.push(event);
    queueMicrotask(() => stop.abort());
  }
  assert.equal(events.length, 1);
  assert.ok(ended);
});

Deno.test("a source is read only some events ahead", async () => {
  let read = 0;
  const endless = async function* (): AsyncGenerator<MediaEvent> {
    for (;;) yield await Promise.resolve(packet(3000 * read++));
  };
  const clock = new ManualClock();
  let taken = 0;
  for await (const _ of paced(endless(), { clock })) {
    assert.ok(read - taken < 120, `${read - taken} events ahead`);
    if (++taken === 500) break;
  }
});

Deno.test("in real time a packet comes at its time", async () => {
  const start = performance.now();
  const events = await collect(paced(replay([packet(0), packet(9000)])));
  const elapsedMs = performance.now() - start;
  assert.equal(events.length, 2);
  assert.ok(elapsedMs >= 98, `after ${elapsedMs} ms`);
});
