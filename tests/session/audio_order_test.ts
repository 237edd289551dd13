/** Audio that waited for video, and audio that comes meanwhile. */

import assert from "node:assert/strict";
import { MpegTsDemuxer } from "../../src/media/mpegts/mod.ts";
import type { AudioStreamInfo, Packet } from "../../src/media/types.ts";
import { SegmentOutput } from "../../src/session/output/segment_output.ts";
import { StreamMeters } from "../../src/session/telemetry/stream_meters.ts";
import { MemorySink } from "./in_memory.ts";

const AUDIO: AudioStreamInfo = {
  kind: "audio",
  codec: "aac",
  sampleRate: 48_000,
  channels: 2,
  extradata: Uint8Array.of(0x11, 0x90),
};

function audioPacket(index: number): Packet {
  const ptsTicks = 126_000 + index * 1_920;
  return {
    kind: "audio",
    ptsTicks,
    dtsTicks: ptsTicks,
    keyframe: true,
    data: new Uint8Array(8).fill(index),
  };
}

Deno.test("SegmentOutput writes packets in the order of the calls, however many come at once", async () => {
  const sink = new MemorySink();
  const errors: Error[] = [];
  await using output = new SegmentOutput({
    sink,
    meters: new StreamMeters(),
    audioSegmentSeconds: 10,
    onFirstSegment: () => {},
    onSegmentError: (error) => errors.push(error),
    onClosed: (error) => errors.push(error),
  });
  const packets = Array.from({ length: 200 }, (_, index) => audioPacket(index));
  // More than the queue holds, and a packet that comes while they wait for room.
  const writes = [
    output.writeAll(packets.slice(0, 150)),
    output.write(packets[150]!),
    output.writeAll(packets.slice(151, 199)),
    output.write(packets[199]!),
  ];
  output.configure({ video: false, audio: AUDIO });
  await Promise.all(writes);
  await output.finish();
  const demuxer = new MpegTsDemuxer();
  const events = sink.segments.flatMap(({ bytes }) => bytes.flatMap((part) => demuxer.push(part)));
  const times = [...events, ...demuxer.flush()].flatMap((event) =>
    event.kind === "packet" ? [event.packet.ptsTicks] : []
  );
  assert.deepEqual(times, packets.map(({ ptsTicks }) => ptsTicks));
  assert.deepEqual(errors, []);
});
