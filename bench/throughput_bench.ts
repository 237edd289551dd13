/**
 * How many frames a second a session takes through decoder, processor and encoder when nothing paces
 * it: everything on this machine's cores, ffmpeg included.
 *
 * @module
 */

import { loadProcessor, resolveProcessor } from "../src/processor/mod.ts";
import { Session } from "../src/session/mod.ts";
import type { SegmentSink } from "../src/trickle/mod.ts";
import { clipEvents, type MediaClip } from "./live_feed.ts";
import { type ClipShape, makeClip } from "./test_clip.ts";

/** The sizes that are measured. */
export const THROUGHPUT_SIZES: readonly Pick<ClipShape, "width" | "height">[] = [
  { width: 512, height: 512 },
  { width: 1280, height: 720 },
  { width: 1920, height: 1080 },
];

/** Frames per second of each of `runs` runs over a clip of `seconds` at 30 fps. */
export async function measureThroughput(
  size: Pick<ClipShape, "width" | "height">,
  { seconds, runs, processor }: { seconds: number; runs: number; processor: string },
): Promise<number[]> {
  const clip = await makeClip({ ...size, fps: 30, seconds });
  const results: number[] = [];
  for (let run = 0; run < runs; run++) results.push(await runOnce(clip, processor));
  return results;
}

async function runOnce(clip: MediaClip, processor: string): Promise<number> {
  const session = new Session({
    id: "throughput",
    processor: resolveProcessor(await loadProcessor(processor)),
    media: { events: clipEvents(clip), close: () => {} },
    sink: discardingSink(),
    targetFps: Infinity,
    pace: "complete",
  });
  const startedMs = performance.now();
  session.start();
  const end = await session.ended;
  if (end.reason === "failed") throw end.error;
  return session.metrics().frames_out / (performance.now() - startedMs) * 1000;
}

function discardingSink(): SegmentSink {
  let seq = 0;
  const done = (): Promise<void> => Promise.resolve();
  return {
    next: () => Promise.resolve({ seq: seq++, write: done, close: done, abandon: done }),
    close: done,
    [Symbol.asyncDispose]: done,
  };
}
