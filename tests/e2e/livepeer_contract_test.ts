/** The sequences that a gateway and an orchestrator play with a worker (specs/LIVEPEER.md). */

import assert from "node:assert/strict";
import { z } from "zod";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { FrameProcessor, type ProcessorContext } from "../../src/processor/mod.ts";
import { StreamServer, type StreamServerOptions } from "../../src/server/mod.ts";
import { testClip } from "../session/clips.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { decodeVideo, meanLuma } from "./decoding.ts";
import { FakeGateway, type GatewayOptions } from "./fake_gateway.ts";
import { unusedPort } from "../unused_port.ts";
import { until } from "../waiting.ts";

/** Fills pictures with the brightness `luma`, and sends the time of each as data. */
class Filler extends FrameProcessor {
  override readonly paramsSchema = z.object({
    luma: z.number().int().min(16).max(235).default(100),
    prompt: z.string().optional(),
  });
  #context: ProcessorContext | undefined;
  #luma = 0;

  override initialize(context: ProcessorContext): void {
    this.#context = context;
  }

  override onStreamStart(params: Readonly<Record<string, unknown>>): void {
    this.updateParams(params);
  }

  override updateParams({ luma }: Readonly<Record<string, unknown>>): void {
    if (typeof luma === "number") this.#luma = luma;
  }

