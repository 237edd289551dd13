/** Four streams through one worker, one of which misbehaves: the others keep every frame. */

import assert from "node:assert/strict";
import type { MediaClip } from "../../bench/live_feed.ts";
import type { Packet } from "../../src/media/types.ts";
import type { SessionMetrics } from "../../src/session/mod.ts";
import { assertEveryFrame } from "./assertions.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { settledFootprint } from "./footprint.ts";
import { Chain, type ChainStream } from "./harness.ts";
import { until, within } from "../waiting.ts";

/** Frames before the bad stream goes wrong: see the processor. */
const GOOD_FRAMES = 10;
/** The picture before which the good streams wait for that. */
const MIDDLE = 20;
const PROCESSOR = new URL("./processors/misbehaving.ts", import.meta.url).pathname;
const STREAMS = 4;
/** Video encoders round: this is no colour. */
const GREY_TOLERANCE = 3;

let made: Promise<MediaClip> | undefined;

/** Made by the test that needs it first. */
function clip(): Promise<MediaClip> {
  made ??= makeTestClip({
    width: 128,
    height: 128,
    fps: 15,
    seconds: 2,
    gopSeconds: 1,
    audio: false,
  });
  return made;
}

/** What one stream does while the others are fed. */
interface Misbehaviour {
  readonly mode?: string;
  readonly isolate?: "thread" | "process";
  /** Feeds the stream until the signal aborts, in place of the clip. */
  readonly feed?: (stream: ChainStream, chain: Chain, signal: AbortSignal) => Promise<void>;
  /** What becomes true while the others are in the middle of their clip. */
  readonly shown?: (status: Record<string, unknown> | undefined, chain: Chain) => boolean;
}

async function startWorker(isolate: "none" | "thread" | "process"): Promise<Chain> {
  return await Chain.start(
    ...["--capacity", String(STREAMS), "--processor", PROCESSOR],
    ...["--isolate", isolate],
  );
}

async function assertWhole(stream: ChainStream): Promise<void> {
  await stream.untilRead();
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
  const { mode = "good", isolate = "none", feed, shown = () => true } = misbehaviour;
  await using chain = await startWorker(isolate);
  await using all = new AsyncDisposableStack();
  const open = async (params: Record<string, unknown>): Promise<ChainStream> =>
    all.use(await chain.open(params));
  const bad = await open({ mode });
  const good: ChainStream[] = [];
  for (let i = 1; i < STREAMS; i++) good.push(await open({ mode: "good" }));
  const whole = await clip();
  const over = new AbortController();
  const feedingBad = feed === undefined
    ? bad.feed(whole, { signal: over.signal })
    : feed(bad, chain, over.signal);
  feedingBad.catch(() => {}); // its channel may be gone: that is what is tested
  const isShown = async (): Promise<boolean> => shown(await statusOf(chain, "stream0"), chain);
  // The others are in the middle of their clip when the bad stream does what it does.
  const middle = async ({ ptsTicks }: Packet): Promise<void> => {
    if (ptsTicks === shownTicks(whole)[MIDDLE]) await until(isShown, "what the bad stream does");
  };
  await Promise.all(good.map((stream) => stream.feed(whole, { beforePacket: middle })));
  await Promise.all(good.map(assertWhole));
  over.abort();
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
  await streams[0]!.feed(await clip());
  await assertWhole(streams[0]!);
}

function framesOf(
  status: Record<string, unknown> | undefined,
): Pick<SessionMetrics, "frames_in" | "error_count"> {
  return status?.["metrics"] as SessionMetrics | undefined ?? { frames_in: 0, error_count: 0 };
}

Deno.test("a processor that throws on each frame of one stream costs the others nothing", async () => {
  await runWith({ mode: "throw", shown: (status) => framesOf(status).error_count > 10 });
});

Deno.test("a processor that hangs in one stream costs the others nothing", async () => {
  await runWith({ mode: "hang", shown: (status) => framesOf(status).error_count > 0 });
});

Deno.test("a rejection that nobody catches costs no stream anything", async () => {
  await runWith({
    mode: "reject",
    shown: (status) => status?.["state"] === "running" && framesOf(status).frames_in > GOOD_FRAMES,
  });
});

Deno.test("an error in a timer that nobody catches costs no stream anything", async () => {
  await runWith({
    mode: "throw later",
    shown: (status) => status?.["state"] === "running" && framesOf(status).frames_in > GOOD_FRAMES,
  });
});

Deno.test("a processor that is slow in one stream costs the others nothing", async () => {
  await runWith({ mode: "slow", shown: (status) => framesOf(status).frames_in > GOOD_FRAMES });
});

Deno.test("a stream that floods data, events and parameters costs the others nothing", async () => {
  await runWith({
    mode: "flood",
    feed: async (stream, chain, signal) => {
      const feeding = stream.feed(await clip(), { signal });
      for (let i = 0; i < 500; i++) {
        const { status } = await chain.worker.call("/stream/params", {
          gateway_request_id: "stream0",
          params: { i },
        });
        assert.equal(status, 200);
      }
      await feeding;
    },
    shown: (status) => framesOf(status).frames_in > GOOD_FRAMES,
  });
});

Deno.test("a stream of bytes that are no video costs the others nothing", async () => {
  await runWith({
    feed: async (stream) => {
      const noise = new Uint8Array(300_000);
      for (let at = 0; at < noise.length; at += 60_000) {
        crypto.getRandomValues(noise.subarray(at, at + 60_000));
      }
      await stream.feedBytes(noise);
    },
    shown: (status) => framesOf(status).error_count > 0,
  });
});

for (const isolate of ["thread", "process"] as const) {
  Deno.test(`in a ${isolate}, a processor that never yields costs the others nothing`, async () => {
    await runWith({
      mode: "spin",
      isolate,
      shown: (_, { worker }) => worker.log.some((line) => line.includes("spins from now on")),
    });
  });

  Deno.test(`in a ${isolate}, a rejection that nobody catches costs the others nothing`, async () => {
    await runWith({ mode: "reject", isolate, shown: (status) => status === undefined });
  });
}
