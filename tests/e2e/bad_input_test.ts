/** Input, servers and programs that fail, over HTTP: what the user sees, and what goes on. */

import assert from "node:assert/strict";
import { WorkerProcess } from "../../bench/worker_process.ts";
import { FrameProcessor } from "../../src/processor/mod.ts";
import { joined, movedClip, testClip } from "../session/clips.ts";
import { CuttingProxy } from "./cutting_proxy.ts";
import { InProcessWorker } from "./in_process.ts";
import { unusedPort } from "../unused_port.ts";
import { until } from "../waiting.ts";

/** About the time between two attempts to reach a server. */
const RETRY_MS = 250;

class Passthrough extends FrameProcessor {}

/** A URL that nobody listens on. */
function refusedUrl(): string {
  return `http://127.0.0.1:${unusedPort()}/nobody`;
}

Deno.test("input that is no MPEG-TS is reported, and the stream goes on when it becomes one", async () => {
  await using worker = await InProcessWorker.startStill(new Passthrough());
  const clip = await testClip();
  const page = new TextEncoder().encode("<!doctype html>".repeat(100));
  assert.deepEqual(await worker.run("a", [page, ...clip.segments], 20), clip.videoTicks);
  assert.equal(worker.errors.length, 1);
  assert.match(worker.errors[0]!, /Cannot find an MPEG-TS stream in 1500 bytes of input/);
  assert.equal((await worker.status()).metrics.error_count, 1);
});

Deno.test("segments without a byte, and one cut off within a packet, are survived", async () => {
  await using worker = await InProcessWorker.startStill(new Passthrough());
  const clip = await testClip();
  const later = movedClip(clip, 90_000);
  const [first, second] = clip.segments;
  const cut = second!.subarray(0, Math.floor(second!.length / 2) + 77);
  const empty = new Uint8Array(0);
  await using stream = await worker.open("a");
  await stream.feed([first!, empty, cut, empty, ...later.segments]);
  const ticks = await stream.end(10 + 20);
  assert.deepEqual(ticks.slice(0, 10), clip.videoTicks.slice(0, 10));
  assert.deepEqual(ticks.slice(-20), later.videoTicks);
});

Deno.test("a channel that never gets data is left at a stop, and the next stream works", async () => {
  await using worker = await InProcessWorker.startStill(new Passthrough());
  {
    await using stream = await worker.open("a");
    const { status } = await worker.call("/stream/stop");
    assert.equal(status, 200);
    const { metrics } = await worker.untilIdle();
    assert.equal(metrics.frames_in, 0);
    assert.deepEqual(await stream.outputTicks(), []);
  }
  assert.deepEqual(worker.ends, [{ reason: "stopped" }]);
  const clip = await testClip();
  assert.deepEqual(await worker.run("b", clip.segments, 20), clip.videoTicks, "the next stream");
});

Deno.test("an input channel that does not exist is named in the status", async () => {
  await using worker = await InProcessWorker.startStill(new Passthrough());
  const { trickle } = worker;
  trickle.createChannel("out", "video/mp2t");
  const subscribe = trickle.channelUrl("nowhere");
  const { status } = await worker.call("/stream/start", {
    gateway_request_id: "a",
    subscribe_url: subscribe,
    publish_url: trickle.channelUrl("out"),
  });
  assert.equal(status, 200);
  const { error_message, metrics } = await worker.untilIdle({ stepMs: RETRY_MS });
  assert.equal(
    error_message,
    `Cannot read ${subscribe}: there is no such channel; check subscribe_url`,
  );
  assert.equal(metrics.error_count, 1);
  assert.deepEqual(worker.ends, [{ reason: "input-ended", found: false }]);
});

Deno.test("an input server that cannot be reached is named in the status, and the next stream works", async () => {
  await using worker = await InProcessWorker.startStill(new Passthrough());
  worker.trickle.createChannel("out", "video/mp2t");
  const subscribe = refusedUrl();
  await worker.call("/stream/start", {
    gateway_request_id: "a",
    subscribe_url: subscribe,
    publish_url: worker.trickle.channelUrl("out"),
  });
  const { error_message } = await worker.untilIdle({ stepMs: RETRY_MS });
  assert.ok(error_message?.startsWith(`Cannot read ${subscribe}: `), String(error_message));
  assert.match(error_message!, /check the URL and the server/);
  assert.equal(worker.ends[0]?.reason, "failed");
  const clip = await testClip();
  assert.deepEqual(await worker.run("b", clip.segments, 20), clip.videoTicks, "the next stream");
  assert.equal((await worker.status()).error_message, null);
});

