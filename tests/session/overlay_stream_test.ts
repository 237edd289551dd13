/** Live streams that show the loading overlay, from pictures to decoded pictures. */

import assert from "node:assert/strict";
import { AudioFrame, type VideoFrame } from "../../src/frames/mod.ts";
import { FrameProcessor } from "../../src/processor/mod.ts";
import type { SessionMetrics } from "../../src/session/mod.ts";
import { decodeVideo, type OutputFrame } from "../e2e/decoding.ts";
import { joined, silentClip } from "./clips.ts";
import { FedRig, type FedRigOptions } from "./fed_rig.ts";
import { Rig } from "./rig.ts";
import { until } from "../waiting.ts";

/** Brightness of the screen's background, and how far the encoder may be off. */
const BACKGROUND = { luma: 33, tolerance: 8 };
/** Of 50 ms each: the overlay comes with the seventh that waits. */
const OVERLAY = { afterMs: 300 } as const;
/** The frame on which {@linkcode Hesitant} hangs. */
const HANGS_AT = 10;

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
    if (this.seen.length === HANGS_AT) await this.answer.promise;
    return frame;
  }
}

/** A live stream; the overlay comes after a third of a second. */
function liveRig(options: FedRigOptions = {}): FedRig {
  return new FedRig({ overlay: OVERLAY, ...options });
}

/** Frames that are out of so many while the processor is not ready: the newest waits for it. */
function whileNotReady(sent: number): number {
  return sent < 7 ? 0 : sent - 1;
}

