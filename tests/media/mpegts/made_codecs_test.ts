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
import { TsLayout, VIDEO_PID } from "./ts_layout.ts";

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
