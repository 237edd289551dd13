import assert from "node:assert/strict";
import type { Packet } from "../../../src/media/types.ts";
import {
  MpegTsDemuxer,
  MpegTsMuxer,
  type MpegTsMuxerOptions,
  type TsEvent,
} from "../../../src/media/mpegts/mod.ts";
import {
  concatBytes,
  demuxAll,
  makeTs,
  packetsOf,
  picture,
  prepareTs,
  probePackets,
  spawnTool,
  streamsOf,
  syntheticPicture,
  tone,
  tsPackets,
  X264_LIVE,
} from "./fixtures.ts";

const WRAP = 2 ** 33;
const av = [...picture(2), ...tone(2), ...X264_LIVE];

const CASES: Readonly<Record<string, readonly string[]>> = {
  "h264 and aac": [...av, ..."-c:a aac -ac 2".split(" ")],
  "h264 with B-frames and aac 5.1": [
    ...picture(2),
    ...tone(2),
    ..."-c:v libx264 -preset veryfast -bf 3 -g 30 -c:a aac -ac 6".split(" "),
  ],
  "h264 and opus": [...av, ..."-c:a libopus -ac 2".split(" ")],
  "hevc and opus 5.1": [
    ...picture(1),
    ...tone(1),
    ..."-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3".split(" "),
    ..."-c:a libopus -ac 6 -b:a 400k".split(" "),
  ],
  "h264 and mp3": [...av, ..."-c:a libmp3lame".split(" ")],
  "ac3 alone": [...tone(1), ..."-c:a ac3 -ac 2".split(" ")],
  "opus alone, 60 ms packets": [
    ...tone(2),
    ..."-c:a libopus -b:a 300k -vbr off -ac 2 -frame_duration 60".split(" "),
  ],
  "h264 alone, pictures above 64 KiB": [
    ..."-f lavfi -t 0.4 -i testsrc2=s=1280x720:r=30,noise=alls=80:allf=t".split(" "),
    ...X264_LIVE,
    ..."-pix_fmt yuv420p -qp 12".split(" "),
  ],
};

prepareTs(Object.values(CASES));

for (const [name, args] of Object.entries(CASES)) {
  Deno.test(`MpegTsMuxer writes what ffmpeg reads without a warning: ${name}`, async () => {
    const { packets, options } = demuxed(await makeTs(args));
    const ts = mux(packets, options);
    const read = await spawnTool("ffmpeg", WARNINGS_FATAL, ts);
    assert.equal(read.stderr, "");
    assert.ok(read.success);
    for (const kind of ["video", "audio"] as const) {
      const probed = (await probePackets(ts)).filter((packet) => packet.kind === kind);
      const written = packets.filter((packet) => packet.kind === kind);
      assert.deepEqual(
        probed.map(({ pts, dts, keyframe }) => ({ pts, dts, keyframe })),
        written.map((p) => ({ pts: p.ptsTicks, dts: p.dtsTicks, keyframe: p.keyframe })),
      );
    }
  });

  Deno.test(`MpegTsMuxer and MpegTsDemuxer are inverse: ${name}`, async () => {
    const { packets, options } = demuxed(await makeTs(args));
    const events = demuxAll(mux(packets, options));
    assert.deepEqual(packetsOf(events), packets);
    const { audio } = streamsOf(events);
    if (options.audio === undefined) assert.equal(audio, undefined);
    else assert.deepEqual({ ...audio, ...options.audio }, audio);
  });
}

const WARNINGS_FATAL = "-v warning -xerror -f mpegts -i pipe:0 -f null -".split(" ");

