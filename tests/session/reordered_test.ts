/** B-frames in streams that do not say so. */

import assert from "node:assert/strict";
import { nalUnits, parseH264Sps } from "../../src/media/bitstream/mod.ts";
import { MpegTsMuxer } from "../../src/media/mpegts/mod.ts";
import type { Packet } from "../../src/media/types.ts";
import { decodeVideo } from "../e2e/decoding.ts";
import { FfmpegBatch } from "../media/ffmpeg_batch.ts";
import { demux, joined } from "./clips.ts";
import { Rig } from "./rig.ts";

const batch = new FfmpegBatch();
const X264 = "-c:v libx264 -preset veryfast -x264-params";

const CLIPS = {
  "three B-frames in a pyramid": batch.add(
    `-f lavfi -i testsrc2=s=160x128:r=25:d=1 ${X264} bframes=3:b-adapt=0 -f mpegts pipe:1`
      .split(" "),
  ),
  "one B-frame at 60 pictures a second": batch.add(
    `-f lavfi -i testsrc2=s=160x128:r=60:d=1 ${X264} bframes=1:b-adapt=0 -f mpegts pipe:1`
      .split(" "),
  ),
};

/** The clip without the VUI in its parameter sets, which would say how pictures are reordered. */
function withoutVui(media: Uint8Array): { readonly bytes: Uint8Array; readonly ticks: number[] } {
  const packets = demux(media);
  const muxer = new MpegTsMuxer({ video: { codec: "h264" } });
  const parts = packets.map((packet) => muxer.write({ ...packet, data: stripped(packet) }));
  const ticks = packets.map(({ ptsTicks }) => ptsTicks).sort((a, b) => a - b);
  return { bytes: joined([muxer.startSegment(), ...parts]), ticks };
}

function stripped({ data }: Packet): Uint8Array {
  return joined([...nalUnits(data)].flatMap((nal) => [
    Uint8Array.of(0, 0, 0, 1),
    (nal[0]! & 31) === 7 ? withoutVuiFlag(nal) : nal,
  ]));
}

/**
 * Cuts the set off at its VUI: behind frame_mbs_only_flag 1, direct_8x8_inference_flag 1 and
 * frame_cropping_flag 0, where that gives a parameter set of the same size.
 */
function withoutVuiFlag(sps: Uint8Array): Uint8Array {
  const { width, height } = parseH264Sps(sps);
  const bitAt = (index: number): number => sps[index >> 3]! >> 7 - index % 8 & 1;
  for (let bit = 8; bit < sps.length * 8; bit++) {
    if ([3, 2, 1, 0].map((back) => bitAt(bit - back)).join("") !== "1101") continue;
    const cut = sps.slice(0, (bit + 1 >> 3) + 1);
    cut[bit >> 3]! &= 0xFF << 8 - bit % 8; // vui_parameters_present_flag and all after it
    cut[cut.length - 1]! &= 0xFF << 7 - bit % 8;
    if ((bit + 1) % 8 === 0) cut[cut.length - 1] = 0;
    cut[bit + 1 >> 3]! |= 0x80 >> (bit + 1) % 8; // rbsp_stop_one_bit
    try {
      const info = parseH264Sps(cut);
      if (info.width === width && info.height === height) return cut;
    } catch {
      continue;
    }
  }
  return assert.fail("no parameter set without VUI");
}

for (const [name, clip] of Object.entries(CLIPS)) {
  for (const pace of ["live", "complete"] as const) {
    Deno.test(`no picture is lost of ${name} that no VUI announces, in a ${pace} stream`, async () => {
      const media = await clip();
      const { bytes, ticks } = withoutVui(media);
      const rig = new Rig({ pace, maxQueueSize: 1_000 });
      rig.session.start();
      await rig.source.feed([bytes]);
      rig.source.end();
      await rig.ended();
      assert.deepEqual(rig.session.metrics().frames_dropped_by_reason, {});
      assert.deepEqual(rig.videoTicks, ticks);
      const [ours, theirs] = await Promise.all([
        decodeVideo(joined(rig.sink.whole)),
        decodeVideo(media),
      ]);
      ours.forEach(({ picture }, index) => {
        const difference = meanDifference(picture.data, theirs[index]!.picture.data);
        assert.ok(difference < 6, `picture ${index}: ${difference} levels apart`);
      });
    });
  }
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((sum, value, index) => sum + Math.abs(value - b[index]!), 0) / a.length;
}
