import assert from "node:assert/strict";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { FrameProcessor } from "../../src/processor/mod.ts";
import { testWith } from "../facilities.ts";
import { assertEveryFrame } from "./assertions.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { Chain, joined, type StillWorker } from "./harness.ts";
import { until, within } from "../waiting.ts";

const terminalTest = await testWith("terminal");

/** The feed waits for no picture of it to come out. */
const SHORT = { seconds: 0.8 } as const;

/** Keeps all frames until they are let go. */
class Holding extends FrameProcessor {
  override readonly maxInFlight = 30;
  readonly #letGo = Promise.withResolvers<void>();

  override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
    await this.#letGo.promise;
    return frame;
  }

  /** Gives back what is held, and what comes from now on. */
  letGo(): void {
    this.#letGo.resolve();
  }
}

async function stateOf(chain: Chain<StillWorker>): Promise<unknown> {
  const { json } = await chain.worker.call("/stream/status");
  return (json["streams"] as { state: string }[])[0]?.state;
}

Deno.test("stop writes out what is in flight, and the next stream finds the worker as new", async () => {
  const processor = new Holding();
  await using chain = await Chain.startHere(processor);
  const clip = await makeTestClip(SHORT);
  const ticks = shownTicks(clip);
  {
    await using stream = await chain.open();
    await stream.feed(clip);
    await until(async () => (await chain.metrics()).frames_in === ticks.length, "all frames");
    assert.equal((await chain.metrics()).frames_out, 0);
    const stopping = chain.worker.call("/stream/stop", "any reason");
    await until(async () => await stateOf(chain) === "draining", "the beginning of the stop");
    processor.letGo();
    const { status, json } = await stopping;
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
  const processor = new Holding();
  await using chain = await Chain.startHere(processor);
  const clip = await makeTestClip(SHORT);
  await using stream = await chain.open();
  await stream.feed(clip);
  const ending = stream.end();
  await until(() => !chain.server.channelNames.includes("stream0-in"), "the end of the input");
  processor.letGo();
  const output = await ending;
  assertEveryFrame(await decodeVideo(output.bytes), shownTicks(clip));
  const { json } = await chain.worker.call("/stream/status");
  assert.equal(json["state"], "IDLE");
  assert.equal(json["active_streams"], 0);
  assert.equal(json["current_params"], null);
  assert.equal(json["error_message"], null);
});

Deno.test("an output channel that somebody closes ends the session", async () => {
  await using chain = await Chain.startHere();
  const clip = await makeTestClip();
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

Deno.test("an output channel that somebody closes before the first output ends the session", async () => {
  await using chain = await Chain.startHere();
  await using _stream = await chain.open();
  await within(chain.server.untilPosted("stream0-out", 1), "the worker at its output");
  chain.server.closeChannel("stream0-out");
  await chain.untilHealth("IDLE");
  assert.equal((await chain.metrics()).error_count, 0);
  assert.ok(!chain.server.channelNames.includes("stream0-out"));
});

Deno.test("a stream without any output ends its output channel", async () => {
  await using chain = await Chain.startHere();
  await using stream = await chain.open();
  await within(chain.server.untilPosted("stream0-out", 1), "the worker at its output");
  await stream.input.create();
  await stream.input.close();
  await chain.untilHealth("IDLE");
  assert.ok(!chain.server.channelNames.includes("stream0-out"));
});

Deno.test("an input channel that is not there is an end, not an error", async () => {
  await using chain = await Chain.startHere();
  const { status } = await chain.worker.call("/stream/start", {
    gateway_request_id: "nothing",
    subscribe_url: chain.server.channelUrl("nothing"),
    publish_url: chain.server.channelUrl("nothing-out"),
  });
  assert.equal(status, 200);
  await until(async () => {
    chain.worker.clock.advance(250);
    return (await chain.worker.call("/health")).json["status"] === "IDLE";
  }, "the end of the stream");
  assert.equal((await chain.metrics()).error_count, 1);
  assert.ok(!chain.server.channelNames.includes("nothing-out"));
});

for (const isolate of ["none", "process"]) {
  terminalTest(`Ctrl-C in a terminal finishes a stream, --isolate ${isolate}`, async () => {
    await using chain = await Chain.startWith({ terminal: true }, "--isolate", isolate);
    const clip = await makeTestClip({ seconds: 1 });
    const ticks = shownTicks(clip);
    await using stream = await chain.open();
    await stream.feed(clip);
    // A worker that is stopped has 2 s for what is in flight: hardly anything is.
    await until(async () => (await chain.metrics()).frames_out === ticks.length, "all frames");
    await chain.worker.interrupt();
    assert.equal(await chain.worker.ended(), 0);
    await within(stream.probe.ended, "the end of the output");
    assertEveryFrame(await decodeVideo(joined(stream.probe.segments)), ticks);
    const [serving, ...lines] = chain.worker.log;
    assert.match(serving!, /^Serving/);
    assert.deepEqual(lines.filter((line) => !/^(\^C)*$/.test(line)), []);
  });
}
