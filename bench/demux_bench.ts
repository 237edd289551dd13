/**
 * How many megabytes a second the MPEG-TS demuxer reads: of a live stream with small packets, one with
 * B-frames, and one with a high bitrate. Another checkout is measured in turn with this one.
 *
 * @module
 */

import type { MpegTsDemuxer } from "../src/media/mpegts/mod.ts";
import { median, round } from "./statistics.ts";

const CHUNK_BYTES = 65_536;

/** So much is read before figures count. */
const WARM_UP_ROUNDS = 6;

/** So much of each clip is read in one run. */
const MEASURED_BYTES = 150_000_000;

const CLIPS: Readonly<Record<string, readonly string[]>> = {
  "180p live": ["-vf", "scale=320:180", "-tune", "zerolatency", "-g", "60"],
  "720p B-frames": ["-bf", "2", "-g", "60"],
  "720p 20 Mbit/s": ["-tune", "zerolatency", "-b:v", "20M", "-minrate", "20M", "-g", "60"],
};

/** One clip as one checkout reads it. */
export interface DemuxRow {
  readonly clip: string;
  /** The folder of the checkout. */
  readonly checkout: string;
  readonly mb_per_second: number;
}

/** Options of {@linkcode benchDemux}. */
export interface DemuxBenchOptions {
  readonly runs: number;
  /** Another checkout that is measured in turn with this one. */
  readonly against?: string | undefined;
}

/** Reads each clip from memory; the figures are medians. */
export async function benchDemux({ runs, against }: DemuxBenchOptions): Promise<DemuxRow[]> {
  const here = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const checkouts = against === undefined ? [here] : [await Deno.realPath(against), here];
  const demuxers: (typeof MpegTsDemuxer)[] = [];
  for (const checkout of checkouts) {
    const { MpegTsDemuxer } = await import(`file://${checkout}/src/media/mpegts/mod.ts`);
    demuxers.push(MpegTsDemuxer);
  }
  const rows: DemuxRow[] = [];
  for (const [clip, args] of Object.entries(CLIPS)) {
    const data = await makeStream(args);
    const rounds = WARM_UP_ROUNDS + Math.ceil(runs * MEASURED_BYTES / data.length);
    const times = demuxers.map((): number[] => []);
    for (let turn = 0; turn < rounds; turn++) {
      for (const [index, Demuxer] of demuxers.entries()) {
        const ms = timeDemuxer(new Demuxer(), data);
        if (turn >= WARM_UP_ROUNDS) times[index]!.push(ms);
      }
    }
    for (const [index, checkout] of checkouts.entries()) {
      rows.push({
        clip,
        checkout,
        mb_per_second: round(data.length / median(times[index]!) / 1e3),
      });
    }
  }
  return rows;
}

function timeDemuxer(demuxer: MpegTsDemuxer, data: Uint8Array): number {
  const startedMs = performance.now();
  for (let at = 0; at < data.length; at += CHUNK_BYTES) {
    demuxer.push(data.subarray(at, at + CHUNK_BYTES));
  }
  demuxer.flush();
  return performance.now() - startedMs;
}

async function makeStream(args: readonly string[]): Promise<Uint8Array> {
  const { success, stdout, stderr } = await new Deno.Command("ffmpeg", {
    args: [
      ...["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"],
      ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "10"],
      ...["-c:v", "libx264", "-preset", "superfast", ...args],
      ...["-c:a", "aac", "-f", "mpegts", "pipe:1"],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot make a clip: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}
