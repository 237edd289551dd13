import assert from "node:assert/strict";
import { MpegTsDemuxer, MpegTsMuxer, type TsEvent } from "../../../src/media/mpegts/mod.ts";
import {
  concatBytes,
  createRandom,
  demuxAll,
  makeTs,
  packetsOf,
  picture,
  summarize,
  syntheticPicture,
  tone,
  tsPackets,
  X264_LIVE,
} from "./fixtures.ts";

const PACKET = 188;
const SMALL = [
  ...picture(0.5, "160x120"),
  ...tone(0.5),
  ...X264_LIVE,
  ..."-c:a aac -ar 44100".split(" "),
];

Deno.test("MpegTsDemuxer gives the same events for any split into chunks", async () => {
  const ts = await makeTs(SMALL);
  const damaged = damage(ts, { seed: 7, holes: 12 });
  for (const stream of [ts, damaged]) {
    const expected = summarize(demuxAll(stream));
    for (let seed = 1; seed <= 40; seed++) {
      const random = createRandom(seed);
      const largest = [1, 5, 187, 188, 189, 400, 3000][seed % 7]!;
      const demuxer = new MpegTsDemuxer();
      const events: TsEvent[] = [];
      for (let at = 0; at < stream.length;) {
        const end = at + 1 + random(largest);
        // The chunk is wiped afterwards: nothing of it may be kept.
        const chunk = stream.slice(at, end);
        events.push(...demuxer.push(chunk));
        chunk.fill(0xEE);
        at = end;
      }
      events.push(...demuxer.flush());
      assert.deepEqual(summarize(events), expected, `seed ${seed}`);
    }
  }
});

Deno.test("MpegTsDemuxer takes a stream that ends anywhere", async () => {
  const ts = await makeTs(SMALL);
  const whole = summarize(demuxAll(ts)).filter((line) => line.startsWith("video"));
  for (let end = 0; end <= ts.length; end += end < 6000 ? 1 : 61) {
    const events = summarize(demuxAll(ts.subarray(0, end)));
    const pictures = events.filter((line) => line.startsWith("video"));
    // All but the last picture are whole.
    assert.deepEqual(pictures.slice(0, -1), whole.slice(0, Math.max(0, pictures.length - 1)));
  }
});

Deno.test("MpegTsDemuxer never throws or grows on damaged bytes", async () => {
  const ts = await makeTs(SMALL);
  for (let seed = 1; seed <= 300; seed++) {
    const random = createRandom(seed);
    const damaged = ts.slice();
    const hits = 1 + random(400);
    for (let i = 0; i < hits; i++) damaged[random(damaged.length)] = random(256);
    const events = demuxAll(damaged);
    const bytes = packetsOf(events).reduce((sum, packet) => sum + packet.data.length, 0);
    assert.ok(bytes <= 2 * damaged.length, `seed ${seed}: ${bytes} bytes`);
    for (const packet of packetsOf(events)) assert.ok(Number.isSafeInteger(packet.ptsTicks));
  }
});

Deno.test("MpegTsDemuxer never throws on damaged headers of packets and PES packets", async () => {
  const ts = await makeTs(SMALL);
  for (let seed = 1; seed <= 300; seed++) {
    const random = createRandom(seed);
    const damaged = ts.slice();
    for (let at = 0; at < damaged.length; at += PACKET) {
      if (random(10) === 0) damaged[at + 1 + random(40)] = random(256);
    }
    demuxAll(damaged);
  }
});

Deno.test("MpegTsDemuxer finds nothing in random bytes, and counts them", () => {
  const random = createRandom(99);
  const noise = Uint8Array.from({ length: 400_000 }, () => random(256));
  const demuxer = new MpegTsDemuxer();
  const events = [...demuxer.push(noise), ...demuxer.flush()];
  assert.deepEqual(events, []);
  const { packets, skippedBytes } = demuxer.stats;
  assert.equal(packets * PACKET + skippedBytes, noise.length);
});

Deno.test("MpegTsDemuxer goes on after lost, inserted and deleted bytes", async () => {
  const ts = await makeTs(SMALL);
  const whole = new Set(summarize(demuxAll(ts)).filter((line) => line.startsWith("video")));
  for (let seed = 1; seed <= 20; seed++) {
    const demuxer = new MpegTsDemuxer();
    const damaged = damage(ts, { seed, holes: 3 });
    const events = [...demuxer.push(damaged), ...demuxer.flush()];
    const pictures = summarize(events).filter((line) => whole.has(line));
    assert.ok(pictures.length >= whole.size - 8, `seed ${seed}: ${pictures.length}`);
    const { resyncs, continuityErrors } = demuxer.stats;
    assert.ok(resyncs + continuityErrors > 0);
  }
});

