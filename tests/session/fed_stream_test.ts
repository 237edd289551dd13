/** Streams whose frames the application gives, and streams whose frames go nowhere. */

import assert from "node:assert/strict";
import { AudioFrame, frameCounts, VideoFrame } from "../../src/frames/mod.ts";
import { defineProcessor } from "../../src/processor/mod.ts";
import { Session } from "../../src/session/mod.ts";
import { decodeVideo, meanLuma } from "../e2e/decoding.ts";
import { probeStreams } from "../e2e/ffmpeg.ts";
import { demux, joined, silentClip } from "./clips.ts";
import { MemorySink } from "./in_memory.ts";
import { assertAccounts, Rig } from "./rig.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { until, within } from "../waiting.ts";

const MILLISECONDS = { num: 1, den: 1_000 };

function frameAt(ms: number, luma: number, size = { width: 64, height: 48 }): VideoFrame {
  const lumaBytes = size.width * size.height;
  const data = new Uint8Array(lumaBytes * 1.5).fill(luma, 0, lumaBytes).fill(128, lumaBytes);
  const picture = { ...size, pixelFormat: "i420", data } as const;
  return new VideoFrame({ ...picture, ptsTicks: ms, timeBase: MILLISECONDS });
}

function toneAt(ms: number): AudioFrame {
  const samples = Float32Array.from({ length: 960 }, (_, i) => 0.25 * Math.sin(i / 10));
  return new AudioFrame({
    samples: [samples, samples],
    sampleRate: 48_000,
    ptsTicks: ms,
    timeBase: MILLISECONDS,
  });
}

function fedSession(options: Partial<ConstructorParameters<typeof Session>[0]> = {}): {
  readonly session: Session;
  readonly sink: MemorySink;
} {
  const sink = new MemorySink();
  const session = new Session({
    id: "fed",
    processor: defineProcessor({})(),
    sink,
    targetFps: Infinity,
    gopSeconds: 0.5,
    pace: "complete",
    clock: new ManualClock(),
    ...options,
  });
  session.start();
  return { session, sink };
}

Deno.test("frames of the application go through the processor and out, at their times", async () => {
  const seen: number[] = [];
  const { session, sink } = fedSession({
    processor: defineProcessor({
      video(frame) {
        seen.push(frame.timestamp);
        frame.data.fill(200, 0, frame.width * frame.height);
        return frame;
      },
    })(),
  });
  for (let i = 0; i < 30; i++) {
    using frame = frameAt(i * 40, 50);
    assert.equal(await session.sendFrame(frame), true);
  }
  await until(() => session.metrics().frames_in === 30, "all frames");
  assert.deepEqual(await session.stop(), { reason: "stopped" });
  const times = Array.from({ length: 30 }, (_, i) => i * 3_600);
  assert.deepEqual(seen, times);
  const packets = demux(joined(sink.whole));
  assert.equal(packets.filter(({ kind }) => kind === "video").length, 30);
  const frames = await decodeVideo(joined(sink.whole));
  assert.deepEqual(frames.map(({ ptsTicks }) => ptsTicks - frames[0]!.ptsTicks), times);
  for (const { picture } of frames) {
    const luma = meanLuma(picture, { x: 0, y: 0, width: 64, height: 48 });
    assert.ok(Math.abs(luma - 200) < 4, `luma ${luma}`);
  }
  assert.equal(session.metrics().frames_out, 30);
});

Deno.test("sound of the application goes out beside its pictures", async () => {
  const { session, sink } = fedSession();
  for (let i = 0; i < 50; i++) {
    await session.sendFrame(toneAt(i * 20));
    if (i % 2 > 0) continue;
    using frame = frameAt(i * 20, 90);
    await session.sendFrame(frame);
  }
  await until(() => session.metrics().audio_packets_in === 50, "all sound");
  await session.stop();
  const audio = demux(joined(sink.whole)).filter(({ kind }) => kind === "audio");
  assert.ok(audio.length >= 49, `${audio.length} packets`);
  assert.equal(session.metrics().frames_out, 25);
  assert.equal(session.metrics().audio_packets_out, audio.length);
});

Deno.test("a frame is copied: what its owner and the processor do to theirs stays theirs", async () => {
  const brighter = defineProcessor({
    video(frame) {
      const luma = frame.data.subarray(0, frame.width * frame.height);
      luma.forEach((value, i) => luma[i] = value + 20);
      return frame;
    },
    audio(frame) {
      for (const samples of frame.samples) samples.fill(0);
      return frame;
    },
  });
  const { session, sink } = fedSession({ processor: brighter() });
  using frame = frameAt(0, 50);
  const tone = toneAt(0);
  const sound = tone.samples[0]!.slice();
  for (let i = 0; i < 6; i++) {
    using again = frame.share(i * 40);
    await session.sendFrame(again);
  }
  await session.sendFrame(tone);
  await until(() => session.metrics().frames_processed === 6, "all frames");
  await session.stop();
  assert.ok(frame.data.subarray(0, 64 * 48).every((value) => value === 50));
  assert.deepEqual(tone.samples[0], sound);
  for (const { picture } of await decodeVideo(joined(sink.whole))) {
    const luma = meanLuma(picture, { x: 0, y: 0, width: 64, height: 48 });
    assert.ok(Math.abs(luma - 70) < 4, `luma ${luma}`);
  }
});

