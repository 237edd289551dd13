import assert from "node:assert/strict";
import type { Packet } from "../../../src/media/types.ts";
import {
  adler32,
  demuxAll,
  makeTs,
  packetsOf,
  picture,
  prepareTs,
  type ProbedPacket,
  probePackets,
  runTool,
  streamsOf,
  tone,
  X264_LIVE,
} from "./fixtures.ts";

const ADTS_HEADER_BYTES = 7;

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  /** Fields of the announced streams. */
  readonly video?: Readonly<Record<string, unknown>>;
  readonly audio?: Readonly<Record<string, unknown>>;
}

const av = [...picture(2), ...tone(2), ...X264_LIVE];
const BT601 = { matrix: "bt601", fullRange: false };
const H264_320 = { codec: "h264", width: 320, height: 240, reorderDepth: 0, color: BT601 };

const CASES: readonly Case[] = [
  {
    name: "h264 zerolatency and aac 48 kHz mono",
    args: [...av, "-c:a", "aac"],
    video: H264_320,
    audio: { codec: "aac", sampleRate: 48_000, channels: 1 },
  },
  {
    name: "h264 with B-frames, cropped, and aac 44.1 kHz stereo",
    args: [
      ...picture(2, "322x182"),
      ...tone(2, 44_100),
      ..."-c:v libx264 -preset veryfast -bf 3 -g 30 -c:a aac -ac 2".split(" "),
    ],
    video: { codec: "h264", width: 322, height: 182, reorderDepth: 2, color: BT601 },
    audio: { codec: "aac", sampleRate: 44_100, channels: 2 },
  },
  {
    name: "h264 full range BT.709 with sliced pictures",
    args: [
      ...picture(1),
      ...X264_LIVE,
      ..."-x264-params slices=4 -vf scale=out_range=full -color_range pc -colorspace bt709".split(
        " ",
      ),
    ],
    video: { ...H264_320, color: { matrix: "bt709", fullRange: true } },
  },
  {
    name: "h264 with intra refresh: recovery points instead of IDR pictures",
    args: [...picture(2), ...X264_LIVE, "-x264-params", "intra-refresh=1"],
    video: H264_320,
  },
  {
    name: "h264 with open GOPs",
    args: [
      ...picture(2),
      ..."-c:v libx264 -preset veryfast -bf 2 -g 12 -x264-params open-gop=1".split(" "),
    ],
    video: { ...H264_320, reorderDepth: 2 },
  },
  {
    name: "h264 interlaced",
    args: [...picture(1), ...X264_LIVE, "-flags", "+ilme+ildct"],
    video: H264_320,
  },
  {
    name: "hevc with B-frames and aac 5.1",
    args: [
      ...picture(1),
      ...tone(1),
      ..."-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3:b-adapt=0".split(
        " ",
      ),
      ..."-c:a aac -ac 6".split(" "),
    ],
    video: { codec: "hevc", width: 320, height: 240, reorderDepth: 2, color: BT601 },
    audio: { codec: "aac", sampleRate: 48_000, channels: 6 },
  },
  {
    name: "hevc zerolatency, BT.709, 1080 lines cropped",
    args: [
      ...picture(0.3, "1920x1080"),
      ..."-c:v libx265 -preset ultrafast -tune zerolatency -x265-params log-level=none".split(" "),
      ..."-colorspace bt709".split(" "),
    ],
    video: {
      codec: "hevc",
      width: 1920,
      height: 1080,
      reorderDepth: 0,
      color: { matrix: "bt709", fullRange: false },
    },
  },
  {
    name: "opus stereo",
    args: [...av, ..."-c:a libopus -ac 2".split(" ")],
    video: H264_320,
    audio: { codec: "opus", sampleRate: 48_000, channels: 2 },
  },
  {
    name: "opus 5.1 with 60 ms packets",
    args: [...tone(2), ..."-c:a libopus -ac 6 -b:a 256k -frame_duration 60".split(" ")],
    audio: { codec: "opus", sampleRate: 48_000, channels: 6 },
  },
  {
    name: "mp3 44.1 kHz",
    args: [...av, ..."-c:a libmp3lame -ar 44100 -ac 2".split(" ")],
    video: H264_320,
    audio: { codec: "mp3", sampleRate: 44_100, channels: 2 },
  },
  {
    name: "mp3 22.05 kHz mono (MPEG-2), alone",
    args: [...tone(2, 22_050), ..."-c:a libmp3lame -b:a 64k".split(" ")],
    audio: { codec: "mp3", sampleRate: 22_050, channels: 1 },
  },
  {
    name: "MPEG layer II",
    args: [...tone(1), ..."-c:a mp2 -ac 2".split(" ")],
    audio: { codec: "mp2", sampleRate: 48_000, channels: 2 },
  },
  {
    name: "ac3 44.1 kHz stereo",
    args: [...av, ..."-c:a ac3 -ar 44100 -ac 2".split(" ")],
    video: H264_320,
    audio: { codec: "ac3", sampleRate: 44_100, channels: 2 },
  },
  {
    name: "ac3 5.1 as DVB says it",
    args: [...tone(1), ..."-c:a ac3 -ac 6 -mpegts_flags system_b".split(" ")],
    audio: { codec: "ac3", sampleRate: 48_000, channels: 6 },
  },
  {
    name: "one audio frame per PES",
    args: [...av, ..."-c:a aac -pes_payload_size 0".split(" ")],
    video: H264_320,
    audio: { codec: "aac", sampleRate: 48_000, channels: 1 },
  },
  {
    name: "many audio frames per PES",
    args: [...av, ..."-c:a aac -ar 44100 -pes_payload_size 8000".split(" ")],
    video: H264_320,
    audio: { codec: "aac", sampleRate: 44_100, channels: 1 },
  },
  {
    name: "constant rate with null packets",
    args: [...av, ..."-c:a aac -muxrate 3M".split(" ")],
    video: H264_320,
    audio: { codec: "aac", sampleRate: 48_000, channels: 1 },
  },
  {
    name: "PES lengths on video, tables repeated",
    args: [
      ...av,
      ..."-c:a aac -omit_video_pes_length 0 -mpegts_flags resend_headers+pat_pmt_at_frames".split(
        " ",
      ),
    ],
    video: H264_320,
    audio: { codec: "aac", sampleRate: 48_000, channels: 1 },
  },
  { name: "video alone", args: [...picture(1), ...X264_LIVE], video: H264_320 },
  {
    name: "audio alone",
    args: [...tone(2), "-c:a", "aac"],
    audio: { codec: "aac", sampleRate: 48_000, channels: 1 },
  },
];

