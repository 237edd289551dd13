import assert from "node:assert/strict";
import {
  NutDemuxer,
  type NutEvent,
  NutMuxer,
  type NutPacketEvent,
} from "../../../src/media/nut/mod.ts";
import { FfmpegBatch, type Made } from "../ffmpeg_batch.ts";
import { probePackets, run, seededRandom } from "./ffmpeg_helper.ts";

const VIDEO = ["-f", "lavfi", "-i", "testsrc=s=160x120:r=30"];
const AUDIO = ["-f", "lavfi", "-i", "sine=r=44100"];
const H264 = ["-c:v", "libx264", "-preset", "ultrafast"];

const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  "H.264 with B-frames and AAC": [...VIDEO, ...AUDIO, ...H264, "-bf", "3", "-c:a", "aac"],
  "raw video without index": [...VIDEO, "-c:v", "rawvideo", "-write_index", "0"],
  "raw RGBA and PCM": [
    ...VIDEO,
    ...AUDIO,
    "-c:v",
    "rawvideo",
    "-pix_fmt",
    "rgba",
    "-c:a",
    "pcm_f32le",
  ],
  "no syncpoints (version 4)": [...VIDEO, ...H264, "-strict", "-2", "-syncpoints", "none"],
  "wall-clock syncpoints (version 4)": [
    ...[...VIDEO, ...H264, "-strict", "-2", "-syncpoints", "timestamped"],
  ],
  "MP3 (elision headers)": [...AUDIO, "-c:a", "libmp3lame"],
  "MPEG-4 video (elision headers)": [...VIDEO, "-c:v", "mpeg4", "-bf", "2"],
  "side data (version 4)": [...AUDIO, "-c:a", "libopus", "-strict", "-2", "-syncpoints", "none"],
  "late start": [...VIDEO, ...H264, "-output_ts_offset", "93600"],
  "three streams": [...VIDEO, ...AUDIO, ...AUDIO, ...H264],
};

const MADE = new Map<string, Made>();

/** Lets one ffmpeg make these streams. */
function prepareNut(
  all: readonly (readonly [settings: readonly string[], seconds: number])[],
): void {
  const batch = new FfmpegBatch();
  for (const [settings, seconds] of all) {
    const made = batch.add([...settings, "-t", `${seconds}`, "-f", "nut", "pipe:1"]);
    MADE.set(`${seconds} ${settings.join(" ")}`, made);
  }
}

async function makeNut(settings: readonly string[], seconds = 1): Promise<Uint8Array> {
  const key = `${seconds} ${settings.join(" ")}`;
  if (!MADE.has(key)) prepareNut([[settings, seconds]]);
  return await MADE.get(key)!();
}

prepareNut(Object.values(SETTINGS).map((settings) => [settings, 1]));

function packetsOf(events: readonly NutEvent[]): NutPacketEvent[] {
  return events.filter((event) => event.kind === "packet");
}

function readAll(bytes: Uint8Array): NutPacketEvent[] {
  const demuxer = new NutDemuxer();
  const events = demuxer.push(bytes);
  demuxer.end();
  assert.equal(demuxer.stats.resyncs, 0);
  return packetsOf(events);
}

for (const [name, settings] of Object.entries(SETTINGS)) {
  Deno.test(`NutDemuxer reads what ffmpeg writes like ffprobe does: ${name}`, async () => {
    const bytes = await makeNut(settings);
    const packets = readAll(bytes);
    const seen = packets.map(({ streamIndex, ptsTicks, keyframe, data }) => {
      return { streamIndex, ptsTicks, keyframe, size: data.length };
    });
    assert.ok(seen.length > 20);
    assert.deepEqual(seen, await probePackets(bytes));
  });
}

Deno.test("NutDemuxer gives the payload bytes that ffmpeg put in", async () => {
  const bytes = await makeNut(SETTINGS["H.264 with B-frames and AAC"]!);
  const raw = ["-v", "error", "-f", "nut", "-i", "pipe:0", "-map", "0:v", "-c", "copy"];
  const annexB = await run("ffmpeg", [...raw, "-f", "data", "pipe:1"], [bytes]);
  const video = readAll(bytes).filter((packet) => packet.streamIndex === 0);
  assert.deepEqual(joined(video.map((packet) => packet.data)), annexB);
});

Deno.test("NutDemuxer gives elided bytes back", async () => {
  const bytes = await makeNut(SETTINGS["MP3 (elision headers)"]!);
  const raw = ["-v", "error", "-f", "nut", "-i", "pipe:0", "-map", "0", "-c", "copy", "-f", "data"];
  const frames = await run("ffmpeg", [...raw, "pipe:1"], [bytes]);
  assert.deepEqual(joined(readAll(bytes).map((packet) => packet.data)), frames);
});

