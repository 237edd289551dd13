/**
 * Codecs that ffmpeg can play and not make: streams of made headers are cut into the same packets, with
 * the same times, as ffmpeg's parsers cut them into.
 */

import assert from "node:assert/strict";
import type { Packet, VideoCodec } from "../../../src/media/types.ts";
import {
  adler32,
  concatBytes,
  createRandom,
  demuxAll,
  packetsOf,
  probePackets,
  streamsOf,
} from "./fixtures.ts";
import { pat, pmt, registration } from "./made_tables.ts";
import { AUDIO_PID, PMT_PID, TsLayout, VIDEO_PID } from "./ts_layout.ts";

const random = createRandom(11);

/** A start code, what follows it, and bytes that are none. */
function unit(code: number, head: readonly number[], bytes: number): Uint8Array {
  const rest = Array.from({ length: bytes }, () => 0x40 + random(0x80));
  return Uint8Array.from([0, 0, 1, code, ...head, ...rest]);
}

interface Kind {
  readonly codec: VideoCodec;
  readonly streamType: number;
  /** What stands in front of every fifth picture. */
  readonly sequence: readonly Uint8Array[];
  readonly intra: () => readonly Uint8Array[];
  readonly other: () => readonly Uint8Array[];
}

const KINDS: readonly Kind[] = [
  {
    codec: "cavs",
    streamType: 0x42,
    // Profile, level, 176 x 144 pixels of 25 a second.
    sequence: [unit(0xB0, [0x20, 0x20, 0x81, 0x60, 0x24, 0x09, 0x0C, 0, 0x20, 0x80], 0)],
    intra: () => [unit(0xB3, [0xFF, 0xFF], 8), unit(0x00, [], 300), unit(0x01, [], 200)],
    other: () => [unit(0xB6, [0xFF, 0xFF], 8), unit(0x00, [], 100 + random(100))],
  },
  {
    codec: "vc1",
    streamType: 0xEA,
    // Advanced profile, level 0, 4:2:0, 176 x 144 pixels, and an entry point.
    sequence: [
      unit(0x0F, [0xC2, 0x00, 0x05, 0x70, 0x47, 0x80, 0x80], 0),
      unit(0x0E, [0x48, 0x00, 0x80], 0),
    ],
    intra: () => [unit(0x0D, [0xC0], 500)],
    other: () => [unit(0x0D, [0x40], 100 + random(100)), unit(0x0B, [], 60)],
  },
];

for (const { codec, streamType, sequence, intra, other } of KINDS) {
  const pictures = Array.from({ length: 40 }, (_, index) => ({
    bytes: concatBytes(index % 5 === 0 ? [...sequence, ...intra()] : [...other()]),
    pts: 126_000 + 3_600 * index,
  }));
  for (
    const layout of ["a picture in each PES packet", "PES packets that begin anywhere"] as const
  ) {
    Deno.test(`made streams of ${codec} are cut as ffmpeg cuts them: ${layout}`, async () => {
      const ts = new TsLayout();
      const stamped = new Set<number>();
      ts.tables([[streamType, VIDEO_PID]]);
      if (layout === "a picture in each PES packet") {
        for (const { bytes, pts } of pictures) {
          ts.pes({ payload: bytes, pts });
          stamped.add(pts);
        }
      } else {
        const stream = concatBytes(pictures.map(({ bytes }) => bytes));
        const starts = pictures.map(({ pts }, index) => ({
          at: concatBytes(pictures.slice(0, index).map(({ bytes }) => bytes)).length,
          pts,
        }));
        for (let at = 0; at < stream.length; at += 700) {
          const first = starts.find((start) => start.at >= at && start.at < at + 700);
          const payload = stream.subarray(at, at + 700);
          if (first !== undefined) stamped.add(first.pts);
          ts.pes({ payload, ...(first === undefined ? {} : { pts: first.pts }) });
        }
      }
      const events = demuxAll(ts.bytes());
      assert.equal(streamsOf(events).video?.codec, codec);
      const packets = packetsOf(events, "video");
      const probed = await probePackets(ts.bytes());
      assert.equal(probed.length, pictures.length);
      assert.deepEqual(
        packets.map(sizeAndSum),
        probed.map(({ size, adler32 }) => `${size} ${adler32}`),
      );
      // Nothing tells the times of the others: in what order they are shown, only the decoder knows.
      pictures.forEach(({ pts }, index) => {
        if (stamped.has(pts)) assert.equal(packets[index]!.ptsTicks, pts, `picture ${index}`);
      });
      assert.ok(stamped.size >= 10, `${stamped.size} times`);
      assert.deepEqual(
        packets.flatMap(({ keyframe }, index) => keyframe ? [index] : []),
        pictures.flatMap((_, index) => index % 5 === 0 ? [index] : []),
      );
    });
  }
}

