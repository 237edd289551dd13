/** Pictures in other codecs than H.264 and HEVC: pixels and times are those that ffmpeg makes of them. */

import assert from "node:assert/strict";
import { VideoDecoder } from "../../../src/media/codec/mod.ts";
import { NutDemuxer, type NutPacketEvent } from "../../../src/media/nut/mod.ts";
import type { Packet, VideoStreamInfo } from "../../../src/media/types.ts";
import { collect, split } from "../codec/helper.ts";
import { FfmpegBatch, type Made } from "../ffmpeg_batch.ts";
import { concatBytes, demuxAll, packetsOf, streamsOf } from "./fixtures.ts";
import { mpeg2FieldFrames } from "./mpeg2_fields.ts";
import { TsLayout, VIDEO_PID } from "./ts_layout.ts";
import { packPictures, packSection, pat, pmt, registration, relaid } from "./made_tables.ts";

const SOURCE = "-f lavfi -i testsrc2=s=176x144:r=25:d=1.2";
const TO_NUT = "-f nut -c:v rawvideo -pix_fmt yuv420p -fps_mode passthrough -enc_time_base 1:90000";

const batch = new FfmpegBatch();
const references = new FfmpegBatch();

interface Kind {
  readonly ts: Made;
  readonly reference: Made;
  readonly codec: VideoStreamInfo["codec"];
}

function kind(args: string, codec: Kind["codec"]): Kind {
  const ts = batch.add(split(`${SOURCE} ${args} -f mpegts pipe:1`));
  return { ts, reference: reference(ts), codec };
}

function reference(made: Made): Made {
  return references.add(split(`-copyts -i pipe:0 ${TO_NUT} -copyts pipe:1`), made);
}

const KINDS: Readonly<Record<string, Kind>> = {
  "MPEG-2 without B-pictures": kind("-c:v mpeg2video -g 10", "mpeg2video"),
  "MPEG-2 with B-pictures": kind("-c:v mpeg2video -g 10 -bf 2", "mpeg2video"),
  "interlaced MPEG-2 of 4:2:2": kind(
    "-c:v mpeg2video -g 10 -bf 2 -flags +ildct+ilme -pix_fmt yuv422p",
    "mpeg2video",
  ),
  "MPEG-1": kind("-c:v mpeg1video -g 10 -bf 2", "mpeg2video"),
  "MPEG-4 part 2": kind("-c:v mpeg4 -g 10 -bf 2", "mpeg4"),
  "VC-2": kind("-c:v vc2 -pix_fmt yuv420p -b:v 6M", "dirac"),
};

for (const [name, { ts, reference, codec }] of Object.entries(KINDS)) {
  Deno.test(`the demuxer and the decoder make of ${name} what ffmpeg does`, async () => {
    const events = demuxAll(await ts());
    const { video } = streamsOf(events);
    assert.equal(video?.codec, codec);
    if (codec === "mpeg2video") assert.deepEqual([video.width, video.height], [176, 144]);
    assertSame(await decoded(video, packetsOf(events, "video")), await reference());
  });
}

const MPEG2 = KINDS["MPEG-2 with B-pictures"]!;

Deno.test("pictures of MPEG-2 are found and timed wherever their PES packets begin", async () => {
  const plain = packetsOf(demuxAll(await MPEG2.ts()), "video");
  for (const bytes of [700, 1_900, 12_000]) {
    const laid = relaid(await MPEG2.ts(), { pid: 0x100, pesBytes: bytes });
    assert.deepEqual(packetsOf(demuxAll(laid), "video"), plain);
  }
});

Deno.test("times of MPEG-2 that are missing follow from the order in which pictures are shown", async () => {
  const plain = packetsOf(demuxAll(await MPEG2.ts()), "video");
  const laid = relaid(await MPEG2.ts(), { pid: 0x100, timed: (index) => index % 7 === 0 });
  const times = (packets: readonly Packet[]): number[] => packets.map(({ ptsTicks }) => ptsTicks);
  assert.deepEqual(times(packetsOf(demuxAll(laid), "video")), times(plain));
});