Deno.test("MpegTsDemuxer drops a picture with a lost packet and reports the loss once", () => {
  const { units, tables } = pictures([1500, 2000, 500, 500]);
  const holed = units[1]!.slice();
  const withoutThird = concatBytes([holed.subarray(0, 2 * PACKET), holed.subarray(3 * PACKET)]);
  const demuxer = new MpegTsDemuxer();
  const events = [tables, units[0]!, withoutThird, units[2]!, units[3]!]
    .flatMap((bytes) => demuxer.push(bytes));
  assert.deepEqual(
    events.map((event) => event.kind === "discontinuity" ? event.reason : event.kind),
    ["streams", "packet", "loss", "packet", "packet"],
  );
  const { corruptPes, continuityErrors } = demuxer.stats;
  assert.deepEqual({ corruptPes, continuityErrors }, { corruptPes: 1, continuityErrors: 1 });
});

Deno.test("MpegTsDemuxer takes a packet that comes twice once", () => {
  const { units, tables } = pictures([2000, 150]);
  const doubled = units.flatMap((unit) => {
    const packets = tsPackets(unit).map((_, index) =>
      unit.subarray(index * 188, index * 188 + 188)
    );
    return packets.flatMap((packet) => [packet, packet]);
  });
  const demuxer = new MpegTsDemuxer();
  const events = demuxer.push(concatBytes([tables, ...doubled]));
  assert.deepEqual(packetsOf(events).map((packet) => packet.data.length), [2000, 150]);
  assert.equal(demuxer.stats.duplicates, doubled.length / 2);
  assert.equal(demuxer.stats.continuityErrors, 0);
});

Deno.test("MpegTsDemuxer passes over packets with a transport error or scrambled", () => {
  const { units, tables } = pictures([100, 100, 100]);
  units[1]![1]! |= 0x80;
  units[2]![3]! |= 0x80;
  units[2]!.fill(0x5A, 8);
  const demuxer = new MpegTsDemuxer();
  const events = demuxer.push(concatBytes([tables, ...units]));
  assert.equal(packetsOf(events).length, 1);
  const { transportErrors, scrambled } = demuxer.stats;
  assert.deepEqual({ transportErrors, scrambled }, { transportErrors: 1, scrambled: 1 });
});

Deno.test("MpegTsDemuxer ignores tables with a wrong CRC", () => {
  const { units, tables } = pictures([100]);
  const damaged = tables.slice();
  damaged[PACKET + 20]! ^= 1;
  const demuxer = new MpegTsDemuxer();
  assert.deepEqual(demuxer.push(concatBytes([damaged, ...units])), []);
  assert.equal(demuxer.stats.badSections, 1);
  assert.equal(packetsOf(demuxer.push(concatBytes([tables, units[0]!]))).length, 1);
});

Deno.test("MpegTsDemuxer gives up a PES of more than 8 MiB and goes on", () => {
  const { units, tables } = pictures([9 * 1024 * 1024, 100]);
  const demuxer = new MpegTsDemuxer();
  const events = demuxer.push(concatBytes([tables, ...units]));
  assert.deepEqual(packetsOf(events).map((packet) => packet.data.length), [100]);
  assert.equal(demuxer.stats.corruptPes, 1);
});

/** Tables, and one unit of transport packets per picture size. */
function pictures(sizes: readonly number[]): { tables: Uint8Array; units: Uint8Array[] } {
  const muxer = new MpegTsMuxer({ video: { codec: "h264" } });
  const tables = muxer.startSegment();
  const units = sizes.map((bytes, index) => {
    const ticks = 90_000 + 3000 * index;
    const data = syntheticPicture(bytes, index === 0);
    return muxer.write({
      kind: "video",
      ptsTicks: ticks,
      dtsTicks: ticks,
      keyframe: index === 0,
      data,
    });
  });
  return { tables, units };
}

/** Deletes, inserts or overwrites a run of bytes at each of some random places. */
function damage(ts: Uint8Array, options: { seed: number; holes: number }): Uint8Array {
  const random = createRandom(options.seed);
  let bytes = ts;
  for (let hole = 0; hole < options.holes; hole++) {
    const at = 4 * PACKET + random(bytes.length - 4 * PACKET);
    const run = 1 + random(300);
    const noise = Uint8Array.from({ length: run }, () => random(256));
    const behind = [at, at + run, Math.min(at + run, bytes.length)];
    const kind = random(3);
    bytes = concatBytes([
      bytes.subarray(0, at),
      kind === 1 ? new Uint8Array(0) : noise,
      bytes.subarray(kind === 0 ? at : behind[kind]!),
    ]);
  }
  return bytes;
}
