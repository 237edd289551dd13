import assert from "node:assert/strict";
import type { Packet } from "../../../src/media/types.ts";
import { MpegTsDemuxer, MpegTsMuxer } from "../../../src/media/mpegts/mod.ts";
import {
  concatBytes,
  createRandom,
  demuxAll,
  makeTs,
  packetsOf,
  packPes,
  picture,
  syntheticPicture,
  tone,
  tsPackets,
  X264_LIVE,
} from "./fixtures.ts";

/** Where ffmpeg and our muxer put video, and ffmpeg an only audio stream. */
const ONLY_PID = 0x100;

Deno.test("MpegTsDemuxer puts audio frames together that are split over PES packets", async () => {
  for (const codec of ["aac", "libmp3lame", "ac3", "libopus"]) {
    const ts = await makeTs([...tone(1), "-c:a", codec, "-ac", "2", "-pes_payload_size", "0"]);
    const expected = packetsOf(demuxAll(ts));
    const tables = ts.subarray(0, 3 * 188);
    const { stream, firstAfter } = audioBytes(ts);
    const random = createRandom(5);
    const pieces = [tables];
    for (let at = 0, continuity = 0; at < stream.length;) {
      const payload = stream.subarray(at, at + 1 + random(1200));
      // The time of a PES is that of the first frame that begins in it.
      const begun = firstAfter(at);
      const pts = begun !== undefined && begun.at < at + payload.length
        ? { pts: begun.pts % 2 ** 33 }
        : {};
      const unit = packPes({ pid: ONLY_PID, ...pts, payload, sized: true, continuity });
      pieces.push(unit);
      continuity += unit.length / 188;
      at += payload.length;
    }
    const demuxer = new MpegTsDemuxer();
    const packets = packetsOf([...demuxer.push(concatBytes(pieces)), ...demuxer.flush()]);
    assert.equal(demuxer.stats.audioSkippedBytes, 0, codec);
    assertSame(packets, expected);
  }
});

Deno.test("MpegTsDemuxer finds the next audio frame after damage", async () => {
  const ts = await makeTs([...tone(1), ..."-c:a aac -pes_payload_size 0".split(" ")]);
  const expected = packetsOf(demuxAll(ts));
  const { stream } = audioBytes(ts);
  const tables = ts.subarray(0, 3 * 188);
  const damaged = concatBytes([
    stream.subarray(0, 900),
    Uint8Array.of(1, 2, 3),
    stream.subarray(900),
  ]);
  const pes = packPes({
    pid: ONLY_PID,
    pts: 126_000,
    payload: damaged,
    sized: true,
    continuity: 0,
  });
  const demuxer = new MpegTsDemuxer();
  const packets = packetsOf(demuxer.push(concatBytes([tables, pes])));
  assert.ok(packets.length >= expected.length - 3, `${packets.length} of ${expected.length}`);
  assert.equal(demuxer.stats.audioResyncs, 1);
});

for (const codec of ["h264", "hevc"] as const) {
  Deno.test(`MpegTsDemuxer tells several ${codec} pictures in one PES apart`, async () => {
    const encoder = codec === "h264"
      ? [...X264_LIVE, "-x264-params", "slices=3"]
      : "-c:v libx265 -preset ultrafast -tune zerolatency -x265-params log-level=none".split(" ");
    const ts = await makeTs([...picture(1, "160x120"), ...encoder]);
    const expected = packetsOf(demuxAll(ts));
    const tables = ts.subarray(0, 3 * 188);
    const pieces = [tables];
    for (let index = 0, continuity = 0; index < expected.length; index += 3) {
      const group = expected.slice(index, index + 3);
      const unit = packPes({
        pid: ONLY_PID,
        pts: group[0]!.ptsTicks,
        payload: concatBytes(group.map((packet) => packet.data)),
        sized: false,
        continuity,
      });
      pieces.push(unit);
      continuity += unit.length / 188;
    }
    assertSame(packetsOf(demuxAll(concatBytes(pieces))), expected);
  });
}

