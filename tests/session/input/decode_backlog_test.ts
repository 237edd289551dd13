import assert from "node:assert/strict";
import type { Packet } from "../../../src/media/types.ts";
import { DecodeBacklog } from "../../../src/session/input/decode_backlog.ts";

function packet(index: number, keyframe = false): Packet {
  return { kind: "video", ptsTicks: index, dtsTicks: index, keyframe, data: new Uint8Array(1) };
}

/** A decoder that takes a packet when the test says so. */
function slowDecoder() {
  const taken: number[] = [];
  const waiting: (() => void)[] = [];
  const decode = ({ ptsTicks }: Packet): Promise<void> => {
    taken.push(ptsTicks);
    return new Promise((resolve) => waiting.push(resolve));
  };
  return { taken, decode, release: () => waiting.shift()?.() };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

Deno.test("DecodeBacklog gives packets to the decoder one after the other", async () => {
  const { taken, decode, release } = slowDecoder();
  const backlog = new DecodeBacklog({ decode, most: 10 });
  for (let index = 0; index < 3; index++) backlog.offer(packet(index));
  await settle();
  assert.deepEqual(taken, [0]);
  release();
  await settle();
  assert.deepEqual(taken, [0, 1]);
  release();
  await settle();
  release();
  await backlog.drained();
  assert.deepEqual(taken, [0, 1, 2]);
  assert.equal(backlog.leftOut, 0);
});

Deno.test("DecodeBacklog leaves packets out past its limit, up to the next keyframe", async () => {
  const { taken, decode, release } = slowDecoder();
  const backlog = new DecodeBacklog({ decode, most: 2 });
  for (let index = 0; index < 4; index++) backlog.offer(packet(index, index === 0));
  assert.equal(backlog.leftOut, 2);
  await settle();
  for (let index = 0; index < 2; index++) {
    release();
    await settle();
  }
  backlog.offer(packet(4));
  backlog.offer(packet(5, true));
  backlog.offer(packet(6));
  assert.equal(backlog.leftOut, 3);
  for (let index = 0; index < 2; index++) {
    await settle();
    release();
  }
  await backlog.drained();
  assert.deepEqual(taken, [0, 1, 5, 6]);
});

Deno.test("DecodeBacklog says what the decoder failed with, and decodes nothing more", async () => {
  let calls = 0;
  const decode = (): Promise<void> => {
    calls++;
    return Promise.reject(new Error("broken"));
  };
  const backlog = new DecodeBacklog({ decode, most: 10 });
  backlog.offer(packet(0, true));
  backlog.offer(packet(1));
  await settle();
  assert.throws(() => backlog.offer(packet(2)), /broken/);
  await assert.rejects(backlog.drained(), /broken/);
  assert.equal(calls, 1);
});
