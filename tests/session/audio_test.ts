import assert from "node:assert/strict";
import type { AudioFrame } from "../../src/frames/mod.ts";
import type { Packet } from "../../src/media/types.ts";
import { type ErrorPolicy, FrameProcessor } from "../../src/processor/mod.ts";
import { Session } from "../../src/session/mod.ts";
import { decodeAudio, type OutputSound } from "../e2e/decoding.ts";
import { probeStreams } from "../e2e/ffmpeg.ts";
import { audioOnly, demux, joined, movedClip, testClip, withLateAudio } from "./clips.ts";
import { MemorySource } from "./in_memory.ts";
import { Passthrough, Rig } from "./rig.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { until, within } from "../waiting.ts";

/** Multiplies every sample. */
class Volume extends FrameProcessor {
  readonly #factor: number;

  constructor(factor: number) {
    super();
    this.#factor = factor;
  }

  override processAudio(frame: AudioFrame): AudioFrame {
    return frame.replaceSamples(
      frame.samples.map((channel) => channel.map((sample) => sample * this.#factor)),
    );
  }
}

function audioOf(bytes: Uint8Array): Packet[] {
  return demux(bytes).filter(({ kind }) => kind === "audio");
}

/** The loudest sample. */
function peak(sound: readonly OutputSound[]): number {
  let loudest = 0;
  for (const { samples } of sound) {
    for (const sample of samples) loudest = Math.max(loudest, Math.abs(sample));
  }
  return loudest;
}

Deno.test("a stream of audio alone comes out, cut into segments by time", async () => {
  const clip = audioOnly(await testClip({ seconds: 2 }));
  const rig = new Rig({ audioCodec: "source" });
  assert.equal((await rig.run(clip)).reason, "input-ended");
  const audio = audioOf(joined(rig.sink.whole));
  assert.deepEqual(
    audio.map(({ ptsTicks }) => ptsTicks),
    clip.events.flatMap((event) => event.kind === "packet" ? [event.packet.ptsTicks] : []),
  );
  assert.ok(rig.sink.segments.length >= 4, `${rig.sink.segments.length} segments`);
  assert.equal(rig.session.metrics().audio_packets_dropped, 0);
});

for (const kind of ["listens", "drops", "does not care"] as const) {
  Deno.test(`audio without an output is done once the processor, which ${kind}, had it`, async () => {
    const clip = audioOnly(await testClip());
    const source = new MemorySource();
    class Listener extends FrameProcessor {
      override processAudio(frame: AudioFrame): AudioFrame | null {
        return kind === "drops" ? null : frame;
      }
    }
    const session = new Session({
      id: "audio",
      processor: kind === "does not care" ? new Passthrough() : new Listener(),
      source,
      pace: "complete",
      clock: new ManualClock(),
    });
    session.start();
    await source.feed(clip.segments);
    source.end();
    await within(session.ended, "the end");
    const { audio_packets_in, audio_packets_done, audio_packets_out } = session.metrics();
    assert.ok(audio_packets_in > 40);
    assert.ok(audio_packets_done >= audio_packets_in - 2, `${audio_packets_done} done`);
    assert.equal(audio_packets_out, 0);
  });
}

for (const codec of ["opus", "aac"] as const) {
  Deno.test(`audio is given out as ${codec}`, async () => {
    const rig = new Rig({ audioCodec: codec });
    await rig.run(await testClip());
    const [first] = rig.sink.whole;
    const streams = await probeStreams(first!);
    assert.deepEqual(streams.map(({ codec_name }) => codec_name), ["h264", codec]);
    const { audio_packets_in, audio_packets_done } = rig.session.metrics();
    assert.ok(audio_packets_done >= audio_packets_in - 2, `${audio_packets_done} done`);
  });
}

Deno.test("a processor that handles audio gets every sample and says what comes out", async () => {
  const clip = await testClip();
  const quiet = new Rig({ processor: new Volume(0.25) });
  await quiet.run(clip);
  const [before, after] = await Promise.all(
    [clip.segments, quiet.sink.whole].map(async (parts) => peak(await decodeAudio(joined(parts)))),
  );
  assert.ok(before! > 0.2, `a beep of ${before}`);
  assert.ok(Math.abs(after! / before! - 0.25) < 0.1, `from ${before} to ${after}`);
  assert.deepEqual(quiet.videoTicks, clip.videoTicks);
});

for (
  const [policy, expected] of [["drop", "silence"], ["passthrough", "sound"]] as const
) {
  Deno.test(`a processor that throws on audio with the policy ${policy} gives ${expected}`, async () => {
    class Broken extends FrameProcessor {
      override readonly onError: ErrorPolicy = policy;
      override processAudio(): AudioFrame {
        throw new Error("no such effect");
      }
    }
    const clip = await testClip();
    const rig = new Rig({ processor: new Broken() });
    assert.equal((await rig.run(clip)).reason, "input-ended");
    assert.match(rig.errors[0]!, /^process: .*processAudio\(\) failed: no such effect/);
    assert.equal(rig.audioPackets > 0, policy === "passthrough");
    assert.deepEqual(rig.videoTicks, clip.videoTicks);
    assert.equal(rig.session.metrics().error_count, rig.errors.length);
  });
}

Deno.test("a processor that throws on audio with the policy stop ends the session with the error", async () => {
  class Broken extends FrameProcessor {
    override readonly onError: ErrorPolicy = "stop";
    override processAudio(): AudioFrame {
      throw new Error("no such effect");
    }
  }
  const rig = new Rig({ processor: new Broken() });
  rig.session.start();
  await rig.source.feed((await testClip()).segments);
  // The input does not end by itself: the error must end the session.
  const end = await rig.ended();
  assert.ok(end.reason === "failed", end.reason);
  assert.match(end.error.message, /no such effect/);
});

Deno.test("audio that begins late does not hold the pictures up", async () => {
  const clip = withLateAudio(await testClip({ seconds: 2 }), 90_000);
  const rig = new Rig({ audioCodec: "source" });
  await rig.run(clip);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.ok(rig.audioPackets > 0, "the late audio comes out");
  assert.equal(rig.session.metrics().frames_dropped, 0);
});

Deno.test("audio that changes its format goes on in the new one", async () => {
  const mono = await testClip({ audioChannels: 1 });
  const stereo = movedClip(await testClip(), 90_000);
  for (const audioCodec of ["source", "opus"] as const) {
    const rig = new Rig({ audioCodec });
    await rig.run(mono, stereo);
    assert.deepEqual(rig.videoTicks, [...mono.videoTicks, ...stereo.videoTicks]);
    const times = audioOf(joined(rig.sink.whole)).map(({ ptsTicks }) => ptsTicks);
    assert.ok(times[0]! < mono.videoTicks[10]!, "sound of the first clip");
    assert.ok(times.at(-1)! > stereo.videoTicks[10]!, "sound of the second clip");
    assert.deepEqual(rig.errors, []);
  }
});

Deno.test("live sound that changes its format too often is left out, counted, and comes back", async () => {
  const mono = await testClip({ audioChannels: 1 });
  const stereo = await testClip();
  const rig = new Rig({ pace: "live", audioCodec: "opus" });
  rig.session.start();
  const changes = 12;
  for (let i = 0; i <= changes; i++) {
    await rig.source.feed(movedClip(i % 2 === 0 ? mono : stereo, i * 90_000).segments);
  }
  const packetsIn = (): number => rig.session.metrics().audio_packets_in;
  const perClip = mono.events.filter((event) =>
    event.kind === "packet" && event.stream === "audio"
  );
  await until(() => packetsIn() > changes * perClip.length, "the last of many changes");
  await until(() => rig.session.metrics().audio_packets_dropped > 0, "sound that is left out");
  const heard = rig.audioPackets;
  rig.clock.advance(1_000);
  await rig.source.feed(movedClip(mono, (changes + 1) * 90_000).segments);
  rig.source.end();
  await rig.ended();
  const { audio_packets_dropped } = rig.session.metrics();
  const leftOut = (changes - 6) * perClip.length;
  assert.ok(audio_packets_dropped >= leftOut - perClip.length, `${audio_packets_dropped} left out`);
  assert.ok(audio_packets_dropped <= leftOut + perClip.length, `${audio_packets_dropped} left out`);
  assert.ok(rig.audioPackets > heard, "sound after a break");
  assert.deepEqual(rig.errors, []);
});