Deno.test("MpegTsMuxer stuffs the last packet of each unit, whatever its size", () => {
  const muxer = new MpegTsMuxer({ video: { codec: "h264" } });
  const demuxer = new MpegTsDemuxer();
  assert.deepEqual(demuxer.push(muxer.startSegment()), []);
  for (const bytes of unitSizes()) {
    for (const [ptsTicks, dtsTicks] of [[9000, 9000], [9000, 6000]] as const) {
      for (const keyframe of [true, false]) {
        const data = syntheticPicture(bytes, keyframe);
        const unit = muxer.write({ kind: "video", ptsTicks, dtsTicks, keyframe, data });
        const packets = tsPackets(unit);
        const about = `${bytes} bytes, dts ${dtsTicks}`;
        assert.ok(packets.at(-1)!.stuffed, about);
        for (const packet of packets.slice(0, -1)) assert.equal(packet.stuffed, false, about);
        assert.equal(packets[0]!.randomAccess, keyframe, about);
        assert.deepEqual(packetsOf(demuxer.push(unit)).map((packet) => packet.data), [data], about);
      }
    }
  }
  assert.equal(demuxer.stats.continuityErrors, 0);
  assert.deepEqual(demuxer.flush(), []);
});

Deno.test("MpegTsMuxer writes the PES length where it fits 16 bits, else 0", () => {
  const muxer = new MpegTsMuxer({ video: { codec: "h264" } });
  for (const [bytes, expected] of [[1000, 1008], [65_527, 65_535], [65_528, 0]] as const) {
    const data = syntheticPicture(bytes, true);
    const unit = muxer.write({ kind: "video", ptsTicks: 0, dtsTicks: 0, keyframe: true, data });
    const header = tsPackets(unit)[0]!.payload;
    assert.equal(header[4]! << 8 | header[5]!, expected);
  }
});

Deno.test("MpegTsMuxer's clock is never ahead of decoding, and goes on through the wrap", () => {
  const muxer = new MpegTsMuxer({ video: { codec: "h264" } });
  const data = syntheticPicture(100, false);
  const clockAt = (dtsTicks: number): number => {
    const packet: Packet = { kind: "video", ptsTicks: dtsTicks, dtsTicks, keyframe: false, data };
    const clock = tsPackets(muxer.write(packet))[0]!.pcrBase;
    assert.ok(clock !== undefined);
    return clock;
  };
  assert.equal(clockAt(0), 0);
  assert.equal(clockAt(8999), 0);
  assert.equal(clockAt(100_000), 91_000);
  assert.equal(clockAt(WRAP - 1), WRAP - 9001);
  assert.equal(clockAt(WRAP + 1000), WRAP - 8000);
  assert.equal(clockAt(WRAP + 10_000), 1000);
  assert.equal(clockAt(-1000), WRAP - 10_000);
});

Deno.test("MpegTsMuxer signals where its clock jumps, and only there", () => {
  const data = syntheticPicture(100, true);
  const audio = {
    codec: "mp3",
    sampleRate: 48_000,
    channels: 2,
    extradata: new Uint8Array(0),
  } as const;
  const muxer = new MpegTsMuxer({ video: { codec: "h264" }, audio });
  const events: TsEvent[] = [];
  const demuxer = new MpegTsDemuxer();
  events.push(...demuxer.push(muxer.startSegment()));
  const write = (kind: "video" | "audio", ticks: number): void => {
    const packet = { kind, ptsTicks: ticks, dtsTicks: ticks, keyframe: true, data };
    events.push(...demuxer.push(muxer.write(packet)));
  };
  // The clock comes with the sound until there are pictures.
  write("audio", 100_000);
  write("audio", 110_000);
  for (let index = 0; index < 5; index++) write("video", 110_000 + 3000 * index);
  // A pause is no jump, nor is the wrap.
  write("video", 500_000);
  assert.deepEqual(events.filter(({ kind }) => kind === "discontinuity"), []);
  write("video", 100_000);
  write("video", 103_000);
  write("video", 9_000_000);
  assert.deepEqual(
    events.flatMap((event) => event.kind === "discontinuity" ? [event.reason] : []),
    ["signalled", "signalled"],
  );
});