/** Frames that are out while the tenth call hangs, in which the queue drops four before the overlay comes. */
function whileCallHangs(sent: number): number {
  return Math.min(sent, HANGS_AT - 1) + Math.max(0, sent - 15);
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

function reasons({ frames_dropped_by_reason }: SessionMetrics): string[] {
  return Object.keys(frames_dropped_by_reason).sort();
}

/** Frames that are not the screen are pictures of the input, each at its own time. */
function assertOwnTimes(frames: readonly OutputFrame[], { sentTicks }: FedRig): void {
  for (const { stamp, ptsTicks } of frames) assert.equal(ptsTicks, sentTicks[stamp!]);
}

Deno.test("the loading screen is shown while the processor gets ready, and nothing of the input", async () => {
  const processor = new Hesitant();
  processor.answer.resolve();
  const rig = liveRig({ processor });
  await rig.send(11, whileNotReady);
  assert.equal(rig.overlaid, 10);
  assert.deepEqual(processor.seen, []);
  assert.equal(rig.session.metrics().loading, true);
  processor.ready.resolve();
  await rig.framesOut(11);
  assert.equal(rig.session.metrics().loading, false);
  await rig.send(9);
  assert.deepEqual(await rig.stop(), { reason: "stopped" });
  const frames = await rig.decoded();
  assert.deepEqual(frames.map(isScreen), frames.map((_, index) => index < 10));
  assertOwnTimes(frames.slice(10), rig);
  assert.deepEqual(rig.errors, []);
  // Every frame came out as itself or as the screen.
  assert.deepEqual(rig.videoTicks, rig.sentTicks);
});

Deno.test("the loading screen is shown while a call hangs, and the newest frame follows it", async () => {
  const processor = new Hesitant();
  processor.ready.resolve();
  const rig = liveRig({ processor });
  await rig.send(25, whileCallHangs);
  assert.equal(rig.overlaid, 10);
  assert.equal(processor.seen.length, 10);
  processor.answer.resolve();
  await rig.framesOut(20);
  await rig.send(5, (sent) => sent - 5);
  await rig.stop();
  const frames = await rig.decoded();
  assert.deepEqual(frames.map(isScreen), frames.map((_, index) => index >= 9 && index < 19));
  const metrics = rig.session.metrics();
  // The answer that came at last was older than what was shown by then.
  assert.deepEqual(metrics.frames_dropped_by_reason, { queue: 4, late: 1 });
  assert.equal(metrics.loading, false);
  // After the recovery nothing is missing.
  assert.deepEqual(rig.videoTicks.slice(19), rig.sentTicks.slice(24));
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
  const rig = liveRig({ processor: new Hung() });
  // Each call costs one of five frames; another is in the processor, and the newest waits for it.
  await rig.send(40, (sent) => sent < 7 ? 0 : sent - 2 - Math.floor((sent - 1) / 5));
  const { frames_dropped_by_reason, loading } = rig.session.metrics();
  assert.equal(loading, true);
  assert.deepEqual(frames_dropped_by_reason, { error: 7 });
  assert.equal(rig.overlaid, 31);
  const stopped = rig.stop();
  for (let call = 0; call < 2; call++) await rig.clock.passDelay(250, 250);
  await stopped;
  const frames = await rig.decoded();
  assert.equal(frames.length, 31);
  assert.ok(frames.every(isScreen));
});

Deno.test("show_loading shows the screen at once, and the processor gets no frames", async () => {
  const processor = new Hesitant();
  processor.ready.resolve();
  processor.answer.resolve();
  const rig = liveRig({ processor, params: { show_loading: true } });
  await rig.send(10);
  assert.deepEqual(processor.seen, []);
  await rig.session.updateParams({ show_loading: false });
  await rig.send(10);
  assert.equal(processor.seen.length, 10);
  assert.equal(rig.session.metrics().loading, false);
  await rig.session.updateParams({ show_loading: true });
  await rig.send(10);
  assert.equal(processor.seen.length, 10);
  assert.equal(rig.overlaid, 20);
  await rig.stop();
  const screens = (await rig.decoded()).map(isScreen);
  assert.deepEqual(screens, screens.map((_, index) => index < 10 || index >= 20));
  assert.deepEqual(rig.videoTicks, rig.sentTicks);
});

Deno.test("show_loading false hides a screen that came by itself", async () => {
  const processor = new Hesitant();
  processor.ready.resolve();
  const rig = liveRig({ processor });
  await rig.send(20, whileCallHangs);
  assert.equal(rig.overlaid, 5);
  await rig.session.updateParams({ show_loading: false });
  assert.equal(rig.session.metrics().loading, false);
  await rig.send(10, () => 14);
  assert.equal(rig.session.metrics().frames_dropped_by_reason.queue, 14);
  processor.answer.resolve();
  await rig.stop();
});

Deno.test("the overlay can be the input as it is", async () => {
  const processor = new Hesitant();
  processor.ready.resolve();
  const rig = liveRig({ processor, overlay: { ...OVERLAY, mode: "passthrough" } });
  await rig.send(25, whileCallHangs);
  assert.equal(rig.overlaid, 10);
  processor.answer.resolve();
  await rig.stop();
  assertOwnTimes(await rig.decoded(), rig);
});

Deno.test("an overlay that is off leaves the output silent", async () => {
  const processor = new Hesitant();
  processor.ready.resolve();
  const rig = liveRig({ processor, overlay: { mode: "off", afterMs: 0 } });
  await rig.session.updateParams({ show_loading: true });
  await rig.send(30, (sent) => Math.min(sent, HANGS_AT - 1));
  processor.answer.resolve();
  await rig.stop();
  const metrics = rig.session.metrics();
  assert.equal(metrics.frames_overlaid, 0);
  assert.deepEqual(reasons(metrics), ["queue"]);
  assert.ok((await rig.decoded()).every((frame) => !isScreen(frame)));
});

Deno.test("a stream that drops nothing has no overlay", async () => {
  const clip = await silentClip();
  const processor = new Hesitant();
  const rig = new Rig({ processor, overlay: { afterMs: 0 }, params: { show_loading: true } });
  const run = rig.run(clip);
  processor.ready.resolve();
  await until(() => processor.seen.length === HANGS_AT, "the tenth frame");
  processor.answer.resolve();
  await run;
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.equal(rig.session.metrics().frames_overlaid, 0);
});

Deno.test("the loading screen takes the place of frames that were read from a channel", async () => {
  class HangsAtOnce extends Hesitant {
    override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
      this.seen.push(frame.timestamp);
      if (this.seen.length === 1) await this.answer.promise;
      return frame;
    }
  }
  const clip = await silentClip();
  const processor = new HangsAtOnce();
  processor.ready.resolve();
  const rig = new Rig({ processor, pace: "live", overlay: OVERLAY });
  rig.session.start();
  await rig.source.feed(clip.segments.slice(0, 1));
  await until(() => processor.seen.length === 1, "the first frame");
  rig.clock.advance(OVERLAY.afterMs);
  await rig.source.feed(clip.segments.slice(1));
  // All but the first, the newest, and one that is known to be whole when the next begins.
  await until(() => rig.session.metrics().frames_overlaid >= 17, "the loading screen");
  processor.answer.resolve();
  rig.source.end();
  await rig.ended();
  const screens = (await decodeVideo(joined(rig.sink.whole))).map(isScreen);
  const count = rig.session.metrics().frames_overlaid;
  assert.deepEqual(screens, screens.map((_, index) => index < count));
  assert.equal(rig.session.metrics().frames_dropped_by_reason.late, 1);
  assert.deepEqual(rig.videoTicks, clip.videoTicks.slice(1));
});