Deno.test("width and height scale the frames of the application, too", async () => {
  const sizes = new Set<string>();
  const { session, sink } = fedSession({
    params: { width: 32, height: 32 },
    processor: defineProcessor({
      video(frame) {
        sizes.add(`${frame.width}x${frame.height}`);
        return frame;
      },
    })(),
  });
  for (let i = 0; i < 10; i++) {
    if (i === 5) await session.updateParams({ width: 48, height: 64 });
    using frame = frameAt(i * 40, 120);
    await session.sendFrame(frame);
    await until(() => session.metrics().frames_processed === i + 1, "the frame");
  }
  await session.stop();
  assert.deepEqual([...sizes], ["32x32", "48x64"]);
  assert.equal(session.metrics().frames_out, 10);
  const shapes = await Promise.all([sink.whole[0], sink.whole.at(-1)].map(async (segment) => {
    const [video] = await probeStreams(segment!);
    return `${video!["width"]}x${video!["height"]}`;
  }));
  assert.deepEqual(shapes, ["32x32", "48x64"]);
});

Deno.test("a frame that goes back in time is dropped and counted", async () => {
  const { session } = fedSession();
  for (const ms of [0, 40, 40, 20, 80]) {
    using frame = frameAt(ms, 60);
    await session.sendFrame(frame);
  }
  await until(() => session.metrics().frames_in === 5, "all frames");
  await session.stop();
  const { frames_out, frames_dropped_by_reason } = session.metrics();
  assert.deepEqual({ frames_out, frames_dropped_by_reason }, {
    frames_out: 3,
    frames_dropped_by_reason: { late: 2 },
  });
});

Deno.test("frames that a stream takes no more are refused, and none is kept", async () => {
  const open = frameCounts().open;
  const { session } = fedSession();
  await session.stop();
  using frame = frameAt(0, 60);
  assert.equal(await session.sendFrame(frame), false);
  assert.equal(frameCounts().open, open);
  const closed = frameAt(0, 60);
  closed.close();
  await assert.rejects(session.sendFrame(closed), { name: "TypeError" });
});

Deno.test("calls that nobody waits for hold few frames: more are dropped and counted", async () => {
  const open = frameCounts().open;
  const gate = Promise.withResolvers<void>();
  const { session } = fedSession({
    maxQueueSize: 1,
    pace: "complete",
    processor: defineProcessor({
      async video(frame) {
        await gate.promise;
        return frame;
      },
    })(),
  });
  const calls: Promise<boolean>[] = [];
  for (let i = 0; i < 100; i++) {
    using frame = frameAt(i * 40, 60);
    calls.push(session.sendFrame(frame));
  }
  assert.ok(frameCounts().open - open < 25, "copies of frames that wait");
  gate.resolve();
  const taken = (await Promise.all(calls)).filter((isTaken) => isTaken).length;
  assert.ok(taken >= 8 && taken < 25, `${taken} frames were taken`);
  using last = frameAt(5_000, 60);
  assert.equal(await session.sendFrame(last), true);
  await until(() => session.metrics().frames_in === 101, "all frames");
  await session.stop();
  assertAccounts(session.metrics());
  assert.equal(session.metrics().frames_dropped_by_reason.queue, 100 - taken);
});

Deno.test("a stream with an input takes no frames of the application", async () => {
  const rig = new Rig();
  rig.session.start();
  using frame = frameAt(0, 60);
  await assert.rejects(rig.session.sendFrame(frame), {
    name: "TypeError",
    message: "Cannot send a frame to stream test: its frames come from its input",
  });
  await rig.session.stop();
});

Deno.test("a stream without an output still processes frames and sends data", async () => {
  const data = new MemorySink();
  const rig = new Rig();
  const session = new Session({
    id: "video to data",
    processor: defineProcessor({
      video(frame) {
        session.sendData(JSON.stringify({ at: frame.timestamp }));
        return null;
      },
    })(),
    source: rig.source,
    data,
    pace: "complete",
    clock: new ManualClock(),
    targetFps: Infinity,
  });
  const clip = await silentClip();
  session.start();
  await rig.source.feed(clip.segments);
  rig.source.end();
  await within(session.ended, "the end");
  const lines = new TextDecoder().decode(joined(data.whole)).trim().split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line).at), clip.videoTicks);
  await rig.session.stop();
});

Deno.test("data that is no text is refused, and says what to give", async () => {
  const { session } = fedSession();
  const send = session.sendData.bind(session) as (value: unknown) => void;
  for (const value of [undefined, { a: 1 }, 5]) {
    assert.throws(() => send(value), { name: "TypeError", message: /JSON\.stringify/ });
  }
  assert.equal(session.metrics().data_lines_dropped, 0);
  await session.stop();
});