const FIELD_FRAMES = mpeg2FieldFrames(30, 6);
const FIELD_STREAM = references.add(
  split(`-copyts -f mpegts -i pipe:0 ${TO_NUT} -copyts pipe:1`),
  () => Promise.resolve(layFields("a frame in each PES packet")),
);

const FIELD_LAYOUTS = [
  "a frame in each PES packet",
  "a field in each PES packet",
  "a field in each PES packet, each with a time",
  "PES packets that begin anywhere",
] as const;

for (const layout of FIELD_LAYOUTS) {
  Deno.test(`the demuxer and the decoder join fields of MPEG-2 as ffmpeg does: ${layout}`, async () => {
    const events = demuxAll(layFields(layout));
    const packets = packetsOf(events, "video");
    assert.equal(packets.filter(({ keyframe }) => keyframe).length, 5);
    assertSame(await decoded(streamsOf(events).video!, packets), await FIELD_STREAM());
  });
}

function layFields(mode: (typeof FIELD_LAYOUTS)[number]): Uint8Array {
  const layout = new TsLayout();
  layout.tables([[0x02, VIDEO_PID]]);
  const times = FIELD_FRAMES.map((_, index) => 126_000 + 3_600 * index);
  if (mode === "PES packets that begin anywhere") {
    const frames = FIELD_FRAMES.map(({ fields }) => concatBytes(fields));
    // The time is that of the first picture whose header begins in the packet.
    const starts = frames.map((frame, index) =>
      concatBytes(frames.slice(0, index)).length + pictureAt(frame)
    );
    const stream = concatBytes(frames);
    for (let from = 0; from < stream.length; from += 77) {
      const first = starts.findIndex((start) => start >= from && start < from + 77);
      const payload = stream.subarray(from, from + 77);
      layout.pes({ payload, ...(first < 0 ? {} : { pts: times[first]! }) });
    }
    return layout.bytes();
  }
  FIELD_FRAMES.forEach(({ fields: [first, second] }, index) => {
    const pts = times[index]!;
    if (mode === "a frame in each PES packet") {
      return layout.pes({ payload: concatBytes([first, second]), pts });
    }
    layout.pes({ payload: first, pts });
    const hasTime = mode === "a field in each PES packet, each with a time";
    layout.pes({ payload: second, ...(hasTime ? { pts: pts + 1_800 } : {}) });
  });
  return layout.bytes();
}

/** Where the start code of a picture is. */
function pictureAt(frame: Uint8Array): number {
  return frame.findIndex((byte, at) =>
    byte === 0 && frame[at + 1] === 0 && frame[at + 2] === 1 && frame[at + 3] === 0
  );
}

const AV1 = batch.add(
  split(`${SOURCE} -c:v libaom-av1 -cpu-used 8 -usage realtime -g 10 -f nut pipe:1`),
);

for (const form of ["low-overhead", "start codes"] as const) {
  Deno.test(`the demuxer and the decoder make of AV1 (${form}) what ffmpeg does`, async () => {
    const nut = await AV1();
    const units = nutPackets(nut);
    const tables = [
      pat([[1, 0x1000]]),
      pmt(0x1000, 1, [{ type: 0x06, pid: 0x100, info: registration("AV01") }]),
    ];
    const times = units.map((_, index) => 90_000 + index * 3_600);
    const ts = concatBytes([
      ...tables.map((table) => packSection(table)),
      packPictures(
        0x100,
        units.map(({ data }, index) => ({
          payload: form === "low-overhead" ? data : withStartCodes(data),
          pts: times[index]!,
        })),
      ),
    ]);
    const events = demuxAll(ts);
    const { video } = streamsOf(events);
    assert.equal(video?.codec, "av1");
    const pictures = await decoded(video, packetsOf(events, "video"));
    assert.deepEqual(pictures.map(({ ptsTicks }) => ptsTicks), times);
    const expected = nutPackets(await AV1_REFERENCE());
    assert.deepEqual(pictures.map(({ data }) => data), expected.map(({ data }) => data));
  });
}

