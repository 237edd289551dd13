/** Streams whose program map says something else on the way: every picture is wanted. */

import assert from "node:assert/strict";
import { encodeClip } from "../e2e/clips.ts";
import { decodeVideo } from "../e2e/decoding.ts";
import { AUDIO_PID, PMT_PID, pmtSection, TsLayout, VIDEO_PID } from "../media/mpegts/ts_layout.ts";
import { joined } from "./clips.ts";
import { Rig } from "./rig.ts";

const FRAMES = 12;
const STEP_TICKS = 4_500;

const ENCODERS = {
  h264: "-c:v libx264 -preset veryfast -g 6 -bf 2 -pix_fmt yuv420p",
  hevc: "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=6:bframes=2 " +
    "-pix_fmt yuv420p",
  mpeg2: "-c:v mpeg2video -g 6 -bf 2 -q:v 3",
} as const;
const TYPES = { h264: 0x1B, hevc: 0x24, mpeg2: 0x02 } as const;

type Codec = keyof typeof ENCODERS;

async function runChanges(
  codecs: readonly Codec[],
  pidOf: (part: number) => number,
): Promise<void> {
  const layout = new TsLayout();
  layout.tables([[TYPES[codecs[0]!], pidOf(0)]]);
  for (const [part, codec] of codecs.entries()) {
    const { packets } = await encodeClip({ video: ENCODERS[codec], frames: FRAMES });
    const pid = pidOf(part);
    if (part > 0) layout.section(PMT_PID, pmtSection([[TYPES[codec], pid], [0x0F, AUDIO_PID]]));
    const first = Math.min(...packets.map(({ ptsTicks }) => ptsTicks));
    const later = 126_000 + part * FRAMES * STEP_TICKS - first;
    for (const { data, ptsTicks, dtsTicks } of packets) {
      layout.pes({ payload: data, pts: ptsTicks + later, dts: dtsTicks + later }, { pid });
    }
  }
  const rig = new Rig();
  rig.session.start();
  await rig.source.feed([layout.bytes()]);
  rig.source.end();
  await rig.ended();
  const frames = codecs.length * FRAMES;
  const out = await decodeVideo(joined(rig.sink.whole));
  assert.deepEqual(
    out.map(({ stamp, ptsTicks }) => [stamp, ptsTicks]),
    Array.from({ length: frames }, (_, index) => [index % FRAMES, 126_000 + index * STEP_TICKS]),
  );
  const { frames_in, frames_out, frames_dropped, error_count } = rig.session.metrics();
  assert.deepEqual([frames_in, frames_out, frames_dropped, error_count], [frames, frames, 0, 0]);
}

Deno.test("a stream that goes from codec to codec loses no picture", () =>
  runChanges(["h264", "hevc", "mpeg2", "h264"], () => VIDEO_PID));

Deno.test("a stream that goes from codec to codec on other PIDs loses no picture", () =>
  runChanges(["mpeg2", "h264", "hevc"], (part) => VIDEO_PID + 0x10 * part));
