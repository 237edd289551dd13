/** What ffmpeg decodes of streams and of demuxed packets: times and checksums. */

import { NutMuxer } from "../../../src/media/nut/mod.ts";
import type { Packet, VideoCodec } from "../../../src/media/types.ts";
import type { FfmpegBatch, Made } from "../ffmpeg_batch.ts";
import { concatBytes } from "./fixtures.ts";
import type { SourcePicture } from "./fuzz_clips.ts";
import type { TsLayout } from "./ts_layout.ts";

const LISTING = "-fps_mode passthrough -enc_time_base 1:90000 -f framemd5 pipe:1".split(" ");

/** Lets ffmpeg decode a transport stream. */
export function decodeTs(batch: FfmpegBatch, input: Made): Made {
  return batch.add(["-copyts", "-f", "mpegts", "-i", "pipe:0", ...LISTING], input);
}

/** Lets ffmpeg decode packets of video. */
export function decodePackets(
  batch: FfmpegBatch,
  codec: VideoCodec,
  packets: () => Promise<readonly Packet[]>,
): Made {
  const input = async (): Promise<Uint8Array> => {
    const timeBase = { num: 1, den: 90_000 };
    const size = { width: 16, height: 16 };
    const muxer = new NutMuxer([
      { kind: "video", format: codec, timeBase, decodeDelay: 2, ...size },
    ]);
    const chunks = (await packets()).flatMap((packet) => muxer.packet(packet));
    return concatBytes([muxer.header(), ...chunks]);
  };
  const demuxing = "-probesize 32 -analyzeduration 0 -copyts -f nut -i pipe:0".split(" ");
  return batch.add([...demuxing, ...LISTING], input);
}

/** Time and checksum of each picture, with `laterTicks` added to the time. */
export async function listing(made: Made, laterTicks = 0): Promise<string[]> {
  const lines = new TextDecoder().decode(await made()).split("\n");
  return lines.filter((line) => /^\d/.test(line)).map((line) => {
    const [, , pts, , , checksum] = line.split(",").map((field) => field.trim());
    return `${Number(pts) + laterTicks} ${checksum}`;
  });
}

/** PES packets of one size; each has the time of the first picture that begins in it. */
export function cutEvery(pictures: readonly SourcePicture[], layout: TsLayout, size: number): void {
  let at = 0;
  const starts = pictures.map((one) => {
    const start = { at, pts: one.pts, dts: one.dts };
    at += bytesOf(one).length;
    return start;
  });
  const stream = concatBytes(pictures.map(bytesOf));
  for (let from = 0; from < stream.length; from += size) {
    const first = starts.find((start) => start.at >= from && start.at < from + size);
    const times = first === undefined ? {} : { pts: first.pts, dts: first.dts };
    layout.pes({ payload: stream.subarray(from, from + size), ...times });
  }
}

/** The bytes of a picture. */
export function bytesOf(one: SourcePicture): Uint8Array {
  return concatBytes(one.nals);
}
