import assert from "node:assert/strict";
import { FrameProcessor } from "../../src/processor/mod.ts";
import { runningFfmpegPids, WarmCodecs } from "../../src/session/mod.ts";
import { rehearse } from "../../src/session/rehearsal.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { until } from "../waiting.ts";

/** Counts what it is told. */
class Counting extends FrameProcessor {
  calls = 0;

  override onStreamStart(): void {
    this.calls++;
  }
}

Deno.test("a rehearsed stream comes through, whatever the codec of its sound, and leaves nothing", async () => {
  const { signal } = new AbortController();
  for (const audioCodec of ["opus", "source"] as const) {
    assert.equal(await rehearse({ audioCodec, signal }), true);
    assert.deepEqual(runningFfmpegPids(), []);
  }
});

Deno.test({
  name: "a stream is rehearsed where no port may be had",
  permissions: { run: true, read: true, env: true, net: false, sys: true },
}, async () => {
  assert.equal(await rehearse({ signal: new AbortController().signal }), true);
});

Deno.test("a rehearsal ends early where a stream begins", async () => {
  const abort = new AbortController();
  const rehearsed = rehearse({ signal: abort.signal });
  await until(() => runningFfmpegPids().length > 0, "a child of the rehearsal");
  abort.abort();
  assert.equal(await rehearsed, false);
  assert.deepEqual(runningFfmpegPids(), []);
  assert.equal(await rehearse({ signal: abort.signal }), false);
});

Deno.test("WarmCodecs rehearse a stream once, which the processor does not see", async () => {
  const clock = new ManualClock();
  await using warm = new WarmCodecs({ clock, maxChildren: 1 });
  const processor = new Counting();
  warm.expect(processor);
  clock.advance(500);
  const [waiting] = warm.pids;
  assert.deepEqual(runningFfmpegPids(), [waiting], "children that wait come first");
  clock.advance(1_000);
  await until(() => runningFfmpegPids().length > 1, "a child of the rehearsal");
  await until(() => runningFfmpegPids().length === 1, "the end of the rehearsal");
  warm.expect(processor);
  clock.advance(10_000);
  assert.deepEqual([warm.pids, runningFfmpegPids(), processor.calls], [[waiting], [waiting], 0]);
});

Deno.test("WarmCodecs rehearse nothing once a stream has begun", async () => {
  const clock = new ManualClock();
  await using warm = new WarmCodecs({ clock, maxChildren: 0 });
  warm.expect(new Counting());
  const recipe = { name: "decoder", args: () => [], input: "pipe", output: "pipe" } as const;
  assert.equal(warm.take(recipe), undefined);
  clock.advance(10_000);
  await until(() => clock.delays.length === 0, "nothing to wait for");
  assert.deepEqual(runningFfmpegPids(), []);
});