Deno.test("MpegTsMuxer keeps times through the 33-bit wrap and below zero", () => {
  const times = [WRAP - 3000, WRAP, WRAP + 3000, 5 * WRAP + 7];
  const muxer = new MpegTsMuxer({ video: { codec: "h264" } });
  const data = syntheticPicture(100, true);
  for (const dtsTicks of [-6000, ...times]) {
    const demuxer = new MpegTsDemuxer();
    const ptsTicks = dtsTicks + 3000;
    demuxer.push(muxer.startSegment());
    const unit = muxer.write({ kind: "video", ptsTicks, dtsTicks, keyframe: true, data });
    const [packet] = packetsOf(demuxer.push(unit));
    assert.equal(packet?.dtsTicks, (dtsTicks % WRAP + WRAP) % WRAP);
    assert.equal(packet.ptsTicks - packet.dtsTicks, 3000);
  }
});

for (const [codec, args] of [["h264", X264_LIVE], ["hevc", ["-c:v", "libx265"]]] as const) {
  Deno.test(`MpegTsMuxer puts a delimiter before ${codec} pictures without one`, async () => {
    const quiet = codec === "hevc"
      ? ["-preset", "ultrafast", "-x265-params", "log-level=none"]
      : [];
    const { packets } = demuxed(await makeTs([...picture(0.5), ...args, ...quiet]));
    const delimiterBytes = codec === "h264" ? 6 : 7;
    const bare = packets.map((packet) => ({
      ...packet,
      data: packet.data.subarray(delimiterBytes),
    }));
    const ts = mux(bare, { video: { codec } });
    assert.deepEqual(packetsOf(demuxAll(ts)), packets);
    assert.equal((await spawnTool("ffmpeg", WARNINGS_FATAL, ts)).stderr, "");
  });
}

Deno.test("MpegTsMuxer carries the clock on the audio when there is no video", () => {
  const muxer = new MpegTsMuxer({ audio: AAC_STEREO });
  const data = new Uint8Array(300).fill(7);
  const packet: Packet = {
    kind: "audio",
    ptsTicks: 90_000,
    dtsTicks: 90_000,
    keyframe: true,
    data,
  };
  const [first] = tsPackets(muxer.write(packet));
  assert.equal(first?.pcrBase, 81_000);
  assert.equal(first.randomAccess, true);
});

Deno.test("MpegTsMuxer refuses what MPEG-TS cannot carry", () => {
  assert.throws(() => new MpegTsMuxer({}), TypeError);
  const muxer = new MpegTsMuxer({ audio: AAC_STEREO });
  const data = new Uint8Array(10);
  const packet: Packet = { kind: "audio", ptsTicks: 0, dtsTicks: 0, keyframe: true, data };
  assert.throws(() => muxer.write({ ...packet, kind: "video" }), TypeError);
  assert.throws(() => muxer.write({ ...packet, data: new Uint8Array(0) }), TypeError);
  assert.throws(() => muxer.write({ ...packet, ptsTicks: 0.5 }), RangeError);
  assert.throws(() => muxer.write({ ...packet, data: new Uint8Array(8185) }), {
    code: "MEDIA_BAD_FRAME",
  });
  const inPce = { ...AAC_STEREO, extradata: Uint8Array.of(0x11, 0x80) };
  assert.throws(() => new MpegTsMuxer({ audio: inPce }), { code: "MEDIA_UNSUPPORTED_CODEC" });
  const noConfig = { ...AAC_STEREO, extradata: new Uint8Array(0) };
  assert.throws(() => new MpegTsMuxer({ audio: noConfig }), { code: "MEDIA_BAD_FRAME" });
  const mono = { ...AAC_STEREO, channels: 1 };
  assert.throws(() => new MpegTsMuxer({ audio: mono }), { code: "MEDIA_UNSUPPORTED_CODEC" });
});

