/** What happens to pictures between decoder and encoder: queue, rate, order, size. */

import assert from "node:assert/strict";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { FrameProcessor, type VideoResult } from "../../src/processor/mod.ts";
import { decodeVideo } from "../e2e/decoding.ts";
import { joined, silentClip } from "./clips.ts";
import { Rig } from "./rig.ts";
import { until } from "../waiting.ts";

/** Lets a test say when each frame is done. */
class Gate extends FrameProcessor {
  override readonly timeoutMs = 60_000;
  readonly waiting: (() => void)[] = [];
  open = false;

  override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
    if (!this.open) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return frame;
  }

  letAllGo(): void {
    this.open = true;
    for (const letGo of this.waiting.splice(0)) letGo();
  }
}

Deno.test("a live stream drops its oldest frames while the processor is slow, and counts them", async () => {
  const clip = await silentClip({ seconds: 2 });
  const processor = new Gate();
  const rig = new Rig({ processor, pace: "live", maxQueueSize: 4 });
  rig.session.start();
  await rig.source.feed(clip.segments);
  const dropped = (): number => rig.session.metrics().frames_dropped_by_reason.queue ?? 0;
  // All but the one in the processor, the four that wait, and what the decoder still holds.
  await until(() => dropped() >= 40 - 1 - 4 - 2, "frames dropped from the queue");
  processor.letAllGo();
  rig.source.end();
  assert.equal((await rig.ended()).reason, "input-ended");
  const { frames_out, frames_dropped_by_reason } = rig.session.metrics();
  assert.deepEqual(Object.keys(frames_dropped_by_reason), ["queue"]);
  // The first was in the processor already; after it come the newest.
  const expected = [clip.videoTicks[0], ...clip.videoTicks.slice(-(frames_out - 1))];
  assert.deepEqual(rig.videoTicks, expected);
  assert.deepEqual(rig.errors, []);
});

Deno.test("a complete stream drops nothing, however slow the processor", async () => {
  const clip = await silentClip({ seconds: 2 });
  const processor = new Gate();
  const rig = new Rig({ processor, pace: "complete", maxQueueSize: 2 });
  const run = rig.run(clip);
  await until(() => processor.waiting.length === 1, "the first frame");
  await until(() => rig.session.metrics().frames_in === clip.videoTicks.length, "the whole input");
  processor.letAllGo();
  await run;
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.equal(rig.session.metrics().frames_dropped, 0);
});

/** Works on several frames at once, and ends the calls in another order than they began in. */
class Shuffler extends FrameProcessor {
  override readonly maxInFlight = 4;
  readonly #active: (() => void)[] = [];
  #left: number;
  #random = 12_345;
  most = 0;

  constructor(frames: number) {
    super();
    this.#left = frames;
  }

  override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
    const ended = new Promise<void>((resolve) => this.#active.push(resolve));
    this.most = Math.max(this.most, this.#active.length);
    this.#endOne();
    await ended;
    return frame;
  }

  /** As soon as no other frame can come. */
  #endOne(): void {
    if (this.#active.length === 0 || this.#active.length < Math.min(4, this.#left)) return;
    this.#random = (this.#random * 1_103_515_245 + 12_345) % 2 ** 31;
    const [end] = this.#active.splice(this.#random % this.#active.length, 1);
    this.#left--;
    end!();
    if (this.#left < 4) this.#endOne();
  }
}

Deno.test("frames that are processed at once leave in the order in which they came", async () => {
  const clip = await silentClip({ seconds: 2 });
  const processor = new Shuffler(clip.videoTicks.length);
  const rig = new Rig({ processor });
  await rig.run(clip);
  assert.equal(processor.most, 4);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  const stamps = (await decodeVideo(joined(rig.sink.whole))).map(({ stamp }) => stamp);
  assert.deepEqual(stamps, clip.videoTicks.map((_, index) => index));
});

Deno.test("a frame that the processor drops is counted, and the next ones come out", async () => {
  const clip = await silentClip();
  class EverySecond extends FrameProcessor {
    #calls = 0;

    override processVideo(frame: VideoFrame): VideoResult {
      return this.#calls++ % 2 === 0 ? frame : null;
    }
  }
  const rig = new Rig({ processor: new EverySecond() });
  await rig.run(clip);
  assert.deepEqual(rig.videoTicks, clip.videoTicks.filter((_, index) => index % 2 === 0));
  assert.deepEqual(rig.session.metrics().frames_dropped_by_reason, { processor: 10 });
});

Deno.test("max_framerate selects frames by their time, and counts the others", async () => {
  const clip = await silentClip();
  const rig = new Rig({ params: { max_framerate: 10 }, targetFps: 20 });
  await rig.run(clip);
  assert.deepEqual(rig.videoTicks, clip.videoTicks.filter((_, index) => index % 2 === 0));
  assert.deepEqual(rig.session.metrics().frames_dropped_by_reason, { rate: 10 });
});

Deno.test("width and height scale what the processor gets and what comes out", async () => {
  const clip = await silentClip();
  const sizes = new Set<string>();
  class Measurer extends FrameProcessor {
    override processVideo(frame: VideoFrame): VideoFrame {
      sizes.add(`${frame.width}x${frame.height}`);
      return frame;
    }
  }
  const rig = new Rig({ processor: new Measurer(), params: { width: 64, height: 64 } });
  await rig.run(clip);
  assert.deepEqual([...sizes], ["64x64"]);
  const [first] = await decodeVideo(joined(rig.sink.whole));
  assert.deepEqual([first?.picture.width, first?.picture.height], [64, 64]);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
});
