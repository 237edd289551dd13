/** Pictures that are encoded beside a processor that only looks, and why. */

import assert from "node:assert/strict";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { findToneMapping } from "../../src/media/codec/mod.ts";
import { decodeVideo } from "../e2e/decoding.ts";
import { probeStreams } from "../e2e/ffmpeg.ts";
import { FfmpegBatch } from "../media/ffmpeg_batch.ts";
import { until } from "../waiting.ts";
import { type Clip, joined, movedClip, silentClip } from "./clips.ts";
import { FedRig } from "./fed_rig.ts";
import { assertSamePictures, clipArguments, Looker, looking, run } from "./onlooker.ts";
import { errorsOf, Rig } from "./rig.ts";

const batch = new FfmpegBatch();
const B_FRAMES = batch.add(clipArguments("B_FRAMES"));
const HEVC = batch.add(clipArguments("HEVC"));
const HDR = batch.add(clipArguments("HDR"));
const MPEG2 = batch.add(clipArguments("MPEG2"));

/** Runs clips one after the other; each is fed when the one before it was seen. */
async function runWithChanges(
  rig: Rig,
  clips: readonly Clip[],
  changes: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  rig.session.start();
  let fed = 0;
  for (const [index, clip] of clips.entries()) {
    await rig.source.feed(clip.segments);
    fed += clip.videoTicks.length;
    const change = changes[index];
    if (change === undefined) continue;
    // The input's last picture is only known to be whole when the next one begins.
    await until(() => rig.session.metrics().frames_processed >= fed - 1, `clip ${index}`);
    await rig.session.updateParams(change);
  }
  rig.source.end();
  assert.deepEqual(await rig.ended(), { reason: "input-ended", found: true });
}

Deno.test("a size that is asked for is encoded from the next keyframe on, without loss", async () => {
  const clips = [await silentClip(), movedClip(await silentClip(), 90_000)];
  const rig = new Rig({ processor: new Looker() });
  await runWithChanges(rig, clips, [{ width: 96, height: 64 }]);
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  const played = await Promise.all(rig.sink.whole.map(decodeVideo));
  const sizes = played.map(([first]) => `${first!.picture.width}x${first!.picture.height}`);
  assert.deepEqual(sizes, ["160x128", "160x128", "96x64", "96x64"]);
  const metrics = rig.session.metrics();
  assert.equal(metrics.frames_copied, 20);
  assert.equal(metrics.frames_out, 40);
  assert.equal(metrics.frames_dropped + metrics.frames_unseen, 0);
  assert.equal(metrics.frames_processed, 40);
});

Deno.test("an overlay that is shown by hand is encoded from the next keyframe on", async () => {
  const clips = [await silentClip(), movedClip(await silentClip(), 90_000)];
  const rig = new Rig({ processor: new Looker(), pace: "live", maxQueueSize: 100 });
  await runWithChanges(rig, clips, [{ show_loading: true }]);
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  const metrics = rig.session.metrics();
  assert.equal(metrics.frames_copied, 20);
  assert.equal(metrics.frames_overlaid, 20);
  const stamps = (await decodeVideo(joined(rig.sink.whole))).map(({ stamp }) => stamp);
  assert.deepEqual(stamps.slice(0, 20), Array.from({ length: 20 }, (_, index) => index));
  assert.deepEqual(stamps.slice(20).filter((stamp) => stamp !== undefined), []);
});

Deno.test("what MPEG-TS is not written with is encoded, and nothing is lost of it", async () => {
  const input = await MPEG2();
  const processor = new Looker();
  const { rig, output } = await run(input, { processor });
  assert.ok(processor.encoders > 0);
  assert.equal(rig.session.metrics().frames_copied, 0);
  const [ours, theirs] = await Promise.all([decodeVideo(output), decodeVideo(input)]);
  assert.deepEqual(ours.map(({ ptsTicks }) => ptsTicks), theirs.map(({ ptsTicks }) => ptsTicks));
});

Deno.test("a stream that changes from H.264 to HEVC is copied on, and from HEVC to MPEG-2 encoded", async () => {
  const inputs = [await B_FRAMES(), await HEVC(), await MPEG2()];
  const processor = new Looker();
  const rig = new Rig({ processor });
  rig.session.start();
  await rig.source.feed(inputs);
  rig.source.end();
  await rig.ended();
  const metrics = rig.session.metrics();
  assert.equal(metrics.frames_copied, 60);
  assert.equal(metrics.frames_out, 90);
  assert.equal(metrics.frames_processed, 90);
  const segments = rig.sink.whole;
  assert.deepEqual(
    await Promise.all(segments.map(async (bytes) => (await probeStreams(bytes))[0]!.codec_name)),
    segments.map((_, index) => index < 3 ? "h264" : index < 6 ? "hevc" : "h264"),
  );
  const ours = await Promise.all(segments.slice(0, 6).map(decodeVideo));
  const theirs = await Promise.all(inputs.slice(0, 2).map(decodeVideo));
  assertSamePictures(ours.flat(), theirs.flat());
});

Deno.test("a high dynamic range is mapped and so encoded, or copied where that is not wanted", async (t) => {
  for (const tone_map of [true, false]) {
    await t.step(`tone_map ${tone_map}`, async () => {
      const input = await HDR();
      const processor = new Looker();
      const { rig, output } = await run(input, { processor, params: { tone_map } });
      const isMapped = tone_map && await findToneMapping() !== undefined;
      assert.equal(rig.session.metrics().frames_copied, isMapped ? 0 : 30);
      assert.equal(processor.encoders > 0, isMapped);
      if (!isMapped) assertSamePictures(await decodeVideo(output), await decodeVideo(input));
    });
  }
});

Deno.test("why pictures are encoded beside a processor that only looks is logged once", async () => {
  const records: LogRecord[] = [];
  await configure({
    sinks: { test: (record) => records.push(record) },
    loggers: [
      { category: ["logtape", "meta"], lowestLevel: "warning" },
      { category: ["runnel"], lowestLevel: "info", sinks: ["test"] },
    ],
  });
  try {
    const clip = await silentClip({ seconds: 2 });
    await new Rig({ processor: new Looker(), params: { width: 96, height: 64 } }).run(clip);
    const lines = records.map(({ message }) => message.join("")).filter((line) =>
      /encoded/.test(line)
    );
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /only looks .* encoded: width and height ask for 96x64/);
  } finally {
    await reset();
  }
});

Deno.test("what a processor that only looks fails on goes out, too, where it has to be encoded", async () => {
  const clip = await silentClip();
  const processor = looking({
    video: () => {
      throw new Error("no idea");
    },
  });
  const rig = new Rig({ processor, params: { width: 96, height: 64 } });
  await rig.run(clip);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.equal(rig.session.metrics().frames_dropped, 0);
  assert.equal(errorsOf(rig.events).length, 20);
});

Deno.test("frames of the application are encoded beside a processor that only looks", async () => {
  const processor = new Looker();
  const rig = new FedRig({ processor });
  await rig.send(20);
  await rig.stop();
  assert.deepEqual(rig.videoTicks, rig.sentTicks);
  assert.equal(processor.seen.size, 20);
  assert.equal(rig.session.metrics().frames_copied, 0);
});
