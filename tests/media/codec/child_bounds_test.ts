import assert from "node:assert/strict";
import {
  AudioTranscoder,
  ChangeBudget,
  type Spawn,
  VideoDecoder,
  VideoEncoder,
} from "../../../src/media/codec/mod.ts";
import { collect, makeAudio, makeVideo, shownPts, TIME_BASE } from "./helper.ts";
import { until } from "../../waiting.ts";

const onLinux = { ignore: Deno.build.os !== "linux" };

/** Counts the children that it started, and how many of them lived at once at most. */
function countingSpawn(): { spawn: Spawn; counts: { started: number; most: number } } {
  const counts = { started: 0, most: 0 };
  let alive = 0;
  const spawn: Spawn = (command, options) => {
    const child = new Deno.Command(command, options).spawn();
    counts.started++;
    counts.most = Math.max(counts.most, ++alive);
    void child.status.then(() => alive--);
    return child;
  };
  return { spawn, counts };
}

/** Pictures of two sizes in turn, each a keyframe. */
async function alternating(pictures: number) {
  const encode = "-c:v libx264 -preset ultrafast -tune zerolatency -g 1";
  const frames = pictures / 2;
  const [a, b] = [
    await makeVideo({ frames, encode, size: "64x48" }),
    await makeVideo({ frames, encode, size: "96x64" }),
  ];
  const packets = a.packets.flatMap((packet, i) => {
    const ptsTicks = packet.ptsTicks + i * 3000;
    const other = { ...b.packets[i]!, ptsTicks: ptsTicks + 3000, dtsTicks: ptsTicks + 3000 };
    return [{ ...packet, ptsTicks, dtsTicks: ptsTicks }, other];
  });
  return { stream: a.stream, packets };
}

Deno.test("VideoDecoder has two children at most, however often the size changes", async () => {
  const { stream, packets } = await alternating(12);
  const { spawn, counts } = countingSpawn();
  await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE, spawn });
  const { items } = collect(decoder.frames());
  // All at once: nobody waits for a picture before the next packet.
  await Promise.all(packets.map((packet) => decoder.decode(packet)));
  await decoder.flush();
  assert.deepEqual(items.map(({ ptsTicks }) => ptsTicks), shownPts(packets));
  assert.equal(counts.started, 12);
  assert.ok(counts.most <= 2, `${counts.most} children`);
});

Deno.test("VideoDecoder leaves out what changes more often than it may", async () => {
  const { stream, packets } = await alternating(12);
  const { spawn, counts } = countingSpawn();
  let now = 0;
  await using decoder = new VideoDecoder({
    stream,
    timeBase: TIME_BASE,
    spawn,
    changeBudget: new ChangeBudget({ burst: 2, now: () => now }),
  });
  const { items } = collect(decoder.frames());
  for (const packet of packets.slice(0, 10)) await decoder.decode(packet);
  now += 1_000;
  for (const packet of packets.slice(10)) await decoder.decode(packet);
  await decoder.flush();
  // Two changes, then only what the child of the time decodes, then one more.
  const sizes = items.map(({ width }) => width).join(" ");
  assert.equal(sizes, "64 96 64 64 64 64 64 96");
  assert.equal(decoder.stats.droppedPackets, 4);
  assert.equal(counts.started, 4);
});

Deno.test("VideoEncoder has two children at most, however often the size changes", async () => {
  const { spawn, counts } = countingSpawn();
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE, spawn });
  const { items } = collect(encoder.packets());
  await Promise.all(Array.from({ length: 10 }, (_, i) => {
    const [width, height] = i % 2 === 0 ? [64, 48] : [96, 64];
    const data = new Uint8Array(width! * height! * 1.5);
    const shape = { width: width!, height: height!, pixelFormat: "i420" } as const;
    return encoder.encode({ ...shape, data, ptsTicks: i * 3000 });
  }));
  await encoder.flush();
  assert.equal(items.length, 10);
  assert.ok(counts.most <= 2, `${counts.most} children`);
});

Deno.test("AudioTranscoder leaves out sound that jumps more often than it may", async () => {
  const { stream, packets } = await makeAudio({ encode: "-c:a aac" });
  const { spawn, counts } = countingSpawn();
  await using transcoder = new AudioTranscoder({
    stream,
    timeBase: TIME_BASE,
    spawn,
    changeBudget: new ChangeBudget({ burst: 3, now: () => 0 }),
  });
  collect(transcoder.packets());
  for (const [i, packet] of packets.slice(0, 20).entries()) {
    await transcoder.transcode({ ...packet, ptsTicks: packet.ptsTicks + (i % 2) * 900_000 });
  }
  await transcoder.flush();
  assert.equal(counts.started, 4);
  assert.ok(counts.most <= 2, `${counts.most} children`);
  assert.ok(transcoder.stats.lostPackets >= 8);
});

Deno.test("VideoDecoder makes no picture that is larger than 8K", async () => {
  const clip = await makeVideo({
    size: "8208x4320",
    source: "color",
    frames: 1,
    encode: "-c:v libx264 -preset ultrafast -tune zerolatency -threads 1",
  });
  await using decoder = new VideoDecoder({ stream: clip.stream, timeBase: TIME_BASE });
  const { items } = collect(decoder.frames());
  for (const packet of clip.packets) await decoder.decode(packet);
  await assert.rejects(decoder.flush());
  assert.deepEqual(items, []);
});

Deno.test("a child is limited in memory and open files", onLinux, async () => {
  const { stream } = await makeVideo({ frames: 4 });
  await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE });
  decoder.prewarm();
  const limit = (name: string): number => {
    const line = Deno.readTextFileSync(`/proc/${decoder.pid}/limits`).split("\n")
      .find((line) => line.startsWith(name))!;
    return Number(line.slice(name.length).trim().split(/\s+/)[0]);
  };
  await until(() => limit("Max open files") === 256, "the limits");
  const memory = limit("Max data size");
  assert.ok(memory >= 4 * 2 ** 30 && memory < 64 * 2 ** 30, `${memory} bytes`);
});