prepareTs(CASES.map(({ args }) => args));

for (const { name, args, video, audio } of CASES) {
  Deno.test(`MpegTsDemuxer gives the packets that ffprobe does: ${name}`, async () => {
    const ts = await makeTs(args);
    const events = demuxAll(ts);
    const probed = await probePackets(ts);
    const pictures = packetsOf(events, "video");
    assertSamePackets(
      video?.codec === "hevc" ? moveZeroBytes(pictures) : pictures,
      probed.filter((p) => p.kind === "video"),
      0,
    );
    const isAac = audio?.codec === "aac";
    assertSamePackets(
      packetsOf(events, "audio"),
      probed.filter((p) => p.kind === "audio"),
      isAac ? ADTS_HEADER_BYTES : 0,
    );
    const streams = streamsOf(events);
    assertFields(streams.video, video);
    assertFields(streams.audio, audio);
    assert.deepEqual(streams.unsupported, []);
    assert.equal(events.some((event) => event.kind === "discontinuity"), false);
  });
}

Deno.test("MpegTsDemuxer strips ADTS headers as ffmpeg's bit stream filter does", async () => {
  const ts = await makeTs([...tone(2), ..."-c:a aac -ac 2 -pes_payload_size 4000".split(" ")]);
  const args = "-f mpegts -i pipe:0 -c copy -bsf:a aac_adtstoasc -f framehash -hash adler32 -";
  const listing = new TextDecoder().decode(await runTool("ffmpeg", args.split(" "), ts));
  const expected = listing.split("\n").filter((line) => /^\d/.test(line))
    .map((line) => line.split(",")[5]!.trim());
  const events = demuxAll(ts);
  assert.deepEqual(packetsOf(events).map(({ data }) => adler32(data)), expected);
  assert.deepEqual([...streamsOf(events).audio!.extradata], [0x11, 0x90]);
});

/**
 * While it probes, ffprobe cuts each frame's duration to whole ticks, so that the later ones of the
 * first PES are early by up to a tick each; afterwards it is right to a tick.
 */
function audioTolerance(index: number): number {
  return index < 20 ? 1 + index : 1;
}

function assertSamePackets(
  packets: readonly Packet[],
  probed: readonly ProbedPacket[],
  headerBytes: number,
): void {
  assert.equal(packets.length, probed.length);
  packets.forEach((packet, index) => {
    const expected = probed[index]!;
    const tolerance = packet.kind === "audio" ? audioTolerance(index) : 0;
    const about = `packet ${index}: pts ${packet.ptsTicks}, dts ${packet.dtsTicks}; ` +
      `ffprobe says ${expected.pts}, ${expected.dts}`;
    assert.ok(Math.abs(packet.ptsTicks - expected.pts) <= tolerance, about);
    assert.ok(Math.abs(packet.dtsTicks - expected.dts) <= tolerance, about);
    assert.equal(packet.keyframe, expected.keyframe, about);
    assert.equal(packet.data.length + headerBytes, expected.size, about);
    if (headerBytes === 0) assert.equal(adler32(packet.data), expected.adler32, about);
  });
}

/**
 * ffmpeg's HEVC parser counts the zero byte in front of a start code to the picture before; ISO/IEC
 * 23008-2 section B.2.2 and the PES packets count it to the picture behind.
 */
function moveZeroBytes(packets: readonly Packet[]): Packet[] {
  return packets.map((packet, index) => {
    const from = index === 0 ? 0 : 1;
    const data = new Uint8Array(packet.data.length - from + (index + 1 < packets.length ? 1 : 0));
    data.set(packet.data.subarray(from));
    return { ...packet, data };
  });
}

function assertFields(actual: object | undefined, expected: object | undefined): void {
  if (expected === undefined) assert.equal(actual, undefined);
  else assert.deepEqual({ ...actual, ...expected }, actual);
}
