/** A processor that only looks, and what is asserted of the streams that it looks at. */

import assert from "node:assert/strict";
import type { VideoFrame } from "../../src/frames/mod.ts";
import {
  defineProcessor,
  FrameProcessor,
  type ReadOnlyDefinition,
} from "../../src/processor/mod.ts";
import type { OutputFrame } from "../e2e/decoding.ts";
import { joined } from "./clips.ts";
import { Rig, type RigOptions } from "./rig.ts";

const X264 = "-c:v libx264 -preset veryfast -bf 3 -g 10 -x264-params b-adapt=0";
const X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=10:bframes=3";

/** How clips are made of 30 pictures, with a keyframe every 10. */
const MADE_BY = {
  B_FRAMES: `${X264}:b-pyramid=normal`,
  OPEN_GOP: `${X264}:open-gop=1`,
  FIELDS: `${X264}:tff=1 -flags +ilme+ildct`,
  HEVC: `${X265}:open-gop=0`,
  HEVC_OPEN: `${X265}:open-gop=1`,
  HDR: `${X265}:open-gop=0:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc ` +
    "-pix_fmt yuv420p10le",
  MPEG2: "-c:v mpeg2video -b:v 2M -g 10 -bf 2",
} as const;

/** Arguments of an ffmpeg that makes one of the clips. */
export function clipArguments(name: keyof typeof MADE_BY): string[] {
  const args = `-f lavfi -i testsrc2=s=160x128:r=25:d=1.2 ${MADE_BY[name]} -f mpegts pipe:1`;
  return args.split(" ");
}

/** Looks, and notes what it saw. */
export class Looker extends FrameProcessor {
  override readonly readOnly = true;
  readonly seen = new Map<number, Uint8Array>();
  /** Whether an encoder ran while a frame was looked at. */
  encoders = 0;
  rig: Rig | undefined;

  override processVideo(frame: VideoFrame): VideoFrame {
    this.seen.set(frame.timestamp, frame.data.slice());
    if (this.rig?.session.codecPids.encoder !== undefined) this.encoders++;
    return frame;
  }
}

/** A processor that only looks. */
export function looking(definition: Omit<ReadOnlyDefinition, "readOnly">): FrameProcessor {
  return defineProcessor({ ...definition, readOnly: true })();
}

/** Runs a stream through a session, in one segment. */
export async function run(bytes: Uint8Array, options: RigOptions): Promise<{
  readonly rig: Rig;
  readonly output: Uint8Array;
}> {
  const rig = new Rig({ audioCodec: "source", maxQueueSize: 1_000, ...options });
  if (options.processor instanceof Looker) options.processor.rig = rig;
  rig.session.start();
  await rig.source.feed([bytes]);
  rig.source.end();
  assert.deepEqual(await rig.ended(), { reason: "input-ended", found: true });
  if (rig.session.metrics().frames_copied > 0) assertSeen(rig);
  return { rig, output: joined(rig.sink.whole) };
}

/** Asserts that every frame that was copied was seen or counted. */
export function assertSeen(rig: Rig): void {
  const metrics = rig.session.metrics();
  const { frames_copied, frames_processed, frames_unseen, frames_unseen_by_reason } = metrics;
  const byReason = Object.values(frames_unseen_by_reason).reduce((sum, count) => sum + count, 0);
  assert.equal(frames_unseen, byReason);
  assert.equal(frames_copied, frames_processed + frames_unseen, JSON.stringify(metrics));
}

/** Asserts that pictures and their times are the same, bit by bit. */
export function assertSamePictures(
  ours: readonly OutputFrame[],
  theirs: readonly OutputFrame[],
): void {
  assert.deepEqual(ours.map(({ ptsTicks }) => ptsTicks), theirs.map(({ ptsTicks }) => ptsTicks));
  ours.forEach(({ picture }, index) => {
    assert.deepEqual(picture, theirs[index]!.picture, `picture ${index}`);
  });
}
