/** Input that is read before it is wanted, on a clock that the test moves. */

import assert from "node:assert/strict";
import { BoundedQueue } from "../../../src/base/mod.ts";
import type { InputEvent } from "../../../src/session/input/input_events.ts";
import { LiveEdge } from "../../../src/session/input/live_edge.ts";
import { ReadAhead } from "../../../src/session/input/read_ahead.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";

const FRAME_MS = 40;

/** A channel that the test fills, and what is read of it. */
class Rig {
  readonly clock = new ManualClock();
  readonly channel = new BoundedQueue<InputEvent>({ capacity: 1_000, whenFull: "wait" });
  readonly ahead = new ReadAhead({
    events: this.channel,
    edge: new LiveEdge(() => this.clock.now()),
    maxBehindMs: 500,
    now: () => this.clock.now(),
  });
  readonly reader = this.ahead[Symbol.asyncIterator]();

  /** Pictures of these numbers arrive, and sound with each; every tenth is a keyframe. */
  async arrive(from: number, to: number, everyMs = FRAME_MS): Promise<void> {
    for (let picture = from; picture < to; picture++) {
      this.clock.advance(everyMs);
      await this.channel.push(packet("video", picture));
      await this.channel.push(packet("audio", picture));
      await settle();
    }
  }

  /** What is read next. */
  async take(count: number): Promise<string[]> {
    const taken: string[] = [];
    while (taken.length < count) {
      const { value, done } = await this.reader.next();
      if (done === true) break;
      taken.push(nameOf(value));
    }
    return taken;
  }
}

function packet(kind: "video" | "audio", picture: number): InputEvent {
  const ticks = picture * FRAME_MS * 90;
  const keyframe = kind === "audio" || picture % 10 === 0;
  const data = new Uint8Array(1_000);
  return {
    kind: "packet",
    stream: kind,
    packet: { kind, ptsTicks: ticks, dtsTicks: ticks, keyframe, data },
  };
}

function nameOf(event: InputEvent): string {
  if (event.kind === "behind") return `behind ${event.pictures}`;
  if (event.kind !== "packet") return event.kind;
  return `${event.stream} ${event.packet.ptsTicks / FRAME_MS / 90}`;
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

Deno.test("ReadAhead tells when each packet came, however late it is taken", async () => {
  const rig = new Rig();
  const first = rig.reader.next();
  await rig.arrive(0, 3);
  rig.clock.advance(10_000);
  const arrivals = [await first, await rig.reader.next(), await rig.reader.next()];
  assert.deepEqual(
    arrivals.map(({ value }) => value?.kind === "packet" && value.arrivedMs),
    [FRAME_MS, FRAME_MS, 2 * FRAME_MS],
  );
  await rig.reader.return(undefined);
});

Deno.test("ReadAhead goes on at the newest keyframe where pictures wait for too long", async () => {
  const rig = new Rig();
  const first = rig.take(2);
  await rig.arrive(0, 25);
  assert.deepEqual(await first, ["video 0", "audio 0"]);
  // Sound is all there, and before the keyframe that it came before.
  const taken = await rig.take(1 + 19 + 2);
  assert.deepEqual(taken.slice(0, 3), ["audio 1", "audio 2", "audio 3"]);
  assert.deepEqual(taken.slice(18), ["audio 19", "behind 19", "video 20", "audio 20"]);
  // What waits now does not wait for too long.
  await rig.arrive(25, 30);
  assert.deepEqual(await rig.take(2), ["video 21", "audio 21"]);
  await rig.reader.return(undefined);
});

Deno.test("ReadAhead leaves nothing out without a newer keyframe", async () => {
  const rig = new Rig();
  const first = rig.take(2);
  await rig.arrive(0, 1);
  await first;
  await rig.arrive(1, 10);
  await rig.arrive(11, 19);
  assert.deepEqual(await rig.take(2), ["video 1", "audio 1"]);
  await rig.reader.return(undefined);
});

Deno.test("ReadAhead leaves nothing out of what comes at once", async () => {
  const rig = new Rig();
  const first = rig.take(2);
  await rig.arrive(0, 100, 1);
  await first;
  rig.clock.advance(10_000);
  assert.deepEqual(await rig.take(2), ["video 1", "audio 1"]);
  assert.equal((await rig.take(196)).at(-1), "audio 99");
  await rig.reader.return(undefined);
});

Deno.test("ReadAhead hands on what was read before the channel ends or fails", async () => {
  for (const error of [undefined, new Error("gone")]) {
    const rig = new Rig();
    const taken = rig.take(2);
    await rig.arrive(0, 2);
    if (error === undefined) rig.channel.close();
    else rig.channel.fail(error);
    assert.deepEqual([...await taken, ...await rig.take(2)].at(-1), "audio 1");
    if (error === undefined) assert.deepEqual(await rig.take(1), []);
    else await assert.rejects(rig.take(1), error);
    await rig.ahead[Symbol.asyncDispose]();
  }
});

Deno.test("ReadAhead reads no more than it may hold", async () => {
  const rig = new Rig();
  const first = rig.reader.next();
  const big: InputEvent = {
    kind: "packet",
    stream: "video",
    packet: {
      kind: "video",
      ptsTicks: 0,
      dtsTicks: 0,
      keyframe: true,
      data: new Uint8Array(20 * 2 ** 20),
    },
  };
  for (let i = 0; i < 6; i++) await rig.channel.push(big);
  await first;
  await settle();
  // Two are more than it may hold: the others are where they were.
  assert.equal(rig.channel.size, 3);
  await rig.reader.return(undefined);
  await settle();
  rig.channel.close();
  await rig.ahead[Symbol.asyncDispose]();
});
