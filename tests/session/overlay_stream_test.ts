/** Live streams that show the loading overlay, from input bytes to decoded pictures. */

import assert from "node:assert/strict";
import type { AudioFrame, VideoFrame } from "../../src/frames/mod.ts";
import { FrameProcessor } from "../../src/processor/mod.ts";
import type { SessionMetrics } from "../../src/session/mod.ts";
import { decodeVideo, type OutputFrame } from "../e2e/decoding.ts";
import { joined, testClip } from "./clips.ts";
import { pacedMedia } from "./paced_media.ts";
import { Rig, type RigOptions } from "./rig.ts";
import { until, within } from "../waiting.ts";

/** Brightness of the screen's background, and how far the encoder may be off. */
const BACKGROUND = { luma: 33, tolerance: 8 };

/** Gets ready, and answers from the tenth frame on, when a test says so. */
class Hesitant extends FrameProcessor {
  override readonly timeoutMs: number = 60_000;
  readonly ready = Promise.withResolvers<void>();
  readonly answer = Promise.withResolvers<void>();
  readonly seen: number[] = [];

  override async onStreamStart(): Promise<void> {
    await this.ready.promise;
  }

  override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
    this.seen.push(frame.timestamp);
    if (this.seen.length === 10) await this.answer.promise;
    return frame;
  }
}

/** A live stream in real time; the overlay comes after a third of a second. */
async function liveRig(
  options: RigOptions = {},
  seconds = 3,
): Promise<{ rig: Rig; videoTicks: readonly number[] }> {
  const clip = await testClip({ seconds });
  const rig = new Rig({
    pace: "live",
    overlay: { afterMs: 300 },
    ...options,
    media: pacedMedia(clip.events),
  });
  return { rig, videoTicks: clip.videoTicks };
}

async function decoded(rig: Rig): Promise<OutputFrame[]> {
  return await decodeVideo(joined(rig.sink.whole));
}

/** Whether a picture is the loading screen, and nothing else shines through. */
function isScreen({ picture }: OutputFrame): boolean {
  const { data, width, height } = picture;
  const isDark = (luma: number): boolean =>
    Math.abs(luma - BACKGROUND.luma) <= BACKGROUND.tolerance;
  const quarter = width * Math.floor(height / 4);
  const top = data.subarray(0, quarter);
  const bottom = data.subarray(width * height - quarter, width * height);
  const middle = data.subarray(quarter, width * height - quarter);
  return top.every(isDark) && bottom.every(isDark) && middle.some((luma) => luma > 160);
}

function assertInOrder(rig: Rig): void {
  const { videoTicks } = rig;
  assert.ok(videoTicks.every((ticks, index) => index === 0 || ticks > videoTicks[index - 1]!));
}

function overlaid(rig: Rig): number {
  return rig.session.metrics().frames_overlaid;
}

function reasons({ frames_dropped_by_reason }: SessionMetrics): string[] {
  return Object.keys(frames_dropped_by_reason).sort();
}

Deno.test("the loading screen is shown while the processor gets ready, and nothing of the input", async () => {
  const processor = new Hesitant();
  processor.answer.resolve();
  const { rig, videoTicks } = await liveRig({ processor });
  rig.session.start();
  await until(() => overlaid(rig) >= 10, "the loading screen");
  assert.deepEqual(processor.seen, []);
  assert.equal(rig.session.metrics().loading, true);
  processor.ready.resolve();
  await until(() => processor.seen.length > 0, "the first frame");
  await until(() => !rig.session.metrics().loading, "the end of the loading screen");
  assert.deepEqual(await rig.ended(), { reason: "input-ended", found: true });
  const frames = await decoded(rig);
  const count = overlaid(rig);
  assert.deepEqual(frames.map(isScreen), frames.map((_, index) => index < count));
  // Those after it are the input's own, each at its own time.
  for (const { stamp, ptsTicks } of frames.slice(count)) {
    assert.equal(ptsTicks, videoTicks[stamp!]);
  }
  assertInOrder(rig);
  assert.deepEqual(rig.errors, []);
  // Every frame came out as itself or as the screen.
  assert.equal(frames.length, videoTicks.length);
});

