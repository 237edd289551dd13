/** A session whose owner, processor or parts fail: it ends all the same, in time, and leaves nothing. */

import assert from "node:assert/strict";
import { FrameProcessor } from "../../src/processor/mod.ts";
import { silentClip } from "./clips.ts";
import { Rig } from "./rig.ts";
import { until, within } from "../waiting.ts";

/** A processor whose `onStreamStop` never comes back. */
class NeverStops extends FrameProcessor {
  override readonly timeoutMs = 60_000;
  isStopping = false;

  override onStreamStop(): Promise<void> {
    this.isStopping = true;
    return new Promise(() => {});
  }
}

for (const kind of ["throws", "rejects"] as const) {
  Deno.test(`a listener that ${kind} at every event does not hold the stream up`, async () => {
    const rig = new Rig({
      onEvent: () => {
        if (kind === "throws") throw new Error("the listener is broken");
        return Promise.reject(new Error("the listener is broken"));
      },
    });
    const clip = await silentClip();
    rig.session.start();
    await rig.source.feed(clip.segments);
    await until(() => rig.session.metrics().frames_out > 3, "frames");
    assert.deepEqual(await within(rig.session.stop(), "the stop"), { reason: "stopped" });
    await rig.ended();
    assert.equal(rig.events.at(-1)?.type, "ended");
  });
}

Deno.test("a source that fails to be given back does not keep the session from its end", async () => {
  const rig = new Rig();
  rig.source[Symbol.asyncDispose] = () => {
    rig.source.disposed = true;
    rig.source.end();
    return Promise.reject(new Error("the source is broken"));
  };
  rig.session.start();
  assert.deepEqual(await within(rig.session.stop(), "the stop"), { reason: "stopped" });
  await rig.ended();
  assert.match(rig.errors.join(), /the source is broken/);
});

Deno.test("a stop while onStreamStop runs after the input's end waits 3 s for it", async () => {
  const processor = new NeverStops();
  const rig = new Rig({ processor });
  rig.session.start();
  rig.source.end();
  await until(() => processor.isStopping, "the call of onStreamStop()");
  const before = rig.clock.now();
  await rig.clock.passUntil(rig.session.stop());
  assert.ok(rig.clock.now() - before <= 4_000, `${rig.clock.now() - before} ms`);
  await rig.ended();
});
