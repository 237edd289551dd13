/** Processors that only hear: sound goes on as it would without them. */

import assert from "node:assert/strict";
import type { AudioFrame } from "../../src/frames/mod.ts";
import { MpegTsMuxer } from "../../src/media/mpegts/mod.ts";
import type { AudioStreamInfo, Packet } from "../../src/media/types.ts";
import {
  defineProcessor,
  type FrameProcessor,
  type ReadOnlyDefinition,
} from "../../src/processor/mod.ts";
import { decodeAudio, loudness, soundSeconds } from "../e2e/decoding.ts";
import { until } from "../waiting.ts";
import { audioOnly, type Clip, demux, joined, movedClip, testClip } from "./clips.ts";
import { Rig } from "./rig.ts";

function hearing(definition: Omit<ReadOnlyDefinition, "readOnly">): FrameProcessor {
  return defineProcessor({ ...definition, readOnly: true })();
}

function soundOf(bytes: Uint8Array): Pick<Packet, "ptsTicks" | "data">[] {
  return demux(bytes).filter(({ kind }) => kind === "audio")
    .map(({ ptsTicks, data }) => ({ ptsTicks, data }));
}

function inputOf(clip: Clip): Uint8Array {
  return joined(clip.segments);
}

for (const pace of ["live", "complete"] as const) {
  Deno.test(`sound is copied beside a processor that only hears it, in a ${pace} stream`, async () => {
    const clip = await testClip();
    const heard: AudioFrame[] = [];
    const rig = new Rig({
      processor: hearing({ audio: (frame) => void heard.push(frame) }),
      audioCodec: "source",
      pace,
    });
    await rig.run(clip);
    const input = inputOf(clip);
    assert.deepEqual(soundOf(joined(rig.sink.whole)), soundOf(input));
    assert.deepEqual(rig.videoTicks, clip.videoTicks);
    assert.deepEqual(rig.errors, []);
    const metrics = rig.session.metrics();
    assert.equal(metrics.audio_packets_unheard, 0);
    assert.equal(metrics.audio_packets_dropped, 0);
    assert.equal(metrics.audio_packets_done, metrics.audio_packets_in);
    // What is heard is what ffmpeg decodes.
    const theirs = await decodeAudio(input);
    const seconds = heard.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0);
    const all = theirs.reduce((sum, { samples }) => sum + samples.length, 0) / 48_000;
    assert.ok(Math.abs(seconds - all) < 0.05, `${seconds} s of ${all} s`);
    assert.deepEqual(
      heard.map(({ timestamp }) => timestamp),
      soundOf(input).map(({ ptsTicks }) => ptsTicks),
    );
  });
}

Deno.test("sound is transcoded where the output wants that, and heard beside", async () => {
  const clip = await testClip();
  let heard = 0;
  const rig = new Rig({ processor: hearing({ audio: () => void heard++ }), audioCodec: "opus" });
  await rig.run(clip);
  const input = inputOf(clip);
  const [ours, theirs] = await Promise.all([
    decodeAudio(joined(rig.sink.whole)),
    decodeAudio(input),
  ]);
  assert.ok(Math.abs(soundSeconds(ours) - soundSeconds(theirs)) < 0.1);
  assert.ok(Math.abs(loudness(ours) / loudness(theirs) - 1) < 0.1);
  assert.equal(heard, rig.session.metrics().audio_packets_in);
});

Deno.test("sound alone is heard, and goes on", async () => {
  const clip = audioOnly(await testClip());
  let heard = 0;
  const rig = new Rig({ processor: hearing({ audio: () => void heard++ }), audioCodec: "source" });
  await rig.run(clip);
  assert.equal(heard, clip.audioPackets);
  assert.equal(rig.audioPackets, clip.audioPackets);
});

Deno.test("sound goes on without a processor that hangs, and the output ends without it", async () => {
  const clip = await testClip({ seconds: 2 });
  let calls = 0;
  const processor = hearing({
    timeoutMs: 60_000,
    audio: () => {
      calls++;
      return new Promise<void>(() => {});
    },
  });
  const rig = new Rig({ processor, audioCodec: "source", pace: "live" });
  rig.session.start();
  await rig.source.feed(clip.segments);
  rig.source.end();
  await until(() => rig.sink.closed && calls === 1, "the end of the output");
  const ended = rig.session.stop();
  rig.clock.advance(2_001);
  rig.clock.advance(60_001);
  await ended;
  await rig.ended();
  assert.deepEqual(rig.errors.filter((error) => /Cannot decode/.test(error)), []);
  assert.deepEqual(soundOf(joined(rig.sink.whole)), soundOf(inputOf(clip)));
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
});