Deno.test("MpegTsDemuxer joins a picture that comes in several PES packets", () => {
  const data = [1200, 700, 900, 800].map((bytes, index) => syntheticPicture(bytes, index === 0));
  const pieces = [videoTables()];
  let continuity = 0;
  data.forEach((bytes, index) => {
    for (let at = 0; at < bytes.length; at += 300) {
      const pts = at === 0 ? { pts: 90_000 + 3000 * index } : {};
      const payload = bytes.subarray(at, at + 300);
      const unit = packPes({ pid: ONLY_PID, ...pts, payload, sized: true, continuity });
      pieces.push(unit);
      continuity += unit.length / 188;
    }
  });
  const packets = packetsOf(demuxAll(concatBytes(pieces)));
  assert.deepEqual(packets.map((packet) => packet.data), data);
});

Deno.test("MpegTsDemuxer loses no byte of pictures that are stuffed in the middle", () => {
  const data = [1500, 1500, 1500].map((bytes, index) => syntheticPicture(bytes, index === 0));
  const pieces = [videoTables()];
  let continuity = 0;
  data.forEach((payload, index) => {
    const pts = 90_000 + 3000 * index;
    const unit = packPes({
      pid: ONLY_PID,
      pts,
      payload,
      sized: false,
      continuity,
      stuffed: [2, 5],
    });
    pieces.push(unit);
    continuity += unit.length / 188;
  });
  const demuxer = new MpegTsDemuxer();
  const packets = packetsOf([...demuxer.push(concatBytes(pieces)), ...demuxer.flush()]);
  assert.deepEqual(packets.map((packet) => packet.data), data);
  assert.equal(demuxer.stats.falseEnds, 0);
});

Deno.test("MpegTsDemuxer does not take a clock or other fields for stuffing", () => {
  const muxer = new MpegTsMuxer({ video: { codec: "h264" } });
  const data = syntheticPicture(100_000, true);
  const tables = muxer.startSegment();
  const unit = muxer.write({ kind: "video", ptsTicks: 0, dtsTicks: 0, keyframe: true, data });
  assert.ok(tsPackets(unit)[0]!.pcrBase !== undefined);
  // A splice countdown, private data and an extension that fill the field exactly, no stuffing.
  const body = unit.subarray(188, 376).slice();
  const fields = Uint8Array.of(9, 0x07, 5, 2, 0xAA, 0xBB, 3, 0, 0, 0);
  body[3]! |= 0x20;
  body.set(fields, 4);
  const demuxer = new MpegTsDemuxer();
  const head = concatBytes([tables, unit.subarray(0, 188), body]);
  assert.deepEqual(demuxer.push(head), []);
  const packets = packetsOf(demuxer.push(unit.subarray(376)));
  assert.equal(packets.length, 1);
  assert.equal(demuxer.stats.falseEnds, 0);
});

function videoTables(): Uint8Array {
  return new MpegTsMuxer({ video: { codec: "h264" } }).startSegment();
}

function assertSame(actual: readonly Packet[], expected: readonly Packet[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((packet, index) => {
    const other = expected[index]!;
    assert.deepEqual(packet.data, other.data, `data of packet ${index}`);
    assert.ok(Math.abs(packet.ptsTicks - other.ptsTicks) <= 1, `pts of packet ${index}`);
    assert.equal(packet.keyframe, other.keyframe, `keyframe of packet ${index}`);
  });
}

interface Begun {
  readonly at: number;
  readonly pts: number;
}

/** The bytes of an audio stream with one frame per PES, and where its frames begin. */
function audioBytes(
  ts: Uint8Array,
): { stream: Uint8Array; firstAfter: (at: number) => Begun | undefined } {
  const pieces: Uint8Array[] = [];
  const begun: Begun[] = [];
  const times = packetsOf(demuxAll(ts)).map((packet) => packet.ptsTicks);
  let at = 0;
  for (const packet of tsPackets(ts)) {
    if (packet.pid !== ONLY_PID) continue;
    const skip = packet.unitStart ? 9 + packet.payload[8]! : 0;
    if (packet.unitStart) begun.push({ at, pts: times[begun.length]! });
    pieces.push(packet.payload.subarray(skip));
    at += packet.payload.length - skip;
  }
  return { stream: concatBytes(pieces), firstAfter: (from) => begun.find((one) => one.at >= from) };
}
