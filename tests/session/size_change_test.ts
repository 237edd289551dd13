/** Sizes that change while the stream runs. */

import assert from "node:assert/strict";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { FrameProcessor } from "../../src/processor/mod.ts";
import type { StreamParams } from "../../src/session/mod.ts";
import { MpegTsDemuxer } from "../../src/media/mpegts/mod.ts";
import { decodeVideo } from "../e2e/decoding.ts";
import { CLIP, type Clip, demux, joined, movedClip, silentClip, testClip } from "./clips.ts";
import { Rig } from "./rig.ts";
import { until } from "../waiting.ts";

/** Notes the size of each frame, and may return them in another. */
class Measurer extends FrameProcessor {
  readonly seen = new Map<number, string>();
  readonly #returns: { readonly width: number; readonly height: number } | undefined;

  constructor(returns?: { readonly width: number; readonly height: number }) {
    super();
    this.#returns = returns;
  }

  override processVideo(frame: VideoFrame): VideoFrame {
    this.seen.set(frame.timestamp, `${frame.width}x${frame.height}`);
    if (this.#returns === undefined) return frame;
    const { width, height } = this.#returns;
    return frame.replaceData({
      pixelFormat: "i420",
      data: new Uint8Array(width * height * 3 / 2).fill(100),
      width,
      height,
    });
  }

  /** The sizes of the frames from one time to another, each once. */
  sizes(clip: Clip): string[] {
    return [...new Set(clip.videoTicks.map((ticks) => this.seen.get(ticks) ?? "not seen"))];
  }
}

/** The size of the pictures in each segment that was closed, as its parameter sets say. */
function segmentSizes(rig: Rig): string[] {
  return rig.sink.whole.map((bytes) => {
    const demuxer = new MpegTsDemuxer();
    const sizes = [...demuxer.push(bytes), ...demuxer.flush()].flatMap((event) =>
      event.kind === "streams" && (event.video?.width ?? 0) > 0
        ? [`${event.video!.width}x${event.video!.height}`]
        : []
    );
    return [...new Set(sizes)].join();
  });
}

/** A clip for each change of the parameters, each fed when the one before it went through. */
async function runWithChanges(
  rig: Rig,
  clips: readonly Clip[],
  changes: readonly StreamParams[],
): Promise<void> {
  rig.session.start();
  let framesFed = 0;
  for (const [index, clip] of clips.entries()) {
    await rig.source.feed(clip.segments);
    framesFed += clip.videoTicks.length;
    const change = changes[index];
    if (change === undefined) continue;
    // The input's last frame is only known to be whole when the next one begins.
    await until(() => rig.session.metrics().frames_processed >= framesFed - 1, `clip ${index}`);
    await rig.session.updateParams(change);
  }
  rig.source.end();
  assert.deepEqual(await rig.ended(), { reason: "input-ended", found: true });
}

/** Clips of a second, one after the other. */
async function successiveClips(count: number, clipOf = silentClip): Promise<Clip[]> {
  const clip = await clipOf();
  return Array.from({ length: count }, (_, index) => movedClip(clip, index * 90_000));
}

Deno.test("a size that changes takes effect at the next keyframe, without loss", async () => {
  const clips = await successiveClips(3);
  const processor = new Measurer();
  const rig = new Rig({ processor });
  const original = { width: CLIP.width, height: CLIP.height };
  await runWithChanges(rig, clips, [{ width: 96, height: 64 }, original]);
  const sizes = ["160x128", "96x64", "160x128"];
  assert.deepEqual(clips.map((clip) => processor.sizes(clip)), sizes.map((size) => [size]));
  assert.deepEqual(segmentSizes(rig), sizes.flatMap((size) => [size, size]));
  const played = await decodeVideo(rig.sink.whole[2]!);
  assert.deepEqual(
    played.map(({ picture }) => [picture.width, picture.height]),
    Array(10).fill([96, 64]),
  );
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  assert.equal(rig.session.metrics().frames_dropped, 0);
  assert.equal(rig.session.metrics().codec_restarts, 0);
  assert.deepEqual(rig.errors, []);
});

Deno.test("a size given before there is any input is that of the first frame", async () => {
  const clip = await silentClip();
  const processor = new Measurer();
  const rig = new Rig({ processor, params: { width: 32, height: 32 } });
  rig.session.start();
  await rig.session.updateParams({ width: 48, height: 48 });
  await rig.source.feed(clip.segments);
  rig.source.end();
  await rig.ended();
  assert.deepEqual(processor.sizes(clip), ["48x48"]);
});

Deno.test("a live stream whose size changes several times loses neither pictures nor sound, and stays in order", async () => {
  const clips = await successiveClips(3, testClip);
  const rig = new Rig({ pace: "live", audioCodec: "source" });
  await runWithChanges(rig, clips, [{ width: 96, height: 64 }, { width: 64, height: 96 }]);
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  const sizes = ["160x128", "96x64", "64x96"];
  assert.deepEqual(segmentSizes(rig), sizes.flatMap((size) => [size, size]));
  const sound = (packets: ReturnType<typeof demux>): number[] =>
    packets.filter(({ kind }) => kind === "audio").map(({ ptsTicks }) => ptsTicks);
  const fed = clips.flatMap(({ segments }) => demux(joined(segments)));
  assert.deepEqual(sound(demux(joined(rig.sink.whole))), sound(fed));
  assert.equal(rig.session.metrics().audio_packets_dropped, 0);
  assert.equal(rig.session.metrics().frames_dropped, 0);
});

Deno.test("detect_out_resolution decides from the next frame on whose size comes out", async () => {
  const clips = await successiveClips(3);
  const rig = new Rig({ processor: new Measurer({ width: 64, height: 48 }) });
  await runWithChanges(rig, clips, [
    { detect_out_resolution: false },
    { detect_out_resolution: true },
  ]);
  const sizes = new Set(segmentSizes(rig));
  assert.deepEqual(sizes, new Set(["64x48", "160x128"]));
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  assert.equal(rig.session.metrics().frames_dropped, 0);
});

Deno.test("an output of the input's size follows the size that is asked for", async () => {
  const clips = await successiveClips(2);
  const rig = new Rig({
    processor: new Measurer({ width: 64, height: 48 }),
    params: { detect_out_resolution: false },
  });
  await runWithChanges(rig, clips, [{ width: 80, height: 80 }]);
  assert.deepEqual(segmentSizes(rig), ["160x128", "160x128", "80x80", "80x80"]);
});

Deno.test("an output of the input's size follows an input that changes its size", async () => {
  const small = await silentClip();
  const large = movedClip(await silentClip({ width: 192, height: 96 }), 90_000);
  const rig = new Rig({
    processor: new Measurer({ width: 64, height: 48 }),
    params: { detect_out_resolution: false },
  });
  await rig.run(small, large);
  assert.deepEqual(segmentSizes(rig), ["160x128", "160x128", "192x96", "192x96"]);
});

Deno.test("sizes that cannot be are refused, and nothing changes", async () => {
  const clip = await silentClip();
  const processor = new Measurer();
  const rig = new Rig({ processor });
  rig.session.start();
  const refused: readonly [StreamParams, RegExp][] = [
    [{ width: 64 }, /there is a width without a height; give both/],
    [{ height: 64 }, /there is a height without a width/],
    [{ width: 0, height: 64 }, /it is 0x64; use whole numbers from 2 to 16384/],
    [{ width: 64, height: 1 }, /it is 64x1/],
    [{ width: 64.5, height: 64 }, /it is 64\.5x64/],
    [{ width: 16_386, height: 64 }, /it is 16386x64/],
    [{ width: 16_384, height: 16_384 }, /more than H\.264 can have; use 35 million pixels/],
  ];
  for (const [params, message] of refused) {
    const expected = { name: "ConfigError", code: "CONFIG_INVALID", message };
    await assert.rejects(rig.session.updateParams({ ...params, mood: "new" }), expected);
    assert.throws(() => new Rig({ params }), expected);
  }
  assert.deepEqual(rig.session.params, {});
  await rig.source.feed(clip.segments);
  rig.source.end();
  await rig.ended();
  assert.deepEqual(processor.sizes(clip), ["160x128"]);
});