Deno.test("sound that cannot be decoded goes on, and the processor's loss is said once and counted", async () => {
  const clip = await testClip();
  const muxer = new MpegTsMuxer({ video: { codec: "h264" }, audio: soundInfoOf(clip) });
  const segments = [muxer.startSegment()];
  for (const packet of demux(inputOf(clip))) {
    // Frames whose payload is damaged from its first bits on.
    const data = packet.kind === "audio" ? packet.data.map(() => 0xFF) : packet.data;
    segments.push(muxer.write({ ...packet, data }));
  }
  let heard = 0;
  const rig = new Rig({ processor: hearing({ audio: () => void heard++ }), audioCodec: "source" });
  rig.session.start();
  await rig.source.feed([joined(segments)]);
  rig.source.end();
  await rig.ended();
  assert.equal(heard, 0);
  assert.equal(rig.audioPackets, clip.audioPackets - 1); // the first is before the first picture
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.equal(rig.errors.length, 1);
  assert.match(rig.errors[0]!, /^decode: Cannot decode the sound for the processor/);
  const metrics = rig.session.metrics();
  assert.equal(metrics.audio_packets_unheard, metrics.audio_packets_in);
});

function soundInfoOf({ events }: Clip): AudioStreamInfo {
  for (const event of events) if (event.kind === "streams" && event.audio) return event.audio;
  return assert.fail("there is no sound");
}

Deno.test("what a processor fails on or changes is out all the same, and counted", async () => {
  const clip = await testClip();
  let calls = 0;
  const processor = defineProcessor({
    readOnly: true as boolean,
    audio: (frame) => {
      if (calls++ === 0) throw new Error("no idea");
      return calls === 2 ? null : frame;
    },
  })();
  const rig = new Rig({ processor, audioCodec: "source" });
  await rig.run(clip);
  assert.deepEqual(soundOf(joined(rig.sink.whole)), soundOf(inputOf(clip)));
  assert.equal(rig.session.metrics().audio_packets_unheard, 2);
  assert.equal(rig.session.metrics().audio_packets_dropped, 0);
  assert.match(rig.errors[0]!, /no idea/);
  assert.match(rig.errors[1]!, /it is null, and readOnly is true; return the frame as it came/);
});

for (const readOnly of [true, false]) {
  Deno.test(`an error on sound ends a stream whose processor says so, readOnly being ${readOnly}`, async () => {
    const clip = await testClip();
    const processor = defineProcessor({
      readOnly,
      onError: "stop",
      audio: () => {
        throw new Error("enough");
      },
    })();
    const end = await new Rig({ processor, audioCodec: "source" }).run(clip);
    assert.ok(end.reason === "failed" && /enough/.test(end.error.message));
  });
}

Deno.test("sound that jumps back in time is heard and goes on", async () => {
  const clips = [movedClip(await testClip(), 900_000), await testClip()];
  let heard = 0;
  const rig = new Rig({
    processor: hearing({ audio: () => void heard++ }),
    audioCodec: "source",
    pace: "live",
    maxQueueSize: 100,
  });
  await rig.run(...clips);
  const input = joined(clips.flatMap(({ segments }) => segments));
  assert.deepEqual(soundOf(joined(rig.sink.whole)), soundOf(input));
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  assert.equal(heard, rig.session.metrics().audio_packets_in);
  assert.equal(rig.session.metrics().frames_dropped + rig.session.metrics().frames_unseen, 0);
});

Deno.test("pictures are not even decoded beside a processor that only hears, until they must be encoded", async () => {
  const clips = [await testClip(), movedClip(await testClip(), 90_000)];
  const rig = new Rig({ processor: hearing({ audio: () => {} }), audioCodec: "source" });
  rig.session.start();
  await rig.source.feed(clips[0]!.segments);
  await until(() => rig.session.metrics().frames_out >= 19, "the first clip");
  assert.deepEqual(rig.session.codecPids, { decoder: undefined, encoder: undefined });
  assert.equal(rig.session.metrics().frames_processed, rig.session.metrics().frames_copied);
  await rig.session.updateParams({ width: 96, height: 64 });
  await rig.source.feed(clips[1]!.segments);
  rig.source.end();
  await rig.ended();
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  const { frames_copied, frames_dropped, frames_unseen } = rig.session.metrics();
  assert.equal(frames_copied, 20);
  assert.equal(frames_dropped + frames_unseen, 0);
});
