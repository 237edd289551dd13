/** Processors that only look: pictures go on as they came, and frames are seen beside. */

import assert from "node:assert/strict";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { nalUnits } from "../../src/media/bitstream/mod.ts";
import { MpegTsMuxer } from "../../src/media/mpegts/mod.ts";
import type { Packet } from "../../src/media/types.ts";
import {
  defineProcessor,
  FrameProcessor,
  type ReadOnlyDefinition,
} from "../../src/processor/mod.ts";
import { decodeVideo, type OutputFrame } from "../e2e/decoding.ts";
import { split } from "../media/codec/helper.ts";
import { FfmpegBatch, type Made } from "../media/ffmpeg_batch.ts";
import { canToneMap } from "../../src/media/codec/mod.ts";
import { Session, WarmCodecs } from "../../src/session/mod.ts";
import { usualRecipes } from "../../src/session/warm_codecs.ts";
import { probeStreams } from "../e2e/ffmpeg.ts";
import { until, within } from "../waiting.ts";
import { type Clip, demux, joined, movedClip, silentClip, testClip } from "./clips.ts";
import { assertAccounts, errorsOf, Rig, type RigOptions } from "./rig.ts";

const PICTURES = "-f lavfi -i testsrc2=s=160x128:r=25:d=1.2";
const X264 = "-c:v libx264 -preset veryfast -bf 3 -g 10";

const batch = new FfmpegBatch();
function made(args: string): Made {
  return batch.add(split(`${PICTURES} ${args} -f mpegts pipe:1`));
}

const B_FRAMES = made(`${X264} -x264-params b-pyramid=normal:b-adapt=0`);
const OPEN_GOP = made(`${X264} -x264-params open-gop=1:b-adapt=0`);
const FIELDS = made(`${X264} -flags +ilme+ildct -x264-params tff=1:b-adapt=0`);
const HEVC = made(
  "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=10:bframes=3:open-gop=0",
);
const HEVC_OPEN = made(
  "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=10:bframes=3:open-gop=1",
);
const HDR = made(
  "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=error:keyint=10:" +
    "open-gop=0:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
);
const MPEG2 = made("-c:v mpeg2video -b:v 2M -g 10 -bf 2");

