import assert from "node:assert/strict";
import { assertEveryFrame } from "./assertions.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { Chain } from "./harness.ts";
import { until, within } from "../waiting.ts";

const SLOW = new URL("./processors/slow.ts", import.meta.url).pathname;

Deno.test("stop writes out what is in flight, and the next stream finds the worker as new", async () => {
  await using chain = await Chain.start("--processor", SLOW);
  const clip = await makeTestClip({ seconds: 1.5 });
  const ticks = shownTicks(clip);
  {
    await using stream = await chain.open();
    await stream.feed(clip, { speed: 4 });
    await until(async () => (await chain.metrics()).frames_in === ticks.length, "all frames");
    const { frames_out } = await chain.metrics();
    assert.ok(frames_out < ticks.length, `${frames_out} frames out: some must be in flight`);
    const { status, json } = await chain.worker.call("/stream/stop", "any reason");
    assert.equal(status, 200);
    assert.equal(json["status"], "success");
    const output = await stream.untilOutputEnds();
    assertEveryFrame(await decodeVideo(output.bytes), ticks);
    assert.equal((await chain.metrics()).frames_dropped, 0);
  }
  const again = await chain.run(clip);
  assertEveryFrame(await decodeVideo(again.bytes), ticks);
  assert.equal((await chain.metrics()).frames_in, ticks.length);
});

Deno.test("the end of the input ends the session, with every frame out and the worker idle", async () => {
  await using chain = await Chain.start("--processor", SLOW);
  const clip = await makeTestClip({ seconds: 1.5 });
  const output = await chain.run(clip, {}, { speed: 4 });
  assertEveryFrame(await decodeVideo(output.bytes), shownTicks(clip));
  const { json } = await chain.worker.call("/stream/status");
  assert.equal(json["state"], "IDLE");
  assert.equal(json["active_streams"], 0);
  assert.equal(json["current_params"], null);
  assert.equal(json["error_message"], null);
});

Deno.test("an output channel that somebody closes ends the session", async () => {
  await using chain = await Chain.start();
  const clip = await makeTestClip({ seconds: 10 });
  await using stream = await chain.open();
  const fed = new AbortController();
  const feeding = stream.feed(clip, { signal: fed.signal });
  // Closed before the first byte, the channel would be made anew by it.
  await until(() => stream.probe.firstByteMs !== undefined, "output");
  chain.server.closeChannel("stream0-out");
  await chain.untilHealth("IDLE");
  fed.abort();
  await feeding;
});

Deno.test("an input channel that is not there is an end, not an error", async () => {
  await using chain = await Chain.start();
  const { status } = await chain.worker.call("/stream/start", {
    gateway_request_id: "nothing",
    subscribe_url: chain.server.channelUrl("nothing"),
    publish_url: chain.server.channelUrl("nothing-out"),
  });
  assert.equal(status, 200);
  await chain.untilHealth("IDLE");
});

for (const isolate of ["none", "process"]) {
  Deno.test({
    name: `Ctrl-C in a terminal finishes a stream, --isolate ${isolate}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await using chain = await Chain.startWith({ terminal: true }, "--isolate", isolate);
      const clip = await makeTestClip({ seconds: 2 });
      await using stream = await chain.open();
      await stream.feed(clip, { speed: 4 });
      await until(() => stream.probe.firstByteMs !== undefined, "output");
      await chain.worker.interrupt();
      assert.equal(await chain.worker.ended(), 0);
      await within(stream.probe.ended, "the end of the output");
      const bytes = Uint8Array.from(stream.probe.segments.flatMap((segment) => [...segment]));
      assertEveryFrame(await decodeVideo(bytes), shownTicks(clip));
      const [serving, ...lines] = chain.worker.log;
      assert.match(serving!, /^Serving/);
      assert.deepEqual(lines.filter((line) => !/^(\^C)*$/.test(line)), []);
    },
  });
}
