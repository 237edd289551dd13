/** What codes video: hardware that is not there, and the settings of the encoder. */

import assert from "node:assert/strict";
import { probeCapabilities } from "../../../src/media/codec/mod.ts";
import { findHardware } from "../../../src/session/mod.ts";
import { silentClip } from "../clips.ts";
import { Rig } from "../rig.ts";
import { until } from "../../waiting.ts";

const { videoDecoder, videoEncoder } = await probeCapabilities();

Deno.test({
  name: "hardware that gives nothing is replaced by software, counted and said",
  ignore: videoDecoder === "cuda" || videoEncoder === "cuda", // here it works
  fn: async () => {
    const clip = await silentClip();
    const rig = new Rig({ hardware: { decoder: "cuda", encoder: "cuda" } });
    rig.session.start();
    await rig.source.feed(clip.segments);
    for (const [fallbacks, codec] of ["decoder", "encoder"].entries()) {
      const isGone = (): boolean => rig.session.metrics().hardware_fallbacks === fallbacks + 1;
      await until(isGone, `the end of the ${codec}`);
      await rig.source.feed(clip.segments);
    }
    rig.source.end();
    assert.deepEqual(await rig.ended(), { reason: "input-ended", found: true });
    const { hardware_fallbacks, video_codecs, frames_out } = rig.session.metrics();
    assert.deepEqual(video_codecs, { decoder: "software", encoder: "software" });
    assert.equal(hardware_fallbacks, 2);
    // What was inside the two when they failed is lost, and counted.
    assert.ok(frames_out >= clip.videoTicks.length, `${frames_out} frames out`);
  },
});

Deno.test("hardware is what a trial has shown, and wanting it where there is none is an error", async () => {
  const tried = { decoder: videoDecoder, encoder: videoEncoder };
  assert.deepEqual(await findHardware("auto"), tried);
  assert.deepEqual(await findHardware("none"), { decoder: "none", encoder: "none" });
  if (videoDecoder === "cuda" || videoEncoder === "cuda") {
    assert.deepEqual(await findHardware("cuda"), tried);
  } else {
    await assert.rejects(findHardware("cuda"), {
      name: "ConfigError",
      message: /Cannot code video on cuda: .* set hardware to auto/,
    });
  }
});

Deno.test("a lower quality and a bit rate make smaller streams of the same frames", async () => {
  const clip = await silentClip();
  const sizes: number[] = [];
  for (const encoder of [{ crf: 10 }, { crf: 45 }, { preset: "ultrafast", crf: 45 } as const]) {
    const rig = new Rig({ encoder });
    await rig.run(clip);
    assert.deepEqual(rig.videoTicks, clip.videoTicks);
    sizes.push(rig.session.metrics().output_bytes);
  }
  assert.ok(sizes[0]! > 2 * sizes[1]!, `${sizes} bytes`);
  assert.notEqual(sizes[1], sizes[2]);
});

Deno.test("settings that no encoder takes are refused before anything starts", () => {
  for (
    const encoder of [{ crf: 52 }, { crf: NaN }, { bitrate: 24 }, { preset: "best" as "fast" }]
  ) {
    assert.throws(() => new Rig({ encoder }), {
      name: "RangeError",
      message: /Cannot encode with/,
    });
  }
});
