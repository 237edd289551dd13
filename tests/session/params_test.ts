import assert from "node:assert/strict";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { FrameProcessor, type ProcessorParams } from "../../src/processor/mod.ts";
import { movedClip, testClip } from "./clips.ts";
import { Rig } from "./rig.ts";
import { delay, until } from "../waiting.ts";

/** Refuses a negative strength; notes what it was given. */
class Picky extends FrameProcessor {
  readonly updates: ProcessorParams[] = [];

  override updateParams(params: ProcessorParams): void {
    if (Number(params["strength"]) < 0) throw new Error("strength must not be negative");
    this.updates.push(params);
  }
}

Deno.test("updated parameters reach the processor and are merged into those before", async () => {
  const processor = new Picky();
  const rig = new Rig({ processor, params: { prompt: "sea", strength: 1 } });
  rig.session.start();
  await rig.session.updateParams({ strength: 2 });
  assert.deepEqual(processor.updates, [{ strength: 2 }]);
  assert.deepEqual(rig.session.params, { prompt: "sea", strength: 2 });
  assert.deepEqual(rig.events.filter(({ type }) => type === "params-updated"), [
    { type: "params-updated", params: { prompt: "sea", strength: 2 } },
  ]);
  await rig.session.stop();
  await rig.ended();
});

Deno.test("a refused update leaves everything as it was", async () => {
  const clip = await testClip();
  const processor = new Picky();
  const rig = new Rig({ processor, params: { strength: 1 } });
  rig.session.start();
  await assert.rejects(rig.session.updateParams({ strength: -1, max_framerate: 5 }), {
    name: "ProcessorError",
    code: "PROCESSOR_PARAMS",
    message: /strength must not be negative/,
  });
  assert.deepEqual(rig.session.params, { strength: 1 });
  assert.deepEqual(rig.events.filter(({ type }) => type === "params-updated"), []);
  await rig.source.feed(clip.segments);
  rig.source.end();
  await rig.ended();
  // The cap of the refused update holds nothing back.
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
});

Deno.test("a changed max_framerate takes effect during the stream", async () => {
  const clip = await testClip();
  const later = movedClip(clip, 90_000);
  const rig = new Rig();
  rig.session.start();
  await rig.source.feed(clip.segments);
  // The input's last frame is only known to be whole when the next one begins.
  await until(() => rig.session.metrics().frames_processed >= 19, "the first second");
  await rig.session.updateParams({ max_framerate: 10 });
  await rig.source.feed(later.segments);
  rig.source.end();
  await rig.ended();
  const count = (from: number): number =>
    rig.videoTicks.filter((ticks) => ticks >= from && ticks < from + 90_000).length;
  assert.ok(count(clip.videoTicks[0]!) >= 19);
  const slowed = count(later.videoTicks[0]!);
  assert.ok(slowed >= 10 && slowed <= 11, `${slowed} frames in the second after the change`);
});

Deno.test("updates never run beside each other, and in the order of their calls", async () => {
  const running: string[] = [];
  class Slow extends FrameProcessor {
    override async updateParams({ name }: ProcessorParams): Promise<void> {
      running.push(`${name} begins`);
      await delay(5);
      running.push(`${name} ends`);
    }
  }
  const rig = new Rig({ processor: new Slow() });
  rig.session.start();
  await Promise.all(["a", "b"].map((name) => rig.session.updateParams({ name })));
  assert.deepEqual(running, ["a begins", "a ends", "b begins", "b ends"]);
  assert.equal(rig.session.params["name"], "b");
  await rig.session.stop();
  await rig.ended();
});

Deno.test("concurrent updates of different parameters are all kept", async () => {
  class Slow extends FrameProcessor {
    override async updateParams(): Promise<void> {
      await delay(2);
    }
    override processVideo(frame: VideoFrame): VideoFrame {
      return frame;
    }
  }
  const rig = new Rig({ processor: new Slow() });
  rig.session.start();
  await Promise.all([rig.session.updateParams({ a: 1 }), rig.session.updateParams({ b: 2 })]);
  assert.deepEqual(rig.session.params, { a: 1, b: 2 });
  await rig.session.stop();
  await rig.ended();
});
