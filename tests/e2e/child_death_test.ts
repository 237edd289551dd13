import assert from "node:assert/strict";
import type { MediaClip } from "../../bench/live_feed.ts";
import type { SessionMetrics } from "../../src/session/mod.ts";
import { assertEveryFrame } from "./assertions.ts";
import { feedWithKill } from "./child_death.ts";
import { CLIP, makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo, type OutputFrame } from "./decoding.ts";
import { valueOf } from "../server/prometheus/prometheus_text.ts";
import { Chain, type StillWorker, type StreamOutput } from "./harness.ts";
import { testWith } from "../facilities.ts";

const linuxTest = await testWith("linux");
/** Lets pictures through until it is told otherwise. */
const PROCESSOR = new URL("./processors/misbehaving.ts", import.meta.url).href;
/** One second in 90 kHz, which is also the time between keyframes, and that by which the feed is ahead. */
const SECOND_TICKS = 90_000;
/** The first one after the death. */
const NEXT_KEYFRAME = 2 * CLIP.fps;

linuxTest(
  "a decoder that is killed costs the pictures up to the next keyframe, not the session",
  async () => {
    const { clip, output, metrics } = await runWithKill("rawvideo");
    const frames = await decodeVideo(output.bytes);
    const lost = assertSurvived(frames, clip, metrics);
    assert.ok(lost.length > 0, "a decoder loses what comes before the keyframe");
    assert.ok(lost.every((stamp) => stamp < NEXT_KEYFRAME), `lost ${lost.join()}`);
    assert.deepEqual(metrics.frames_dropped_by_reason, { decoder: lost.length });
  },
);

linuxTest("an encoder that is killed costs the pictures that it has, not the session", async () => {
  const { clip, output, metrics } = await runWithKill("libx264");
  const frames = await decodeVideo(output.bytes);
  const lost = assertSurvived(frames, clip, metrics);
  assert.ok(largestGap(frames.map(({ ptsTicks }) => ptsTicks)) <= SECOND_TICKS, lost.join());
  assert.deepEqual(
    metrics.frames_dropped_by_reason,
    lost.length === 0 ? {} : { encoder: lost.length },
  );
});

linuxTest(
  "an audio transcoder that is killed costs the sound that it has, and no picture",
  async () => {
    const { clip, output, metrics } = await runWithKill("libopus");
    assertEveryFrame(await decodeVideo(output.bytes), shownTicks(clip));
    const sound = output.probe.seen.filter(({ packet }) => packet.kind === "audio")
      .map(({ packet }) => packet.ptsTicks);
    assert.ok(largestGap(sound) <= SECOND_TICKS, `${largestGap(sound)} ticks of silence`);
    const [end, inputEnd] = [sound.at(-1)!, lastTicks(clip, "audio")];
    assert.ok(inputEnd - end < 9_000, `sound ends ${inputEnd - end} ticks early`);
    assert.equal(metrics.codec_restarts, 1);
    assert.equal(metrics.frames_dropped, 0);
  },
);

for (const [name, word] of [["decoder", "rawvideo"], ["encoder", "libx264"]] as const) {
  linuxTest(`a stopped ${name} is noticed, ended, replaced, counted and reported`, async () => {
    const { metrics } = await runWithKill(word, "SIGSTOP");
    assert.equal(metrics.codec_hangs, 1);
    assert.equal(metrics.error_count, 1);
    assert.ok((metrics.frames_dropped_by_reason[name] ?? 0) > 0);
  });
}

for (const isolate of ["thread", "process"] as const) {
  linuxTest(`a stopped decoder is replaced and counted, --isolate ${isolate}`, async () => {
    await using chain = await Chain.startHere({ module: PROCESSOR }, { isolate });
    const { metrics } = await runWithKill("rawvideo", "SIGSTOP", chain);
    assert.equal(metrics.codec_hangs, 1);
    assert.equal(metrics.error_count, 1);
    const text = await (await fetch(`${chain.worker.url}/metrics`)).text();
    assert.equal(valueOf(text, "runnel_codec_hangs_total"), 1);
  });
}

/** Runs a clip, and kills a child on the way. */
async function runWithKill(
  word: string,
  signal: "SIGKILL" | "SIGSTOP" = "SIGKILL",
  given?: Chain<StillWorker>,
): Promise<{ clip: MediaClip; output: StreamOutput; metrics: SessionMetrics }> {
  await using own = given === undefined ? await Chain.startHere() : undefined;
  const chain = own ?? given!;
  const whole = await makeTestClip();
  // Beside sound the feed waits for pictures, and the child that hangs for what it is fed.
  const silent = { ...whole, audio: undefined, packets: whole.packets.filter(isVideo) };
  const clip = signal === "SIGSTOP" ? silent : whole;
  await using stream = await chain.open();
  await feedWithKill(stream, clip, { worker: chain.worker, word, signal });
  assert.equal((await chain.worker.call("/health")).json["status"], "OK");
  const output = await stream.end();
  return { clip, output, metrics: await chain.metrics() };
}

function isVideo({ kind }: MediaClip["packets"][number]): boolean {
  return kind === "video";
}

/** Asserts what holds whichever video codec died. Returns the stamps of the pictures that are lost. */
function assertSurvived(
  frames: readonly OutputFrame[],
  clip: MediaClip,
  metrics: SessionMetrics,
): number[] {
  const ticks = shownTicks(clip);
  for (const { stamp, ptsTicks } of frames) assert.equal(ptsTicks, ticks[stamp ?? -1]);
  const stamps = frames.map(({ stamp }) => stamp!);
  assert.ok(stamps.every((stamp, i) => i === 0 || stamp > stamps[i - 1]!), "order");
  assert.equal(stamps[0], 0);
  assert.equal(stamps.at(-1), ticks.length - 1);
  assert.equal(metrics.codec_restarts, 1);
  return ticks.map((_, stamp) => stamp).filter((stamp) => !stamps.includes(stamp));
}

function largestGap(times: readonly number[]): number {
  return Math.max(...times.slice(1).map((time, index) => time - times[index]!));
}

function lastTicks(clip: MediaClip, kind: "audio" | "video"): number {
  return Math.max(...clip.packets.filter((p) => p.kind === kind).map((p) => p.ptsTicks));
}