Deno.test("the loading screen is shown while a call hangs, and the newest frame follows it", async () => {
  const processor = new Hesitant();
  processor.ready.resolve();
  const { rig, videoTicks } = await liveRig({ processor });
  rig.session.start();
  await until(() => overlaid(rig) >= 10, "the loading screen");
  assert.equal(processor.seen.length, 10);
  processor.answer.resolve();
  await rig.ended();
  const frames = await decoded(rig);
  const count = overlaid(rig);
  assert.deepEqual(
    frames.map(isScreen),
    frames.map((_, index) => index >= 9 && index < 9 + count),
  );
  assertInOrder(rig);
  // The answer that came at last was older than what was shown by then.
  const metrics = rig.session.metrics();
  assert.equal(metrics.frames_dropped_by_reason.late, 1);
  assert.equal(metrics.loading, false);
  // After the recovery nothing is missing.
  const shownAt = frames[8 + count]!.ptsTicks;
  const after = videoTicks.filter((ticks) => ticks > shownAt);
  assert.deepEqual(rig.videoTicks.slice(-after.length), after);
});

Deno.test("calls that time out one after the other leave the loading screen on", async () => {
  class Hung extends FrameProcessor {
    override readonly timeoutMs = 250;
    readonly #letGo: (() => void)[] = [];

    override processVideo(frame: VideoFrame): Promise<VideoFrame> {
      return new Promise((resolve) => this.#letGo.push(() => resolve(frame)));
    }

    override onStreamStop(): void {
      for (const letGo of this.#letGo) letGo();
    }
  }
  const { rig } = await liveRig({ processor: new Hung() }, 3);
  rig.session.start();
  await rig.ended();
  const metrics = rig.session.metrics();
  assert.ok(metrics.frames_dropped_by_reason.error! >= 5, JSON.stringify(metrics));
  assert.ok(metrics.frames_overlaid >= 30, `${metrics.frames_overlaid} frames`);
  const frames = await decoded(rig);
  assert.equal(frames.length, metrics.frames_overlaid);
  assert.ok(frames.every(isScreen));
  assertInOrder(rig);
});

Deno.test("show_loading shows the screen at once, and the processor gets no frames", async () => {
  const processor = new Hesitant();
  processor.ready.resolve();
  processor.answer.resolve();
  const { rig } = await liveRig({ processor, params: { show_loading: true } });
  rig.session.start();
  await until(() => overlaid(rig) >= 10, "the loading screen");
  assert.deepEqual(processor.seen, []);
  await rig.session.updateParams({ show_loading: false });
  await until(() => processor.seen.length >= 10, "frames in the processor");
  assert.equal(rig.session.metrics().loading, false);
  const before = overlaid(rig);
  await rig.session.updateParams({ show_loading: true });
  await until(() => overlaid(rig) >= before + 10, "the loading screen again");
  await rig.ended();
  const frames = await decoded(rig);
  const screens = frames.map(isScreen);
  const processed = screens.indexOf(false);
  assert.ok(processed >= 10, `${processed} screens first`);
  assert.deepEqual(screens.slice(-10), Array(10).fill(true));
  assert.equal(screens.filter((isOne) => isOne).length, overlaid(rig));
  assertInOrder(rig);
  assert.equal(frames.length, rig.session.metrics().frames_in);
});

Deno.test("show_loading false hides a screen that came by itself", async () => {
  const processor = new Hesitant();
  processor.ready.resolve();
  const { rig } = await liveRig({ processor });
  rig.session.start();
  await until(() => overlaid(rig) >= 5, "the loading screen");
  await rig.session.updateParams({ show_loading: false });
  assert.equal(rig.session.metrics().loading, false);
  const { frames_in } = rig.session.metrics();
  await until(() => rig.session.metrics().frames_in >= frames_in + 10, "frames that wait");
  assert.ok(rig.session.metrics().frames_dropped_by_reason.queue! > 3);
  processor.answer.resolve();
  await rig.ended();
  assertInOrder(rig);
});

Deno.test("the overlay can be the input as it is", async () => {
  const processor = new Hesitant();
  processor.ready.resolve();
  const { rig, videoTicks } = await liveRig({
    processor,
    overlay: { mode: "passthrough", afterMs: 300 },
  });
  rig.session.start();
  await until(() => overlaid(rig) >= 10, "frames that go past the processor");
  processor.answer.resolve();
  await rig.ended();
  for (const { stamp, ptsTicks } of await decoded(rig)) {
    assert.equal(ptsTicks, videoTicks[stamp!]);
  }
  assertInOrder(rig);
});

Deno.test("an overlay that is off leaves the output silent", async () => {
  const processor = new Hesitant();
  processor.ready.resolve();
  const { rig } = await liveRig({ processor, overlay: { mode: "off", afterMs: 0 } }, 2);
  rig.session.start();
  await rig.session.updateParams({ show_loading: true });
  await until(() => rig.session.metrics().frames_in >= 38, "the input");
  processor.answer.resolve();
  await rig.ended();
  const metrics = rig.session.metrics();
  assert.equal(metrics.frames_overlaid, 0);
  assert.deepEqual(reasons(metrics), ["queue"]);
  assert.ok((await decoded(rig)).every((frame) => !isScreen(frame)));
});

Deno.test("a stream that drops nothing has no overlay", async () => {
  const clip = await testClip();
  const processor = new Hesitant();
  const rig = new Rig({ processor, overlay: { afterMs: 0 }, params: { show_loading: true } });
  const run = rig.run(clip);
  processor.ready.resolve();
  await until(() => processor.seen.length === 10, "the tenth frame");
  processor.answer.resolve();
  await run;
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.equal(rig.session.metrics().frames_overlaid, 0);
});

Deno.test("a processor that drops every frame on purpose is not overlaid", async () => {
  class Silent extends FrameProcessor {
    override processVideo(): null {
      return null;
    }
  }
  const { rig } = await liveRig({ processor: new Silent() }, 1);
  rig.session.start();
  await rig.ended();
  assert.equal(overlaid(rig), 0);
  assert.deepEqual(reasons(rig.session.metrics()), ["processor"]);
});

Deno.test("the loading screen has the size and format of what came before it", async () => {
  class Small extends Hesitant {
    override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
      await super.processVideo(frame);
      const data = new Uint8Array(96 * 64 * 3).fill(200);
      return frame.replaceData({ pixelFormat: "rgb24", data, width: 96, height: 64 });
    }
  }
  const processor = new Small();
  processor.ready.resolve();
  const { rig } = await liveRig({ processor });
  rig.session.start();
  await until(() => rig.session.metrics().frames_processed >= 9, "the first frames");
  const { encoder } = rig.session.codecPids;
  await until(() => overlaid(rig) >= 10, "the loading screen");
  assert.equal(rig.session.codecPids.encoder, encoder);
  processor.answer.resolve();
  await rig.ended();
  const frames = await decoded(rig);
  assert.ok(frames.every(({ picture }) => picture.width === 96 && picture.height === 64));
  assert.equal(frames.filter(isScreen).length, overlaid(rig));
});

Deno.test("setLoading changes what the screen says", async () => {
  const processor = new Hesitant();
  const { rig } = await liveRig({ processor });
  rig.session.start();
  await until(() => overlaid(rig) >= 6, "the loading screen");
  rig.session.setLoading({ message: "Warming up\nthe model", progress: 0.5 });
  const before = overlaid(rig);
  await until(() => overlaid(rig) >= before + 6, "the new message");
  assert.throws(() => rig.session.setLoading({ progress: NaN }), RangeError);
  processor.ready.resolve();
  processor.answer.resolve();
  await rig.ended();
  const frames = await decoded(rig);
  const bright = ({ picture: { data, width, height } }: OutputFrame): number =>
    data.subarray(0, width * height).filter((luma) => luma > 150).length;
  assert.ok(isScreen(frames[0]!) && isScreen(frames[before + 3]!));
  assert.ok(bright(frames[before + 3]!) > bright(frames[0]!) * 1.4);
});

Deno.test("frames and sound are read while the processor gets ready", async () => {
  class Listener extends Hesitant {
    samples = 0;
    override processAudio(frame: AudioFrame): AudioFrame {
      this.samples += frame.sampleCount;
      return frame;
    }
  }
  const processor = new Listener();
  processor.answer.resolve();
  const { rig, videoTicks } = await liveRig({ processor }, 5);
  rig.session.start();
  await until(() => rig.session.metrics().frames_in === videoTicks.length, "the whole input");
  assert.equal(processor.samples, 0);
  processor.ready.resolve();
  await rig.ended();
  assert.ok(rig.session.metrics().audio_packets_dropped > 0);
  assertInOrder(rig);
});

Deno.test("a processor that fails to get ready fails the stream while frames wait for it", async () => {
  const processor = new Hesitant();
  const { rig } = await liveRig({ processor });
  rig.session.start();
  await until(() => overlaid(rig) >= 3, "the loading screen");
  processor.ready.reject(new Error("no such model"));
  const end = await rig.ended();
  assert.ok(end.reason === "failed");
  assert.match(end.error.message, /onStreamStart\(\) failed: no such model/);
  assert.deepEqual(processor.seen, []);
});

Deno.test("a stop before the processor is ready gives it no frames, and counts those that wait", async () => {
  const processor = new Hesitant();
  const { rig } = await liveRig({ processor, overlay: {} });
  rig.session.start();
  await until(() => rig.session.metrics().frames_in >= 5, "frames that wait");
  assert.deepEqual(await within(rig.session.stop(), "the stop"), { reason: "stopped" });
  await rig.ended();
  assert.deepEqual(processor.seen, []);
  assert.deepEqual(reasons(rig.session.metrics()), ["stop"]);
  processor.ready.resolve();
});
