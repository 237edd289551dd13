import assert from "node:assert/strict";
import {
  NutDemuxer,
  NutMuxer,
  type NutPacket,
  type NutPacketEvent,
  type NutStream,
} from "../../../src/media/nut/mod.ts";
import { probePackets, run } from "./ffmpeg_helper.ts";

const STREAMS: NutStream[] = [
  {
    kind: "video",
    format: "h264",
    timeBase: { num: 1, den: 90_000 },
    width: 640,
    height: 360,
    decodeDelay: 2,
  },
  {
    kind: "audio",
    format: "opus",
    timeBase: { num: 1, den: 48_000 },
    sampleRate: 48_000,
    channels: 2,
    extradata: new TextEncoder().encode("OpusHead"),
  },
  {
    kind: "audio",
    format: "f32le",
    timeBase: { num: 1, den: 48_000 },
    sampleRate: 44_100,
    channels: 6,
    extradata: new Uint8Array(0),
  },
];

// 26.5 hours of 90 kHz is 33 bits; and beyond.
const PACKETS: NutPacket[] = [0, 1, 127, 128, 2 ** 31, 2 ** 33 - 1, 2 ** 33, 2 ** 44].map(
  (ptsTicks, i) => ({
    streamIndex: i % 3,
    ptsTicks,
    keyframe: i % 2 === 0,
    data: new Uint8Array(i === 3 ? 5000 : i * 17).fill(i),
  }),
);

function write(syncpoints: "every-packet" | "first-packet"): Uint8Array[] {
  const muxer = new NutMuxer(STREAMS, { syncpoints });
  return [muxer.header(), ...PACKETS.flatMap((packet) => muxer.packet(packet))];
}

for (const syncpoints of ["every-packet", "first-packet"] as const) {
  Deno.test(`NutMuxer and NutDemuxer agree, syncpoints: ${syncpoints}`, () => {
    const demuxer = new NutDemuxer();
    const events = write(syncpoints).flatMap((chunk) => demuxer.push(chunk));
    demuxer.end();
    const [streams, ...packets] = events;
    assert.ok(streams?.kind === "streams");
    assert.deepEqual(streams.streams[0], { ...STREAMS[0], extradata: new Uint8Array(0) });
    assert.deepEqual(streams.streams[1], STREAMS[1]);
    assert.deepEqual(streams.streams[2], STREAMS[2]);
    assert.deepEqual(
      packets,
      PACKETS.map((packet) => ({ kind: "packet", ...packet }) as NutPacketEvent),
    );
  });

  Deno.test(`ffprobe reads what NutMuxer writes, syncpoints: ${syncpoints}`, async () => {
    const timeBase = { num: 1001, den: 30_000 };
    const pcm = { kind: "audio", format: "s16le", sampleRate: 48_000, channels: 1 } as const;
    const muxer = new NutMuxer([
      { kind: "video", format: "rgb24", timeBase, width: 90, height: 70 },
      { ...pcm, timeBase: { num: 1, den: 48_000 } },
    ], { syncpoints });
    const chunks = [muxer.header()];
    const expected = [];
    for (let i = 0; i < 9; i++) {
      const streamIndex = i % 2;
      const ptsTicks = streamIndex === 0 ? 2_000_000 + i * i : 3_203_203_200 + i * 960;
      const data = new Uint8Array(streamIndex === 0 ? 90 * 70 * 3 : 1920);
      chunks.push(...muxer.packet({ streamIndex, ptsTicks, keyframe: true, data }));
      expected.push({ streamIndex, ptsTicks, keyframe: true, size: data.length });
    }
    const bytes = new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
    assert.deepEqual(await probePackets(bytes), expected);
  });
}

Deno.test("NutMuxer does not copy payloads", () => {
  const muxer = new NutMuxer(STREAMS);
  const data = new Uint8Array(100);
  const [, payload] = muxer.packet({ ptsTicks: 5, keyframe: false, data });
  assert.equal(payload, data);
});

Deno.test("NutMuxer refuses a negative or fractional pts and an unknown stream", () => {
  const muxer = new NutMuxer(STREAMS);
  const data = new Uint8Array(1);
  assert.throws(() => muxer.packet({ ptsTicks: -2, keyframe: true, data }), RangeError);
  assert.throws(() => muxer.packet({ ptsTicks: 0.5, keyframe: true, data }), RangeError);
  assert.throws(
    () => muxer.packet({ streamIndex: 3, ptsTicks: 0, keyframe: true, data }),
    /stream 3: there are 3/,
  );
});

Deno.test("ffmpeg decodes H.264 from NutMuxer to the same pictures", async () => {
  const source = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10", "-t", "1"];
  const encode = ["-c:v", "libx264", "-bf", "2", "-f", "nut", "pipe:1"];
  const nut = await run("ffmpeg", [...source, ...encode]);
  const demuxer = new NutDemuxer();
  const [streams, ...packets] = demuxer.push(nut);
  assert.ok(streams?.kind === "streams");
  const muxer = new NutMuxer(streams.streams as NutStream[], { syncpoints: "first-packet" });
  const chunks = [muxer.header()];
  for (const packet of packets) {
    if (packet.kind === "packet") chunks.push(...muxer.packet(packet));
  }
  const hash = ["-v", "error", "-f", "nut", "-i", "pipe:0", "-f", "framemd5", "pipe:1"];
  const ours = await run("ffmpeg", hash, chunks);
  assert.deepEqual(ours, await run("ffmpeg", hash, [nut]));
});

Deno.test("NutMuxer.opening() takes the first bytes of the first packet", () => {
  for (const syncpoints of ["first-packet", "every-packet"] as const) {
    const [plain, opened] = [0, 1].map(() => new NutMuxer(STREAMS, { syncpoints }));
    const [expected, found] = [[plain!.header()], [opened!.opening()]];
    for (const packet of PACKETS) {
      expected.push(...plain!.packet(packet));
      found.push(...opened!.packet(packet));
    }
    assert.equal(found[0]!.length, expected[0]!.length + 8);
    assert.deepEqual(joined(found), joined(expected));
  }
});

function joined(parts: readonly Uint8Array[]): number[] {
  return parts.flatMap((part) => [...part]);
}
