import assert from "node:assert/strict";
import type { MediaClip } from "../../bench/live_feed.ts";
import type { SessionMetrics } from "../../src/session/mod.ts";
import { assertEveryFrame } from "./assertions.ts";
import { findDescendant } from "./children.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo, type OutputFrame } from "./decoding.ts";
import { Chain, type StreamOutput } from "./harness.ts";
import { until } from "../waiting.ts";

const linuxOnly = { ignore: Deno.build.os !== "linux" };
/** Three seconds in 90 kHz. */
const MAX_GAP_TICKS = 270_000;
/** The stream has a keyframe every 40 frames; this is the worst moment: just after one. */
const KILL_AFTER_FRAMES = 41;

Deno.test({
  name: "a decoder that is killed costs less than 3 s of picture, not the session",
  ...linuxOnly,
  async fn() {
    const { clip, output, metrics } = await runWithKill("rawvideo");
    const frames = await decodeVideo(output.bytes);
    assertSurvived(frames, clip, { metrics, reason: "decoder" });
  },
});

Deno.test({
  name: "an encoder that is killed costs less than 3 s of picture, not the session",
  ...linuxOnly,
  async fn() {
    const { clip, output, metrics } = await runWithKill("libx264");
    const frames = await decodeVideo(output.bytes);
    assertSurvived(frames, clip, { metrics, reason: "encoder" });
  },
});

Deno.test({
  name: "an audio transcoder that is killed costs less than 3 s of sound, and no picture",
  ...linuxOnly,
  async fn() {
    const { clip, output, metrics } = await runWithKill("libopus");
    assertEveryFrame(await decodeVideo(output.bytes), shownTicks(clip));
    const sound = output.probe.seen.filter(({ packet }) => packet.kind === "audio")
      .map(({ packet }) => packet.ptsTicks);
    assert.ok(largestGap(sound) < MAX_GAP_TICKS, `${largestGap(sound)} ticks of silence`);
    const [end, inputEnd] = [sound.at(-1)!, lastTicks(clip, "audio")];
    assert.ok(inputEnd - end < 9_000, `sound ends ${inputEnd - end} ticks early`);
    assert.equal(metrics.codec_restarts, 1);
    assert.equal(metrics.frames_dropped, 0);
  },
});

/** Runs a clip of six seconds in real time, and kills a child on the way. */
async function runWithKill(
  word: string,
): Promise<{ clip: MediaClip; output: StreamOutput; metrics: SessionMetrics }> {
  await using chain = await Chain.start();
  const clip = await makeTestClip({ seconds: 6, gopSeconds: 2 });
  await using stream = await chain.open();
  const feeding = stream.feed(clip, { speed: 1 });
  await until(async () => {
    const { frames_in, frames_out } = await chain.metrics();
    return frames_in > KILL_AFTER_FRAMES && frames_out > 0;
  }, "the moment to kill a child");
  const pid = await findDescendant(chain.worker.pid, word);
  assert.ok(pid !== undefined, `no child of the worker has ${word}`);
  Deno.kill(pid, "SIGKILL");
  await feeding;
  assert.equal((await chain.worker.call("/health")).json["status"], "OK");
  const output = await stream.end();
  return { clip, output, metrics: await chain.metrics() };
}

function assertSurvived(
  frames: readonly OutputFrame[],
  clip: MediaClip,
  { metrics, reason }: { metrics: SessionMetrics; reason: "decoder" | "encoder" },
): void {
  const ticks = shownTicks(clip);
  for (const { stamp, ptsTicks } of frames) assert.equal(ptsTicks, ticks[stamp ?? -1]);
  const times = frames.map(({ ptsTicks }) => ptsTicks);
  assert.ok(times.every((time, i) => i === 0 || time > times[i - 1]!), "order");
  assert.equal(times[0], ticks[0]);
  assert.equal(times.at(-1), ticks.at(-1));
  assert.ok(largestGap(times) < MAX_GAP_TICKS, `${largestGap(times)} ticks without a picture`);
  assert.equal(metrics.codec_restarts, 1);
  const lost = ticks.length - frames.length;
  assert.ok(lost > 0 || reason === "encoder", "a decoder loses what comes before the keyframe");
  assert.deepEqual(metrics.frames_dropped_by_reason, lost === 0 ? {} : { [reason]: lost });
}

function largestGap(times: readonly number[]): number {
  return Math.max(...times.slice(1).map((time, index) => time - times[index]!));
}

function lastTicks(clip: MediaClip, kind: "audio" | "video"): number {
  return Math.max(...clip.packets.filter((p) => p.kind === kind).map((p) => p.ptsTicks));
}
