import assert from "node:assert/strict";
import { z } from "zod";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { FrameProcessor, type ProcessorParams } from "../../src/processor/mod.ts";
import { movedClip, silentClip } from "./clips.ts";
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
  const clip = await silentClip();
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
  const clip = await silentClip();
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

Deno.test("a value that cannot be leaves everything as it was, processor and stream alike", async () => {
  const processor = new Picky();
  const rig = new Rig({ processor });
  rig.session.start();
  const bad: readonly [string, unknown, RegExp][] = [
    ["max_framerate", 0, /Cannot use max_framerate 0: it must be a number above zero/],
    ["max_framerate", "fast", /max_framerate fast/],
    ["show_loading", "yes", /Cannot use show_loading yes: it must be true or false/],
    ["detect_out_resolution", 1, /detect_out_resolution 1/],
    ["width", 64, /a width without a height/],
  ];
  for (const [name, value, message] of bad) {
    await assert.rejects(rig.session.updateParams({ strength: 3, [name]: value }), {
      name: "ConfigError",
      message,
    });
    assert.throws(() => new Rig({ params: { [name]: value } }), { name: "ConfigError", message });
  }
  assert.deepEqual(processor.updates, []);
  assert.deepEqual(rig.session.params, {});
  await rig.session.stop();
  await rig.ended();
});

Deno.test("an update is checked against those that were called before it", async () => {
  class Ranged extends FrameProcessor {
    override readonly paramsSchema = z.object({ low: z.number(), high: z.number() })
      .refine(({ low, high }) => low < high, "low must be below high");
    override async updateParams(): Promise<void> {
      await delay(2);
    }
  }
  const rig = new Rig({ processor: new Ranged(), params: { low: 0, high: 10 } });
  rig.session.start();
  const raised = rig.session.updateParams({ low: 8 });
  await assert.rejects(rig.session.updateParams({ high: 5 }), /low must be below high/);
  await raised;
  assert.deepEqual(rig.session.params, { low: 8, high: 10 });
  await rig.session.stop();
  await rig.ended();
});

Deno.test("an update of a stream that has ended is refused, and reaches no processor", async () => {
  const processor = new Picky();
  const rig = new Rig({ processor });
  rig.session.start();
  await rig.session.stop();
  await rig.ended();
  await assert.rejects(rig.session.updateParams({ strength: 1 }), {
    name: "ProcessorError",
    message: "Cannot update stream test: it is ended; start another",
  });
  assert.deepEqual(processor.updates, []);
});
