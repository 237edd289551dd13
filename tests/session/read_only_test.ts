/** Processors that only look: pictures go on as they came, and frames are seen beside. */

import assert from "node:assert/strict";
import { sharedGpu } from "../../src/gpu/mod.ts";
import { nalUnits } from "../../src/media/bitstream/mod.ts";
import { MpegTsMuxer } from "../../src/media/mpegts/mod.ts";
import type { Packet } from "../../src/media/types.ts";
import { Session, WarmCodecs } from "../../src/session/mod.ts";
import { usualRecipes } from "../../src/session/warm_codecs.ts";
import { decodeVideo } from "../e2e/decoding.ts";
import { gpuTest } from "../gpu/gpu_case.ts";
import { FfmpegBatch } from "../media/ffmpeg_batch.ts";
import { until, within } from "../waiting.ts";
import { demux, joined, movedClip, silentClip, testClip } from "./clips.ts";
import { assertSamePictures, assertSeen, clipArguments, Looker, looking, run } from "./onlooker.ts";
import { assertAccounts, Rig } from "./rig.ts";

const batch = new FfmpegBatch();
const B_FRAMES = batch.add(clipArguments("B_FRAMES"));
const OPEN_GOP = batch.add(clipArguments("OPEN_GOP"));
const FIELDS = batch.add(clipArguments("FIELDS"));
const HEVC = batch.add(clipArguments("HEVC"));
const HEVC_OPEN = batch.add(clipArguments("HEVC_OPEN"));

function isVideo({ kind }: Packet): boolean {
  return kind === "video";
}

function timesOf(packets: readonly Packet[]): (readonly [pts: number, dts: number])[] {
  return packets.filter(isVideo).map(({ ptsTicks, dtsTicks }) => [ptsTicks, dtsTicks]);
}

for (
  const [name, clip] of Object.entries({
    "H.264 with B-frames in a pyramid": B_FRAMES,
    "H.264 with open groups of pictures": OPEN_GOP,
    "H.264 in fields": FIELDS,
    HEVC,
    "HEVC with open groups of pictures": HEVC_OPEN,
  })
) {
  for (const pace of ["live", "complete"] as const) {
    Deno.test(`${name} goes past a processor that only looks, bit by bit, in a ${pace} stream`, async () => {
      const input = await clip();
      const processor = new Looker();
      const { rig, output } = await run(input, { processor, pace });
      const [ours, theirs] = await Promise.all([decodeVideo(output), decodeVideo(input)]);
      assert.equal(theirs.length, 30);
      assertSamePictures(ours, theirs);
      assert.deepEqual(timesOf(demux(output)), timesOf(demux(input)));
      assert.equal(processor.encoders, 0);
      assert.deepEqual(rig.errors, []);
      const metrics = rig.session.metrics();
      assert.deepEqual(metrics.frames_dropped_by_reason, {});
      assert.deepEqual(metrics.frames_unseen_by_reason, {});
      assert.equal(metrics.frames_out, 30);
      assert.equal(metrics.frames_copied, 30);
      // What the processor sees is what was decoded.
      assert.deepEqual([...processor.seen.keys()], theirs.map(({ ptsTicks }) => ptsTicks));
      for (const { ptsTicks, picture } of theirs) {
        assert.deepEqual(processor.seen.get(ptsTicks), picture.data);
      }
    });
  }
}

Deno.test("each output segment of copied pictures begins with a keyframe, and plays alone", async () => {
  const input = await B_FRAMES();
  const { rig } = await run(input, { processor: new Looker() });
  const keyframes = demux(input).filter(({ keyframe }) => keyframe);
  assert.equal(rig.sink.whole.length, keyframes.length);
  const all = await decodeVideo(input);
  let at = 0;
  for (const segment of rig.sink.whole) {
    const pictures = await decodeVideo(segment);
    assertSamePictures(pictures, all.slice(at, at += pictures.length));
  }
  assert.equal(at, all.length);
});

Deno.test("parameter sets that were sent once are in every output segment", async () => {
  for (
    const [codec, clip, sets] of [["h264", B_FRAMES, [7, 8]], ["hevc", HEVC, [32, 33, 34]]] as const
  ) {
    const input = await clip();
    const packets = demux(input).map((packet, index) =>
      index === 0 ? packet : { ...packet, data: withoutSets(packet.data, { codec, sets }) }
    );
    const muxer = new MpegTsMuxer({ video: { codec } });
    const once = joined([muxer.startSegment(), ...packets.map((packet) => muxer.write(packet))]);
    const { rig } = await run(once, { processor: new Looker() });
    assert.ok(rig.sink.whole.length > 1);
    const pictures = await Promise.all(rig.sink.whole.map(decodeVideo));
    assertSamePictures(pictures.flat(), await decodeVideo(input));
  }
});

function withoutSets(
  unit: Uint8Array,
  { codec, sets }: { readonly codec: "h264" | "hevc"; readonly sets: readonly number[] },
): Uint8Array {
  const kept = [...nalUnits(unit)].filter(([header]) =>
    !sets.includes(codec === "h264" ? header! & 31 : header! >> 1 & 63)
  );
  return joined(kept.flatMap((nal) => [Uint8Array.of(0, 0, 0, 1), nal]));
}

