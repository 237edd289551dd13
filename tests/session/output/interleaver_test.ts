import assert from "node:assert/strict";
import type { Packet } from "../../../src/media/types.ts";
import {
  Interleaver,
  MAX_AHEAD_TICKS,
  MAX_WAITING_BYTES,
} from "../../../src/session/output/interleaver.ts";

const SECOND = 90_000;

function packet(kind: "audio" | "video", seconds: number, bytes = 1): Packet {
  const ticks = seconds * SECOND;
  const data = new Uint8Array(bytes);
  return { kind, ptsTicks: ticks, dtsTicks: ticks, keyframe: true, data };
}

/** What comes out of all that goes in, as `v1.5`. */
function offerAll(interleaver: Interleaver, packets: readonly Packet[]): string[] {
  return named(packets.flatMap((each) => interleaver.offer(each)));
}

function named(packets: readonly Packet[]): string[] {
  return packets.map(({ kind, dtsTicks }) => `${kind[0]}${dtsTicks / SECOND}`);
}

Deno.test("Interleaver orders packets by decoding time, whichever stream is ahead", () => {
  const interleaver = new Interleaver();
  assert.deepEqual(offerAll(interleaver, [packet("video", 0)]), []);
  assert.deepEqual(offerAll(interleaver, [1, 2, 3].map((at) => packet("audio", at))), ["v0"]);
  assert.deepEqual(offerAll(interleaver, [packet("video", 2.5)]), ["a1", "a2", "v2.5"]);
  const ahead = [4, 5, 6].map((at) => packet("video", at));
  assert.deepEqual(offerAll(interleaver, ahead), ["a3"]);
  assert.deepEqual(offerAll(interleaver, [packet("audio", 5.5)]), ["v4", "v5", "a5.5"]);
  assert.deepEqual(named(interleaver.release()), ["v6"]);
});

Deno.test("Interleaver begins with the first picture unless sound begins long before it", () => {
  const soon = new Interleaver();
  assert.deepEqual(
    offerAll(soon, [packet("audio", 0), packet("audio", 0.5), packet("video", 0.4)]),
    ["v0.4"],
  );
  assert.deepEqual(named(soon.release()), ["a0", "a0.5"]);
  const late = new Interleaver();
  assert.deepEqual(offerAll(late, [packet("audio", 0), packet("video", 6)]), ["a0"]);
});

Deno.test("Interleaver does not wait for a stream that does not come", () => {
  const interleaver = new Interleaver();
  assert.deepEqual(offerAll(interleaver, [packet("audio", 0)]), []);
  assert.deepEqual(named(interleaver.expect("video", false)), ["a0"]);
  assert.deepEqual(offerAll(interleaver, [packet("audio", 1)]), ["a1"]);
});

Deno.test("Interleaver waits in bounds of time and bytes", () => {
  const seconds = Array.from({ length: 40 }, (_, at) => packet("audio", at));
  const inTime = new Interleaver();
  assert.deepEqual(offerAll(inTime, [packet("video", 0), ...seconds.slice(0, 1)]), ["v0"]);
  assert.equal(offerAll(inTime, seconds.slice(1)).length, 39 - MAX_AHEAD_TICKS / SECOND);
  // Pictures may begin an hour later.
  assert.deepEqual(offerAll(new Interleaver(), seconds), []);
  const inBytes = new Interleaver();
  const large = [0, 1, 2, 3].map((at) => packet("video", at, MAX_WAITING_BYTES / 2));
  assert.deepEqual(offerAll(inBytes, large), ["v0", "v1"]);
});

Deno.test("Interleaver puts what comes after a jump back of the clock behind what came before", () => {
  const interleaver = new Interleaver();
  const first = [packet("video", 100), packet("audio", 100), packet("audio", 0)];
  assert.deepEqual(offerAll(interleaver, first), ["v100", "a100"]);
  assert.deepEqual(offerAll(interleaver, [packet("video", 101)]), ["v101"]);
  assert.deepEqual(offerAll(interleaver, [packet("video", 1)]), ["a0"]);
  assert.deepEqual(offerAll(interleaver, [packet("audio", 2)]), ["v1"]);
});