  override processVideo(frame: VideoFrame): VideoFrame {
    frame.data.fill(this.#luma, 0, frame.width * frame.height);
    frame.data.fill(128, frame.width * frame.height);
    this.#context!.sendData(JSON.stringify({ pts: frame.timestamp, luma: this.#luma }));
    return frame;
  }
}

interface Setup extends AsyncDisposable {
  readonly server: StreamServer;
  readonly gateway: FakeGateway;
}

async function setup(
  options: Partial<StreamServerOptions> = {},
  gatewayOptions: Partial<GatewayOptions> = {},
): Promise<Setup> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(
    new StreamServer({
      warmFfmpeg: 0,
      processor: Filler,
      host: "127.0.0.1",
      port: 0,
      targetFps: Infinity,
      maxQueueSize: 300,
      maxQueueLatencyMs: 3_600_000,
      maxBehindMs: 3_600_000,
      overlay: { mode: "off" },
      ...options,
    }),
  );
  await server.start();
  await server.initialized;
  const gateway = stack.use(new FakeGateway({ workerUrl: () => server.url, ...gatewayOptions }));
  return { server, gateway, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function framesOut({ server }: Setup): Promise<number> {
  const status = await (await fetch(`${server.url}/stream/status`)).json();
  return status.metrics.frames_out;
}

async function lumasOf(segments: readonly Uint8Array[]): Promise<number[]> {
  const bytes = await new Blob(segments.map((segment) => segment.slice())).bytes();
  return (await decodeVideo(bytes)).map(({ picture }) =>
    Math.round(meanLuma(picture, { x: 8, y: 8, width: 16, height: 16 }))
  );
}

Deno.test("a whole job: channels, start, input, output, events, data, updates, stop", async () => {
  await using test = await setup();
  const clip = await testClip({ seconds: 2 });
  const stream = await test.gateway.start({ luma: 60 });
  assert.equal(test.server.health, "OK");
  await stream.feed(clip.segments.slice(0, 2));
  await until(() => stream.dataLines.length > 0, "data");
  assert.equal((await stream.params({ luma: 120 })).status, 200);
  await stream.control({ keep: "alive" });
  await stream.control({ luma: 180 });
  await until(() => stream.of("params_updated").length === 2, "both updates");
  await stream.feed(clip.segments.slice(2));
  await until(() => stream.dataLines.length >= clip.videoTicks.length, "data of all frames");
  await until(
    async () => await framesOut(test) === clip.videoTicks.length,
    "all frames at the output",
  );
  const stopped = await stream.stop("the client has closed the page");
  assert.equal(stopped.status, 200);
  assert.equal(stopped.json["request_id"], stream.id);
  await until(() => stream.of("stream_stopped").length === 1, "the last event");
  assert.equal(test.server.health, "IDLE");
  await stream.untilOutputEnds();
  const lumas = await lumasOf(stream.output);
  assert.equal(lumas.length, clip.videoTicks.length);
  assert.ok(Math.abs(lumas[0]! - 60) < 4, `first ${lumas[0]}`);
  assert.ok(Math.abs(lumas.at(-1)! - 180) < 4, `last ${lumas.at(-1)}`);
  assert.deepEqual(
    stream.dataLines.map((line) => JSON.parse(line).pts),
    clip.videoTicks,
  );
  assert.deepEqual(stream.of("params_updated").map(({ event }) => event["params"]), [
    { luma: 120 },
    { luma: 180 },
  ]);
  assert.equal((await stream.stop(undefined)).status, 400, "stopping again says so");
});

Deno.test("what a processor's schema refuses is a 400 that names the field, and changes nothing", async () => {
  await using test = await setup();
  const stream = await test.gateway.start({ luma: 60 });
  const refused = await stream.params({ luma: 999, prompt: 7 });
  assert.equal(refused.status, 400);
  assert.match(String(refused.json["message"]), /luma: .*; prompt: /);
  await stream.control({ luma: "white" });
  await until(() => stream.of("error").length === 1, "the error of the control message");
  assert.match(String(stream.of("error")[0]!.event["message"]), /luma: /);
  assert.equal(stream.of("params_updated").length, 0);
  const status = await (await fetch(`${test.server.url}/stream/status`)).json();
  assert.deepEqual(status.streams[0].params, { luma: 60 });
  const bad = await test.gateway.call(
    "/stream/stop",
    stream.id,
    "no longer needed",
  );
  assert.equal(bad.status, 200);
  await assert.rejects(test.gateway.start({ luma: "black" }), /luma: /);
  assert.equal(test.server.health, "IDLE");
});

Deno.test("channels that are closed without a stop end the stream: a normal end", async () => {
  await using test = await setup();
  const clip = await testClip({ seconds: 1 });
  const stream = await test.gateway.start();
  await stream.feed(clip.segments);
  await until(() => stream.dataLines.length > 0, "data");
  stream.kill();
  await until(() => test.server.health === "IDLE", "IDLE");
  const status = await (await fetch(`${test.server.url}/stream/status`)).json();
  assert.equal(status.error_message, null);
  const again = await test.gateway.start();
  assert.equal((await again.stop("")).status, 200);
});

Deno.test("channels that are closed before anything came end the stream, too", async () => {
  await using test = await setup();
  const stream = await test.gateway.start();
  await until(() => stream.of("heartbeat").length > 0, "the first heartbeat");
  stream.kill();
  await until(() => test.server.health === "IDLE", "IDLE");
});

Deno.test("closed channels end a stream that has no input, and its slot is free again", async () => {
  await using test = await setup();
  const stream = await test.gateway.start({}, ["output", "control", "events", "data"]);
  await until(() => stream.of("heartbeat").length > 0, "the first heartbeat");
  stream.kill();
  await until(() => test.server.health === "IDLE", "IDLE");
  const again = await test.gateway.start();
  assert.equal((await again.stop("")).status, 200);
});

Deno.test("a gateway that ends silent streams hears enough for minutes without input", async () => {
  const clock = new ManualClock();
  await using test = await setup({ clock }, { clock });
  const stream = await test.gateway.start();
  await until(() => stream.events.length > 0, "the first event");
  for (let second = 0; second < 120; second++) {
    const beats = stream.of("heartbeat").length;
    clock.advance(1_000);
    // What the worker sends at this second comes over a real connection.
    if (second % 10 === 9) {
      await until(() => stream.of("heartbeat").length > beats, `the heartbeat after ${second} s`);
    }
    assert.equal(stream.isSilent, false, `after ${second} s`);
  }
  assert.equal(stream.status?.["state"], "OFFLINE");
  clock.advance(1);
  assert.equal((await stream.stop("bye")).status, 200);
});

Deno.test("a job without events, control and data runs", async () => {
  await using test = await setup();
  const clip = await testClip({ seconds: 1 });
  const stream = await test.gateway.start({}, ["input", "output"]);
  await stream.feed(clip.segments);
  await stream.endInput();
  await until(() => test.server.health === "IDLE", "IDLE");
  await stream.untilOutputEnds();
  assert.equal((await lumasOf(stream.output)).length, clip.videoTicks.length);
});

Deno.test("a job from video to data runs without an output", async () => {
  await using test = await setup();
  const clip = await testClip({ seconds: 1 });
  const stream = await test.gateway.start({}, ["input", "events", "data"]);
  await stream.feed(clip.segments);
  await stream.endInput();
  await until(() => test.server.health === "IDLE", "IDLE");
  await until(() => stream.dataLines.length === clip.videoTicks.length, "all lines");
});

Deno.test("params may come as a JSON string, as gateways pass them on", async () => {
  await using test = await setup();
  const stream = await test.gateway.start('{"luma":77}');
  const status = await (await fetch(`${test.server.url}/stream/status`)).json();
  assert.deepEqual(status.streams[0].params, { luma: 77 });
  await stream.stop("");
});

Deno.test("a trickle server that restarts ends its streams, and the next one runs", async () => {
  await using test = await setup();
  const clip = await testClip({ seconds: 1 });
  {
    await using away = new FakeGateway({
      workerUrl: () => test.server.url,
      port: unusedPort(), // the worker goes on asking there
    });
    const stream = await away.start();
    await stream.feed(clip.segments);
    await until(() => stream.dataLines.length > 0, "data");
  }
  await until(() => test.server.health === "IDLE", "IDLE after the server went away");
  const next = await test.gateway.start();
  await next.feed(clip.segments);
  await until(() => next.dataLines.length > 0, "data of the next stream");
  await next.stop("");
});