Deno.test("a processor that drops every frame on purpose is not overlaid", async () => {
  class Silent extends FrameProcessor {
    override processVideo(): null {
      return null;
    }
  }
  const rig = liveRig({ processor: new Silent() });
  await rig.send(15, () => 0);
  await rig.stop();
  const { frames_overlaid, frames_dropped_by_reason } = rig.session.metrics();
  assert.equal(frames_overlaid, 0);
  assert.deepEqual(frames_dropped_by_reason, { processor: 15 });
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
  const rig = liveRig({ processor });
  await rig.send(9);
  const { encoder } = rig.session.codecPids;
  await rig.send(10, whileCallHangs);
  assert.equal(rig.overlaid, 4);
  assert.equal(rig.session.codecPids.encoder, encoder);
  processor.answer.resolve();
  await rig.stop();
  const frames = await rig.decoded();
  assert.ok(frames.every(({ picture }) => picture.width === 96 && picture.height === 64));
  assert.equal(frames.filter(isScreen).length, rig.overlaid);
});

Deno.test("setLoading changes what the screen says", async () => {
  const processor = new Hesitant();
  const rig = liveRig({ processor });
  await rig.send(8, whileNotReady);
  rig.session.setLoading({ message: "Warming up\nthe model", progress: 0.5 });
  await rig.send(3, whileNotReady);
  assert.throws(() => rig.session.setLoading({ progress: NaN }), RangeError);
  processor.ready.resolve();
  processor.answer.resolve();
  await rig.framesOut(11);
  await rig.stop();
  const frames = await rig.decoded();
  const [before, after] = [frames[6]!, frames[9]!];
  const bright = ({ picture: { data, width, height } }: OutputFrame): number =>
    data.subarray(0, width * height).filter((luma) => luma > 150).length;
  assert.ok(isScreen(before) && isScreen(after));
  assert.ok(bright(after) > bright(before) * 1.4);
});

Deno.test("sound waits for the processor to get ready, but not for long, and frames behind it are read", async () => {
  class Listener extends Hesitant {
    samples = 0;
    override processAudio(frame: AudioFrame): AudioFrame {
      this.samples += frame.sampleCount;
      return frame;
    }
  }
  const processor = new Listener();
  processor.answer.resolve();
  const rig = liveRig({ processor, overlay: { mode: "off" } });
  await rig.session.sendFrame(toneAt(0));
  // The sound holds back what comes after it, for two seconds.
  const sent = rig.send(3, () => 0);
  await rig.clock.passDelay(2_000, 2_000);
  await sent;
  await rig.session.sendFrame(toneAt(20));
  await rig.send(1, () => 0);
  assert.equal(processor.samples, 0);
  assert.equal(rig.session.metrics().audio_packets_dropped, 2);
  processor.ready.resolve();
  await rig.framesOut(4);
  await rig.stop();
});

function toneAt(ms: number): AudioFrame {
  const samples = new Float32Array(960).fill(0.1);
  const timeBase = { num: 1, den: 1_000 };
  return new AudioFrame({
    samples: [samples, samples],
    sampleRate: 48_000,
    ptsTicks: ms,
    timeBase,
  });
}

Deno.test("a processor that fails to get ready fails the stream while frames wait for it", async () => {
  const processor = new Hesitant();
  const rig = liveRig({ processor });
  await rig.send(9, whileNotReady);
  processor.ready.reject(new Error("no such model"));
  const end = await rig.ended();
  assert.ok(end.reason === "failed");
  assert.match(end.error.message, /onStreamStart\(\) failed: no such model/);
  assert.deepEqual(processor.seen, []);
});

Deno.test("a stop before the processor is ready gives it no frames, and counts those that wait", async () => {
  const processor = new Hesitant();
  const rig = liveRig({ processor, overlay: {} });
  await rig.send(5, () => 0);
  const stopped = rig.stop();
  // What a start that is under way may take until it is given up.
  await rig.clock.passPatience(500);
  assert.deepEqual(await stopped, { reason: "stopped" });
  assert.deepEqual(processor.seen, []);
  assert.deepEqual(rig.session.metrics().frames_dropped_by_reason, { stop: 5 });
  processor.ready.resolve();
});