function sizeAndSum({ data }: Packet): string {
  return `${data.length} ${adler32(data)}`;
}

/** Bits, most significant first, each `[value, count]`. */
function packed(fields: readonly (readonly [value: number, count: number])[]): number[] {
  const bits = fields.flatMap(([value, count]) =>
    Array.from({ length: count }, (_, at) => Math.floor(value / 2 ** (count - 1 - at)) & 1)
  );
  const bytes = Math.ceil(bits.length / 8);
  return Array.from(
    { length: bytes },
    (_, at) => bits.slice(8 * at, 8 * at + 8).reduce((sum, bit, i) => sum | bit << 7 - i, 0),
  );
}

/** A frame of DTS Express: an extension substream of 48 kHz and six channels, without a core. */
function dtsExpressFrame(bytes: number): Uint8Array {
  const headerBytes = 32;
  const header = packed([
    [0x64582025, 32],
    [0, 8],
    [0, 2],
    [0, 1],
    [headerBytes - 1, 8],
    [bytes - 1, 16],
    [1, 1], // bStaticFieldsPresent
    [2, 2], // 48 kHz
    [7, 3], // 4096 samples
    [0, 1],
    [0, 3], // one presentation
    [0, 3], // one asset
    [1, 1],
    [1, 8],
    [0, 1],
    [bytes - headerBytes - 1, 16],
    [10, 9],
    [0, 3],
    [0, 1],
    [1, 1],
    [0x656E67, 24], // a language
    [0, 1],
    [15, 5],
    [12, 4], // 48 kHz
    [5, 8], // six channels
  ]);
  const frame = Uint8Array.from({ length: bytes }, () => 0x40 + random(0x80));
  frame.set(header);
  return frame;
}

Deno.test("frames of DTS without a core are cut as ffmpeg cuts them, wherever PES packets begin", async () => {
  const frames = Array.from({ length: 24 }, () => dtsExpressFrame(400 + 4 * random(100)));
  const stream = concatBytes(frames);
  const layout = new TsLayout();
  const listed = { type: 0x06, pid: AUDIO_PID, info: registration("DTS1") };
  for (const { pid, section } of [pat([[1, PMT_PID]]), pmt(PMT_PID, 1, [listed])]) {
    layout.section(pid, section);
  }
  let at = 0;
  const starts = frames.map((frame, index) => {
    const start = { at, pts: 126_000 + index * 4096 * 90_000 / 48_000 };
    at += frame.length;
    return start;
  });
  for (let from = 0; from < stream.length; from += 1_000) {
    const first = starts.find((start) => start.at >= from && start.at < from + 1_000);
    const payload = stream.subarray(from, from + 1_000);
    const times = first === undefined ? {} : { pts: first.pts };
    layout.pes({ payload, ...times }, { pid: AUDIO_PID, streamId: 0xBD, sized: true });
  }
  const events = demuxAll(layout.bytes());
  const { audio } = streamsOf(events);
  assert.deepEqual([audio?.codec, audio?.sampleRate, audio?.channels], ["dts", 48_000, 6]);
  const packets = packetsOf(events, "audio");
  const probed = await probePackets(layout.bytes());
  assert.deepEqual(
    packets.map(sizeAndSum),
    probed.map(({ size, adler32 }) => `${size} ${adler32}`),
  );
  assert.deepEqual(packets.map(({ ptsTicks }) => ptsTicks), starts.map(({ pts }) => pts));
});