const AV1_REFERENCE = references.add(split(`-i pipe:0 ${TO_NUT} pipe:1`), AV1);

const JPEG2000 = batch.add(
  split(`${SOURCE} -c:v jpeg2000 -format j2k -pix_fmt yuv420p -f nut pipe:1`),
);
/** The access unit header of H.222.0 Annex S: rates, a time code and what the colours are. */
const ELSM = [
  ...new TextEncoder().encode("elsmfrat"),
  ...[0, 1, 0, 25],
  ...new TextEncoder().encode("brat"),
  ...[0, 0x7F, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF],
  ...new TextEncoder().encode("tcod"),
  ...[0, 0, 0, 0],
  ...new TextEncoder().encode("bcol"),
  ...[3, 0],
];
const JPEG2000_STREAM: Made = async () => {
  const pictures = nutPackets(await JPEG2000()).map(({ data }, index) => ({
    payload: concatBytes([Uint8Array.from(ELSM), data]),
    pts: 90_000 + index * 3_600,
  }));
  const tables = [pat([[1, 0x1000]]), pmt(0x1000, 1, [{ type: 0x21, pid: 0x100 }])];
  return concatBytes([
    ...tables.map((table) => packSection(table)),
    packPictures(0x100, pictures),
  ]);
};
const JPEG2000_REFERENCE = reference(JPEG2000_STREAM);

Deno.test("the demuxer and the decoder make of JPEG 2000 what ffmpeg does", async () => {
  const events = demuxAll(await JPEG2000_STREAM());
  const { video } = streamsOf(events);
  assert.equal(video?.codec, "jpeg2000");
  assertSame(await decoded(video, packetsOf(events, "video")), await JPEG2000_REFERENCE());
});

interface Picture {
  readonly ptsTicks: number;
  readonly data: Uint8Array;
}

async function decoded(stream: VideoStreamInfo, packets: readonly Packet[]): Promise<Picture[]> {
  await using decoder = new VideoDecoder({ stream, timeBase: { num: 1, den: 90_000 } });
  const pictures: Picture[] = [];
  const out = collect(decoder.frames());
  for (const packet of packets) await decoder.decode(packet);
  await Promise.all([decoder.flush(), out.done]);
  for (const { ptsTicks, data } of out.items) pictures.push({ ptsTicks, data });
  return pictures;
}

function nutPackets(nut: Uint8Array): NutPacketEvent[] {
  const events = new NutDemuxer().push(nut);
  return events.filter((event): event is NutPacketEvent => event.kind === "packet");
}

function assertSame(pictures: readonly Picture[], reference: Uint8Array): void {
  const expected = nutPackets(reference);
  assert.equal(expected.length, 30);
  assert.deepEqual(
    pictures.map(({ ptsTicks }) => ptsTicks),
    expected.map(({ ptsTicks }) => ptsTicks),
  );
  for (const [index, { data }] of pictures.entries()) {
    assert.deepEqual(data, expected[index]!.data, `picture ${index}`);
  }
}

/** Low-overhead OBUs as "Carriage of AV1 in MPEG-2 TS" wants them, without the delimiter. */
function withStartCodes(unit: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < unit.length;) {
    const hasExtension = (unit[at]! & 4) !== 0;
    let sizeAt = at + (hasExtension ? 2 : 1);
    let size = 0;
    for (let i = 0;; i++) {
      const byte = unit[sizeAt++]!;
      size += (byte & 0x7F) << 7 * i;
      if (byte < 0x80) break;
    }
    const head = [unit[at]! & ~2, ...(hasExtension ? [unit[at + 1]!] : [])];
    const obu = [...head, ...unit.subarray(sizeAt, sizeAt + size)];
    if (unit[at]! >> 3 !== 2) {
      pieces.push(Uint8Array.from([0, 0, 1, ...withEmulationPrevention(obu)]));
    }
    at = sizeAt + size;
  }
  return concatBytes(pieces);
}

function withEmulationPrevention(obu: readonly number[]): number[] {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of obu) {
    if (zeros >= 2 && byte <= 3) {
      out.push(3);
      zeros = 0;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out;
}
