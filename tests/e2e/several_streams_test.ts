/** Eight streams through one worker, one of which misbehaves: the others keep every frame. */

import assert from "node:assert/strict";
import type { MediaClip } from "../../bench/live_feed.ts";
import { assertEveryFrame } from "./assertions.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { settledFootprint } from "./footprint.ts";
import { Chain, type ChainStream } from "./harness.ts";
import { until, within } from "../waiting.ts";

const PROCESSOR = new URL("./processors/misbehaving.ts", import.meta.url).pathname;
const STREAMS = 8;
/** Video encoders round: this is no colour. */
const GREY_TOLERANCE = 3;

let made: Promise<MediaClip> | undefined;

/** Made by the test that needs it first. */
function clip(): Promise<MediaClip> {
  made ??= makeTestClip({
    width: 256,
    height: 256,
    fps: 15,
    seconds: 3,
    gopSeconds: 1,
    audio: false,
  });
  return made;
}

/** What one stream does while the others are fed. */
interface Misbehaviour {
  readonly mode?: string;
  readonly isolate?: "thread" | "process";
  /** Feeds the stream, in place of the clip. */
  readonly feed?: (stream: ChainStream, chain: Chain) => Promise<void>;
  /** What is true of its status in the end. */
  readonly status?: (status: Record<string, unknown> | undefined) => void;
}

async function startWorker(isolate: "none" | "thread" | "process"): Promise<Chain> {
  return await Chain.start(
    ...["--capacity", String(STREAMS), "--processor", PROCESSOR],
    ...["--isolate", isolate],
  );
}

async function assertWhole(stream: ChainStream): Promise<void> {
  await stream.input.close();
  await within(stream.probe.ended, "the end of a good stream");
  const bytes = await new Blob(stream.probe.segments.map((segment) => segment.slice())).bytes();
  const frames = await decodeVideo(bytes);
  assertEveryFrame(frames, shownTicks(await clip()));
  for (const { picture } of frames) {
    const chroma = picture.data.subarray(picture.width * picture.height);
    const worst = chroma.reduce((most, value) => Math.max(most, Math.abs(value - 128)), 0);
    assert.ok(worst <= GREY_TOLERANCE, `colour is off by ${worst}`);
  }
}

async function statusOf(chain: Chain, id: string): Promise<Record<string, unknown> | undefined> {
  const { json } = await chain.worker.call("/stream/status");
  const streams = json["streams"] as Record<string, unknown>[];
  return streams.find((stream) => stream["stream_id"] === id);
}

async function runWith(misbehaviour: Misbehaviour): Promise<void> {
  const { mode = "good", isolate = "none", feed, status } = misbehaviour;
  await using chain = await startWorker(isolate);
  await using all = new AsyncDisposableStack();
  const open = async (params: Record<string, unknown>): Promise<ChainStream> =>
    all.use(await chain.open(params));
  const bad = await open({ mode });
  const good: ChainStream[] = [];
  for (let i = 1; i < STREAMS; i++) good.push(await open({ mode: "good" }));
  const whole = await clip();
  const feedingBad = feed === undefined ? bad.feed(whole, { speed: 1 }) : feed(bad, chain);
  feedingBad.catch(() => {}); // its channel may be gone: that is what is tested
  await Promise.all(good.map((stream) => stream.feed(whole, { speed: 1 })));
  status?.(await statusOf(chain, "stream0"));
  await Promise.all(good.map(assertWhole));
  await feedingBad.catch(() => {});
  await chain.worker.call("/stream/stop", { gateway_request_id: "stream0" });
  await chain.untilHealth("IDLE");
  if (Deno.build.os === "linux") await settledFootprint(chain.worker.pid);
  await assertUsable(chain);
}

/** As many streams as ever can run, also on the processor that was misused. */
async function assertUsable(chain: Chain): Promise<void> {
  await using all = new AsyncDisposableStack();
  const streams: ChainStream[] = [];
  for (let i = 0; i < STREAMS; i++) {
    await until(async () => {
      const { json } = await chain.worker.call("/stream/status");
      return json["pipeline_ready"] === true;
    }, "a processor that is ready");
    streams.push(all.use(await chain.open({ mode: "good" })));
  }
  await streams[0]!.feed(await clip(), { speed: 3 });
  await assertWhole(streams[0]!);
}

function errorsOf(status: Record<string, unknown> | undefined): number {
  return (status?.["metrics"] as { error_count: number }).error_count;
}

Deno.test("a processor that throws on each frame of one stream costs the others nothing", async () => {
  await runWith({ mode: "throw", status: (status) => assert.ok(errorsOf(status) > 10) });
});

Deno.test("a processor that hangs in one stream costs the others nothing", async () => {
  await runWith({ mode: "hang", status: (status) => assert.ok(status !== undefined) });
});

Deno.test("a rejection that nobody catches costs no stream anything", async () => {
  await runWith({
    mode: "reject",
    status: (status) => assert.equal(status?.["state"], "running"),
  });
});

Deno.test("a processor that is slow in one stream costs the others nothing", async () => {
  await runWith({ mode: "slow" });
});

Deno.test("a stream that floods data, events and parameters costs the others nothing", async () => {
  await runWith({
    mode: "flood",
    feed: async (stream, chain) => {
      const feeding = stream.feed(await clip(), { speed: 1 });
      for (let i = 0; i < 500; i++) {
        const { status } = await chain.worker.call("/stream/params", {
          gateway_request_id: "stream0",
          params: { i },
        });
        assert.equal(status, 200);
      }
      await feeding;
    },
  });
});

Deno.test("a stream of bytes that are no video costs the others nothing", async () => {
  await runWith({
    feed: async (stream) => {
      const noise = new Uint8Array(300_000);
      for (let at = 0; at < noise.length; at += 60_000) {
        crypto.getRandomValues(noise.subarray(at, at + 60_000));
      }
      await stream.feedBytes(noise, 2);
    },
  });
});

for (const isolate of ["thread", "process"] as const) {
  Deno.test(`in a ${isolate}, a processor that never yields costs the others nothing`, async () => {
    await runWith({ mode: "spin", isolate });
  });

  Deno.test(`in a ${isolate}, a rejection that nobody catches costs the others nothing`, async () => {
    await runWith({
      mode: "reject",
      isolate,
      status: (status) => assert.equal(status, undefined, "the stream has ended"),
    });
  });
}