Deno.test("an output server that cannot be reached fails the stream, and the status says why", async () => {
  await using worker = await InProcessWorker.startStill(new Passthrough());
  const { trickle } = worker;
  trickle.createChannel("in", "video/mp2t");
  const url = trickle.channelUrl("in");
  const publish = refusedUrl();
  await using stream = await worker.openBetween("a", { subscribe: url, input: url, publish });
  // The input does not end by itself, and there is always something to publish.
  const clip = await testClip({ seconds: 2 });
  let clips = 0;
  await until(async () => {
    await stream.feed(movedClip(clip, clips++ * 2 * 90_000).segments);
    worker.clock.advance(RETRY_MS);
    return (await worker.status()).state === "IDLE";
  }, "an idle worker");
  const { error_message } = await worker.untilIdle();
  assert.ok(error_message?.includes(publish), String(error_message));
  assert.match(error_message!, /Cannot go on publishing/);
  assert.equal(worker.ends[0]?.reason, "failed");
  assert.ok(worker.errors.some((error) => error.includes("Cannot publish segment 0")));
});

Deno.test("an output channel that is closed by somebody else ends the stream without an error", async () => {
  await using worker = await InProcessWorker.startStill(new Passthrough());
  const clip = await testClip();
  await using stream = await worker.open("a");
  await stream.feed(clip.segments);
  // By then the worker writes the second segment.
  await stream.received(19);
  worker.trickle.closeChannel("a-out");
  await stream.feed(movedClip(clip, 90_000).segments);
  const { error_message } = await worker.untilIdle();
  assert.deepEqual(worker.ends, [{ reason: "output-closed" }]);
  assert.equal(error_message, null);
});

Deno.test("connections that are cut within a segment are taken up again, and the stream goes on", async () => {
  // It waits before it tries again, for real.
  await using worker = await InProcessWorker.start(new Passthrough(), {
    overlay: { mode: "off" },
  });
  const { trickle } = worker;
  trickle.createChannel("in", "video/mp2t");
  trickle.createChannel("out", "video/mp2t");
  const clip = await testClip({ seconds: 2 });
  const half = Math.floor(joined(clip.segments).length / 4);
  await using proxy = new CuttingProxy(trickle.address!.port, { cutAfterBytes: half, cuts: 2 });
  await using stream = await worker.openBetween("a", {
    subscribe: `http://127.0.0.1:${proxy.port}/in`,
    input: trickle.channelUrl("in"),
    publish: trickle.channelUrl("out"),
  });
  await stream.feed(clip.segments);
  const ticks = await stream.end(40);
  assert.equal(proxy.cutsMade, 2);
  // What was lost with a connection is asked for again while the server has it.
  assert.deepEqual(ticks, clip.videoTicks);
  assert.equal((await worker.status()).error_message, null);
});

Deno.test("a worker without ffmpeg refuses no start, says in the status what is missing, and lives", async () => {
  const clip = await testClip();
  await using worker = await InProcessWorker.startStill(new Passthrough());
  const { trickle } = worker;
  await using process = await WorkerProcess.start(["--log-level", "warning"], {
    env: { FFMPEG_PATH: "/nonexistent/ffmpeg" },
  });
  for (const name of ["a", "b"]) {
    trickle.createChannel(name, "video/mp2t");
    await using input = trickle.publisher(name);
    const { status, json } = await process.call("/stream/start", {
      gateway_request_id: name,
      subscribe_url: trickle.channelUrl(name),
      publish_url: trickle.channelUrl(`${name}-out`),
    });
    assert.equal(status, 200, JSON.stringify(json));
    const segment = await input.next();
    await segment.write(clip.segments[0]!);
    let message: unknown;
    await until(async () => {
      message = (await process.call("/stream/status")).json["error_message"];
      return message !== null;
    }, "an error in the status");
    assert.match(
      String(message),
      /Cannot start ffmpeg: \/nonexistent\/ffmpeg was not found; install it/,
    );
    assert.equal((await process.call("/health")).json["status"], "IDLE");
  }
  assert.ok(process.log.some((line) => line.includes("/nonexistent/ffmpeg")), process.log.join());
});
