/** Looped files and restarted encoders: all clocks begin anew, and every picture is wanted. */

import assert from "node:assert/strict";
import { type Clip, movedClip, silentClip, testClip } from "./clips.ts";
import { until } from "../waiting.ts";
import { Rig } from "./rig.ts";

const HOUR_TICKS = 3_600 * 90_000;

/** The clip twice: at other times, or again at the same. */
async function rounds(name: string, clip: Clip): Promise<readonly [Clip, Clip]> {
  const later = await Promise.resolve(movedClip(clip, HOUR_TICKS));
  if (name === "back") return [later, clip];
  if (name === "ahead") return [clip, later];
  return [clip, clip];
}

for (const name of ["back", "ahead", "to the beginning"]) {
  for (const audioCodec of ["source", "opus", undefined] as const) {
    const sound = audioCodec === undefined ? "without sound" : `with ${audioCodec} sound`;
    Deno.test(`a live stream ${sound} whose clocks jump ${name} loses no picture`, async () => {
      const clip = audioCodec === undefined
        ? await silentClip({ seconds: 3 })
        : await testClip({ seconds: 3 });
      const [first, second] = await rounds(name, clip);
      const rig = new Rig({ pace: "live", maxQueueSize: 1_000, audioCodec: audioCodec ?? "opus" });
      rig.session.start();
      await rig.source.feed(first.segments);
      const { length } = first.videoTicks;
      await until(() => rig.session.metrics().frames_out === length, "the first round");
      await rig.source.feed(second.segments);
      rig.source.end();
      assert.equal((await rig.ended()).reason, "input-ended");
      const { frames_dropped_by_reason, audio_packets_in, audio_packets_dropped } = rig.session
        .metrics();
      assert.deepEqual(frames_dropped_by_reason, {});
      assert.deepEqual(rig.videoTicks, [...first.videoTicks, ...second.videoTicks]);
      assert.deepEqual(rig.errors, []);
      if (audioCodec === "source") {
        assert.equal(rig.audioPackets + audio_packets_dropped, audio_packets_in);
      }
    });
  }
}
