/** Streams that are listed and do not come, or come late. */

import assert from "node:assert/strict";
import { MpegTsMuxer } from "../../src/media/mpegts/mod.ts";
import type { Packet } from "../../src/media/types.ts";
import { TEST_START_TICKS } from "../../src/source/mod.ts";
import { probeStreams } from "../e2e/ffmpeg.ts";
import { until } from "../waiting.ts";
import { type Clip, demux, joined, movedClip, testClip } from "./clips.ts";
import { MAX_WAITING_BYTES } from "../../src/session/output/interleaver.ts";
import { Rig } from "./rig.ts";

/** The clip's sound alone in a stream that announces pictures too. */
function soundOf(clip: Clip): { readonly bytes: Uint8Array; readonly packets: number } {
  const streams = clip.events.find((event) => event.kind === "streams");
  assert.ok(streams?.video !== undefined && streams.audio !== undefined);
  const muxer = new MpegTsMuxer({ video: streams.video, audio: streams.audio });
  const parts = [muxer.startSegment()];
  for (const event of clip.events) {
    if (event.kind === "packet" && event.stream === "audio") parts.push(muxer.write(event.packet));
  }
  return { bytes: joined(parts), packets: parts.length - 1 };
}

for (const audioCodec of ["source", "opus"] as const) {
  Deno.test(`${audioCodec} sound goes out after two seconds without the listed pictures, which join later`, async () => {
    const clip = await testClip();
    const [first, second] = [soundOf(clip), soundOf(movedClip(clip, 90_000))];
    const withPictures = movedClip(clip, 180_000);
    const rig = new Rig({ pace: "live", maxQueueSize: 1_000, audioCodec });
    const heard = (): number => rig.session.metrics().audio_packets_out;
    rig.session.start();
    await rig.source.feed([first.bytes]);
    await until(() => rig.session.metrics().audio_packets_in === first.packets, "the first sound");
    assert.equal(heard(), 0);
    await rig.clock.advance(2_000);
    await rig.source.feed([second.bytes]);
    await until(() => heard() > 0, "sound without pictures");
    await rig.source.feed(withPictures.segments);
    rig.source.end();
    await rig.ended();
    const { audio_packets_in, audio_packets_dropped, frames_dropped } = rig.session.metrics();
    assert.deepEqual(rig.videoTicks, withPictures.videoTicks);
    assert.equal(frames_dropped, 0);
    assert.equal(audio_packets_dropped, 0);
    if (audioCodec === "source") assert.equal(rig.audioPackets, audio_packets_in);
    // Who joins at the start learns of the pictures that will come.
    const streams = await probeStreams(joined(rig.sink.whole));
    assert.deepEqual(streams.map(({ codec_type }) => codec_type).sort(), ["audio", "video"]);
  });
}

Deno.test("sound that waits for listed pictures is dropped and counted past its bound", async () => {
  const clip = await testClip({ seconds: 3 });
  const sound = soundOf(clip);
  const rig = new Rig({ pace: "live", audioCodec: "source" });
  rig.session.start();
  await rig.source.feed([sound.bytes]);
  rig.source.end();
  await rig.ended();
  const { audio_packets_in, audio_packets_out, audio_packets_dropped } = rig.session.metrics();
  assert.equal(audio_packets_in, sound.packets);
  assert.equal(audio_packets_out + audio_packets_dropped, audio_packets_in);
  assert.equal(audio_packets_dropped, sound.packets - 100);
});

Deno.test("a file keeps all sound before its first picture, and in its place", async () => {
  const { events } = await testClip({ seconds: 4 });
  const joinTicks = TEST_START_TICKS + 3 * 90_000;
  const kept = events.filter((event) =>
    event.kind !== "packet" || event.stream === "audio" || event.packet.ptsTicks >= joinTicks
  );
  const streams = kept.find((event) => event.kind === "streams");
  const packets = kept.flatMap((event) => event.kind === "packet" ? [event.packet] : []);
  const muxer = new MpegTsMuxer({ video: streams!.video!, audio: streams!.audio! });
  const rig = new Rig({ pace: "complete", audioCodec: "source" });
  rig.session.start();
  await rig.source.feed([
    joined([muxer.startSegment(), ...packets.map((packet) => muxer.write(packet))]),
  ]);
  rig.source.end();
  await rig.ended();
  assert.equal(rig.session.metrics().audio_packets_dropped, 0);
  const said = ({ kind, ptsTicks }: Packet): string => `${kind} ${ptsTicks}`;
  assert.deepEqual(demux(joined(rig.sink.whole)).map(said), packets.map(said));
});

Deno.test("a file whose listed pictures never come is a file of sound", async () => {
  const sound = soundOf(await testClip());
  const rig = new Rig({ pace: "complete", audioCodec: "source" });
  rig.session.start();
  await rig.source.feed([sound.bytes]);
  rig.source.end();
  await rig.ended();
  assert.equal(rig.audioPackets, sound.packets);
  const streams = await probeStreams(joined(rig.sink.whole));
  assert.deepEqual(streams.map(({ codec_type }) => codec_type), ["audio"]);
});

/** The clip's pictures behind so much sound that nobody waits for them any longer. */
async function lateClip(): Promise<{ bytes: Uint8Array; packets: number; pictures: number }> {
  const clip = await testClip();
  const streams = clip.events.find((event) => event.kind === "streams");
  assert.ok(streams?.video !== undefined && streams.audio !== undefined);
  const muxer = new MpegTsMuxer({ video: streams.video, audio: streams.audio });
  const parts = [muxer.startSegment()];
  const data = new Uint8Array(8_000);
  const count = Math.ceil(1.1 * MAX_WAITING_BYTES / data.length);
  for (let index = 0; index < count; index++) {
    const ticks = TEST_START_TICKS + index * 1_920;
    const times = { ptsTicks: ticks, dtsTicks: ticks };
    parts.push(muxer.write({ kind: "audio", ...times, keyframe: true, data }));
  }
  const behind = movedClip(clip, count * 1_920);
  const packets = behind.events.flatMap((event) => event.kind === "packet" ? [event.packet] : []);
  parts.push(...packets.map((packet) => muxer.write(packet)));
  return {
    bytes: joined(parts),
    packets: count + packets.filter(({ kind }) => kind === "audio").length,
    pictures: behind.videoTicks.length,
  };
}

Deno.test("a file with a great deal of sound and no pictures is written as one of sound", async (t) => {
  const { bytes, packets, pictures } = await lateClip();
  for (const fixedStreams of [true, false]) {
    const fate = fixedStreams ? "are counted and reported" : "join it";
    await t.step(`pictures that come later ${fate}`, async () => {
      const rig = new Rig({ pace: "complete", audioCodec: "source", fixedStreams });
      rig.session.start();
      await rig.source.feed([bytes]);
      rig.source.end();
      await rig.ended();
      const { audio_packets_out, frames_out, frames_dropped_by_reason } = rig.session.metrics();
      assert.equal(audio_packets_out, packets);
      const [out, dropped] = fixedStreams ? [0, pictures] : [pictures, 0];
      assert.equal(frames_out, out);
      assert.equal(frames_dropped_by_reason.output ?? 0, dropped);
      const errors = rig.errors.filter((error) => error.startsWith("output:"));
      assert.equal(errors.length, fixedStreams ? 1 : 0, errors.join("\n"));
      const streams = await probeStreams(rig.sink.whole[0]!);
      assert.deepEqual(streams.map(({ codec_type }) => codec_type), ["audio"]);
    });
  }
});