const AAC_STEREO = {
  codec: "aac",
  sampleRate: 48_000,
  channels: 2,
  extradata: Uint8Array.of(0x11, 0x90),
} as const;

function demuxed(ts: Uint8Array): { packets: Packet[]; options: MpegTsMuxerOptions } {
  const events = demuxAll(ts);
  const { video, audio } = streamsOf(events);
  const options = {
    ...(video === undefined ? {} : { video: { codec: video.codec } }),
    ...(audio === undefined ? {} : { audio }),
  };
  return { packets: packetsOf(events), options };
}

function mux(packets: readonly Packet[], options: MpegTsMuxerOptions): Uint8Array {
  const muxer = new MpegTsMuxer(options);
  const pieces = [muxer.startSegment()];
  packets.forEach((packet, index) => {
    const starts = index > 0 && packet.kind === "video" && packet.keyframe;
    if (starts) pieces.push(muxer.startSegment());
    pieces.push(muxer.write(packet));
  });
  return concatBytes(pieces);
}

/** Every size up to three packets, and those around the limit of the PES length. */
function unitSizes(): number[] {
  const sizes = Array.from({ length: 560 }, (_, index) => 12 + index);
  for (let bytes = 65_400; bytes < 65_600; bytes++) sizes.push(bytes);
  return sizes;
}

Deno.test("MpegTsMuxer.reconfigure() announces other streams without a break in the counters", async () => {
  const { packets, options } = demuxed(await makeTs([...av, ..."-c:a aac".split(" ")]));
  const video = packets.filter(({ kind }) => kind === "video");
  const half = video.findIndex(({ keyframe }, i) => keyframe && i > 0);
  const cut = half > 0 ? half : Math.floor(video.length / 2);
  const muxer = new MpegTsMuxer({ video: options.video! });
  const ts = [muxer.startSegment(), ...video.slice(0, cut).map((packet) => muxer.write(packet))];
  muxer.reconfigure(options);
  ts.push(muxer.startSegment(), ...video.slice(cut).map((packet) => muxer.write(packet)));
  ts.push(muxer.write(packets.find(({ kind }) => kind === "audio")!));
  const demuxer = new MpegTsDemuxer();
  const events = [...demuxer.push(concatBytes(ts)), ...demuxer.flush()];
  const announced = events.flatMap((event) => event.kind === "streams" ? [event] : []);
  assert.equal(announced[0]?.audio, undefined);
  assert.equal(announced.at(-1)?.audio?.codec, "aac");
  assert.equal(demuxer.stats.continuityErrors, 0);
  assert.equal(events.filter((event) => event.kind === "packet").length, video.length + 1);
});

Deno.test("MpegTsMuxer carries the clock with the sound while announced pictures do not come", async () => {
  const { packets, options } = demuxed(await makeTs(CASES["h264 and aac"]!));
  const audio = packets.filter(({ kind }) => kind === "audio");
  const video = packets.filter(({ kind }) => kind === "video");
  const muxer = new MpegTsMuxer(options);
  const parts = [muxer.startSegment(), ...audio.map((packet) => muxer.write(packet))];
  const clocks =
    tsPackets(concatBytes(parts)).filter(({ pcrBase }) => pcrBase !== undefined).length;
  assert.ok(clocks >= 20 && clocks <= 26, `${clocks} clock packets in two seconds`);
  // The pictures join, and carry the clock alone from then on.
  const joined = concatBytes([...parts, ...video.map((packet) => muxer.write(packet))]);
  assert.equal((await probePackets(joined)).length, packets.length);
  const { stderr } = await spawnTool("ffmpeg", WARNINGS_FATAL, joined);
  assert.equal(stderr, "");
  const demuxer = new MpegTsDemuxer();
  assert.equal(packetsOf([...demuxer.push(joined), ...demuxer.flush()]).length, packets.length);
  assert.equal(demuxer.stats.continuityErrors, 0);
});