/** Looks, and notes what it saw. */
class Looker extends FrameProcessor {
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

function looking(definition: Omit<ReadOnlyDefinition, "readOnly">): FrameProcessor {
  return defineProcessor({ ...definition, readOnly: true })();
}

/** Runs a stream through a session, in one segment. */
async function run(bytes: Uint8Array, options: RigOptions): Promise<{
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
function assertSeen(rig: Rig): void {
  const metrics = rig.session.metrics();
  const { frames_copied, frames_processed, frames_unseen, frames_unseen_by_reason } = metrics;
  const byReason = Object.values(frames_unseen_by_reason).reduce((sum, count) => sum + count, 0);
  assert.equal(frames_unseen, byReason);
  assert.equal(frames_copied, frames_processed + frames_unseen, JSON.stringify(metrics));
}

function assertSamePictures(ours: readonly OutputFrame[], theirs: readonly OutputFrame[]): void {
  assert.deepEqual(ours.map(({ ptsTicks }) => ptsTicks), theirs.map(({ ptsTicks }) => ptsTicks));
  ours.forEach(({ picture }, index) => {
    assert.deepEqual(picture, theirs[index]!.picture, `picture ${index}`);
  });
}

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

Deno.test("a slow processor gets fewer frames, and the output all of them at once", async () => {
  const clip = await testClip({ seconds: 2 });
  const slow = Promise.withResolvers<void>();
  const processor = looking({ video: () => slow.promise });
  const rig = new Rig({ processor, pace: "live", audioCodec: "source", maxQueueSize: 3 });
  rig.session.start();
  await rig.source.feed(clip.segments);
  rig.source.end();
  await until(() => rig.session.metrics().frames_out === 40, "all pictures");
  assert.equal(rig.session.metrics().frames_processed, 0);
  await until(() => rig.sink.closed, "the end of the output");
  slow.resolve();
  await rig.ended();
  assertSeen(rig);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  const metrics = rig.session.metrics();
  assert.equal(metrics.frames_dropped, 0);
  assert.deepEqual(metrics.frames_unseen_by_reason, { queue: 36 });
  assert.equal(metrics.latency_ms.p50 !== null, true);
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

Deno.test("what a processor that only looks fails on goes out all the same", async () => {
  const clip = await silentClip();
  let calls = 0;
  const processor = looking({
    video: (frame) => {
      if (calls++ % 2 === 0) throw new Error("no idea");
      return frame;
    },
  });
  const rig = new Rig({ processor });
  await rig.run(clip);
  assertSeen(rig);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.deepEqual(rig.session.metrics().frames_unseen_by_reason, { error: 10 });
  assert.equal(errorsOf(rig.events).length, 10);
});

Deno.test("the output goes on while a processor that only looks hangs", async () => {
  const clips = [await silentClip(), movedClip(await silentClip(), 90_000)];
  let calls = 0;
  const processor = looking({
    timeoutMs: 1_000,
    video: () => {
      calls++;
      return new Promise(() => {});
    },
  });
  const rig = new Rig({ processor, pace: "live" });
  rig.session.start();
  await rig.source.feed(clips[0]!.segments);
  await until(() => rig.session.metrics().frames_out >= 19, "the first clip");
  await until(() => calls === 1, "the first call");
  rig.clock.advance(1_001);
  await until(() => rig.errors.length === 1, "the error");
  assert.match(rig.errors[0]!, /did not answer within 1000 ms/);
  await rig.source.feed(clips[1]!.segments);
  await until(() => rig.session.metrics().frames_out >= 39, "the second clip");
  const ended = rig.session.stop();
  await until(() => rig.sink.closed, "the end of the output");
  rig.clock.advance(2_001);
  await ended;
  await rig.ended();
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  assertSeen(rig);
  assert.equal(rig.session.metrics().frames_dropped, 0);
});

Deno.test("a processor that says to stop on errors ends a stream that it only looks at", async () => {
  const clip = await silentClip();
  const processor = looking({
    onError: "stop",
    video: () => {
      throw new Error("enough");
    },
  });
  const end = await new Rig({ processor }).run(clip);
  assert.ok(end.reason === "failed" && /enough/.test(end.error.message));
});

Deno.test("another frame in place of the one to look at is an error, and goes nowhere", async () => {
  const clip = await silentClip();
  for (const result of ["clone", "null"] as const) {
    const processor = defineProcessor({
      readOnly: true as boolean,
      video: (frame) => result === "null" ? null : frame.clone(),
    })();
    const rig = new Rig({ processor });
    await rig.run(clip);
    assert.deepEqual(rig.videoTicks, clip.videoTicks);
    assert.equal(rig.errors.length, 20);
    assert.match(rig.errors[0]!, /return the frame as it came, or remove readOnly/);
    assert.deepEqual(rig.session.metrics().frames_unseen_by_reason, { error: 20 });
  }
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

Deno.test("pictures whose clock jumps back are copied as they came", async () => {
  const clips = [movedClip(await silentClip(), 900_000), await silentClip()];
  const rig = new Rig({ processor: new Looker(), pace: "live", maxQueueSize: 100 });
  await rig.run(...clips);
  assertSeen(rig);
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  const metrics = rig.session.metrics();
  assert.equal(metrics.frames_dropped + metrics.frames_unseen, 0);
});

Deno.test("a high dynamic range is mapped and so encoded, or copied where that is not wanted", async (t) => {
  for (const tone_map of [true, false]) {
    await t.step(`tone_map ${tone_map}`, async () => {
      const input = await HDR();
      const processor = new Looker();
      const { rig, output } = await run(input, { processor, params: { tone_map } });
      const isMapped = tone_map && await canToneMap();
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