Deno.test("copied pictures begin at the first keyframe, and again behind a gap", async () => {
  const { segments, videoTicks } = await silentClip({ seconds: 2 });
  const second = demux(segments[1]!);
  const muxer = new MpegTsMuxer({ video: { codec: "h264" } });
  const cut = joined([
    muxer.startSegment(),
    ...second.slice(3).map((packet) => muxer.write(packet)),
  ]);
  const rig = new Rig({ processor: new Looker() });
  rig.session.start();
  await rig.source.feedSegment(cut); // pictures 13 to 19, without a keyframe
  await rig.source.feedSegment(segments[2]!);
  await rig.source.feedSegment(cut, { skipped: 1 });
  await rig.source.feedSegment(segments[3]!);
  rig.source.end();
  await rig.ended();
  assert.deepEqual(rig.videoTicks, videoTicks.slice(20, 40));
  const { frames_in, frames_out, frames_dropped_by_reason } = rig.session.metrics();
  assert.equal(frames_in, 34);
  assert.equal(frames_out, 20);
  assert.deepEqual(frames_dropped_by_reason, { decoder: 14 });
});

Deno.test("a rate cap is that of the processor, not of the output", async () => {
  const clip = await silentClip();
  const rig = new Rig({ processor: new Looker(), params: { max_framerate: 10 } });
  await rig.run(clip);
  assertSeen(rig);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  const metrics = rig.session.metrics();
  assert.deepEqual(metrics.frames_unseen_by_reason, { rate: 10 });
  assert.equal(metrics.frames_dropped, 0);
});

Deno.test("nothing is copied where there is no output", async () => {
  const { events, videoTicks } = await silentClip();
  const processor = new Looker();
  const session = new Session({
    id: "test",
    processor,
    media: { events: ReadableStream.from(events), close: () => {} },
    pace: "complete",
    targetFps: Infinity,
  });
  session.start();
  await within(session.ended, "the end");
  assert.deepEqual([...processor.seen.keys()], videoTicks);
  const metrics = session.metrics();
  assertAccounts(metrics);
  assert.equal(metrics.frames_consumed, 20);
  assert.equal(metrics.frames_copied, 0);
});

Deno.test("pictures whose clock jumps back are copied as they came", async () => {
  const clips = [movedClip(await silentClip(), 900_000), await silentClip()];
  const rig = new Rig({ processor: new Looker(), pace: "live", maxQueueSize: 100 });
  await rig.run(...clips);
  assertSeen(rig);
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  const metrics = rig.session.metrics();
  assert.equal(metrics.frames_dropped + metrics.frames_unseen, 0);
});

Deno.test("pictures of another size are copied, and seen in theirs", async () => {
  const clips = [
    await silentClip(),
    movedClip(await silentClip({ width: 192, height: 96 }), 90_000),
  ];
  const processor = new Looker();
  const rig = new Rig({ processor });
  await rig.run(...clips);
  assertSeen(rig);
  const ours = await Promise.all(rig.sink.whole.map(decodeVideo));
  const theirs = await Promise.all(clips.flatMap(({ segments }) => segments).map(decodeVideo));
  assertSamePictures(ours.flat(), theirs.flat());
  const sizes = new Set([...processor.seen.values()].map(({ length }) => length));
  assert.deepEqual([...sizes], [160 * 128 * 1.5, 192 * 96 * 1.5]);
});

Deno.test("a processor gets one stream after the other, and each is copied", async () => {
  const clip = await testClip();
  const processor = new Looker();
  for (let stream = 0; stream < 3; stream++) {
    processor.seen.clear();
    const rig = new Rig({ processor, pace: "live", audioCodec: "source" });
    processor.rig = rig;
    rig.session.start();
    await rig.source.feed(clip.segments);
    await until(() => processor.seen.size >= 19, "the frames");
    await rig.session.stop();
    await rig.ended();
    assertSeen(rig);
    assert.deepEqual(rig.session.metrics().frames_dropped_by_reason, {});
    assert.equal(rig.session.metrics().frames_copied, rig.videoTicks.length);
    assert.deepEqual(rig.videoTicks, clip.videoTicks.slice(0, rig.videoTicks.length));
  }
  assert.equal(processor.encoders, 0);
});

Deno.test("children of an encoder that wait are not taken", async () => {
  const clip = await silentClip();
  const processor = new Looker();
  await using warmCodecs = new WarmCodecs();
  warmCodecs.expect(processor);
  await until(() => warmCodecs.pids.length > 0, "the children");
  const rig = new Rig({ processor, warmCodecs });
  await rig.run(clip);
  assertSeen(rig);
  const names = usualRecipes(processor).map(({ name }) => name);
  assert.ok(!names.includes("video encoder"), names.join());
});

gpuTest("frames on the GPU are looked at and not read back", async () => {
  const clip = await silentClip();
  const gpu = await sharedGpu();
  const before = { reads: gpu.stats.readback.reads, inUse: gpu.pool.stats.inUse };
  let seen = 0;
  const processor = looking({
    device: "gpu",
    video: (frame) => {
      assert.equal(frame.location, "gpu");
      assert.deepEqual(frame.gpuTensor().dims.slice(-2), [128, 160]);
      seen++;
    },
  });
  const rig = new Rig({ processor });
  await rig.run(clip);
  assertSeen(rig);
  assert.deepEqual(rig.errors, []);
  assert.equal(seen, 20);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.deepEqual({ reads: gpu.stats.readback.reads, inUse: gpu.pool.stats.inUse }, before);
});