Deno.test("NutDemuxer gives the same packets for any split of the input", async () => {
  for (const name of ["H.264 with B-frames and AAC", "raw video without index"]) {
    const bytes = await makeNut(SETTINGS[name]!, 0.5);
    const whole = readAll(bytes);
    for (let seed = 1; seed <= 8; seed++) {
      const random = seededRandom(seed);
      const demuxer = new NutDemuxer();
      const events: NutEvent[] = [];
      for (let at = 0; at < bytes.length;) {
        const size = 1 + random(seed % 2 ? 40 : 60_000);
        // Some reads go straight into the payload's memory, as a transport does it.
        const wanted = demuxer.wanted;
        if (wanted !== undefined && random(2) === 0) {
          const part = bytes.subarray(at, at + Math.min(size, wanted.length));
          wanted.set(part);
          at += part.length;
          const packet = demuxer.advance(part.length);
          if (packet !== undefined) events.push(packet);
        } else {
          const chunk = bytes.slice(at, at + size);
          at += chunk.length;
          events.push(...demuxer.push(chunk));
          chunk.fill(0xee); // the demuxer must not keep it
        }
      }
      demuxer.end();
      assert.deepEqual(packetsOf(events), whole, `${name}, seed ${seed}`);
    }
  }
});

Deno.test("NutDemuxer puts payloads into memory from its allocator", async () => {
  const bytes = await makeNut(SETTINGS["raw video without index"]!, 0.2);
  const given: Uint8Array[] = [];
  const demuxer = new NutDemuxer({
    allocate: (size) => {
      const memory = new Uint8Array(size);
      given.push(memory);
      return memory;
    },
  });
  const packets = packetsOf(demuxer.push(bytes));
  assert.equal(packets.length, 6);
  packets.forEach((packet, i) => assert.equal(packet.data, given[i]));
});

Deno.test("NutDemuxer.end() refuses input that was cut off, at every byte", async () => {
  const bytes = await makeNut(SETTINGS["MP3 (elision headers)"]!, 0.2);
  const whole = readAll(bytes).length;
  let clean = 0;
  for (let length = 0; length < bytes.length; length++) {
    const demuxer = new NutDemuxer();
    const packets = packetsOf(demuxer.push(bytes.subarray(0, length)));
    assert.ok(packets.length <= whole);
    try {
      demuxer.end();
      clean++; // exactly between two elements
    } catch (error) {
      assert.equal((error as { code: string }).code, "MEDIA_BAD_CONTAINER");
      assert.equal((error as { context: { offset: number } }).context.offset, length);
    }
  }
  assert.ok(clean < 40, `${clean} cuts passed`);
});

Deno.test("NutDemuxer refuses input that is not NUT, with the offset", () => {
  const text = new TextEncoder().encode("nut/multimedia contraption");
  assert.throws(() => new NutDemuxer().push(text), {
    code: "MEDIA_BAD_CONTAINER",
    message: /something other than the NUT file id at byte 19;/,
  });
});

Deno.test("NutDemuxer goes on at the next syncpoint after damage and counts it", async () => {
  const bytes = await makeNut(SETTINGS["raw video without index"]!, 0.5);
  const whole = readAll(bytes);
  const damaged = bytes.slice();
  // Overwrite the header of the fourth frame: the 40 bytes before its payload.
  const fourth = indexOf(bytes, whole[3]!.data);
  damaged.fill(0xff, fourth - 40, fourth);
  for (const step of [damaged.length, 1000, 7]) {
    const demuxer = new NutDemuxer();
    const events: NutEvent[] = [];
    for (let at = 0; at < damaged.length; at += step) {
      events.push(...demuxer.push(damaged.subarray(at, at + step)));
    }
    const packets = packetsOf(events);
    assert.equal(demuxer.stats.resyncs, 1);
    assert.deepEqual(packets.slice(-10), whole.slice(-10));
    assert.equal(packets.length, whole.length - 1);
  }
});

Deno.test("NutDemuxer survives random damage", async () => {
  const bytes = await makeNut(SETTINGS["H.264 with B-frames and AAC"]!, 0.5);
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const damaged = bytes.slice();
    for (let i = 0; i < 20; i++) damaged[random(damaged.length)] = random(256);
    const demuxer = new NutDemuxer({ maxPacketBytes: 1 << 20 });
    try {
      demuxer.push(damaged);
      demuxer.end();
    } catch (error) {
      assert.equal((error as { code?: string }).code, "MEDIA_BAD_CONTAINER");
    }
  }
});

Deno.test("NutDemuxer refuses a packet above its limit before allocating it", () => {
  const timeBase = { num: 1, den: 90_000 };
  const muxer = new NutMuxer([{ kind: "video", format: "i420", timeBase, width: 16, height: 16 }]);
  const [header] = muxer.packet({ ptsTicks: 0, keyframe: true, data: new Uint8Array(5000) });
  let allocated = 0;
  const demuxer = new NutDemuxer({
    maxPacketBytes: 4999,
    allocate: (bytes) => {
      allocated += bytes;
      return new Uint8Array(bytes);
    },
  });
  demuxer.push(muxer.header());
  assert.deepEqual(demuxer.push(header), []);
  assert.equal(demuxer.stats.resyncs, 1);
  assert.equal(allocated, 0);
});

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  const view = (at: number, length: number) => bytes.subarray(at, at + length);
  for (let at = 0; at + part.length <= bytes.length; at++) {
    if (bytes[at] !== part[0] || bytes[at + 1] !== part[1]) continue;
    if (view(at, part.length).every((byte, i) => byte === part[i])) return at;
  }
  throw new Error("not found");
}
