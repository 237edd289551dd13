/**
 * Kinds of streams that people reported: what ffmpeg decodes of the demuxed packets must be what it
 * decodes of the same pictures muxed plainly, at the same times.
 */

import assert from "node:assert/strict";
import type { Packet, VideoCodec } from "../../../src/media/types.ts";
import { MpegTsDemuxer } from "../../../src/media/mpegts/mod.ts";
import { FfmpegBatch, type Made } from "../ffmpeg_batch.ts";
import { bytesOf, cutEvery, decodePackets, decodeTs, listing } from "./decoded_pictures.ts";
import { fieldFrames } from "./field_pictures.ts";
import { concatBytes, demuxAll, makeTs, packetsOf, picture, prepareTs } from "./fixtures.ts";
import { type SourcePicture, splitNals } from "./fuzz_clips.ts";
import { TsLayout, VIDEO_PID } from "./ts_layout.ts";

const H264_TYPE = 0x1B;
const HEVC_TYPE = 0x24;

const small = picture(2, "160x96");
const X264 = "-c:v libx264 -preset veryfast -g 25".split(" ");
const PLAIN = [...small, ...X264, "-bf", "0"];
const B_FRAMES = [...small, ...X264, ..."-bf 3 -b_strategy 0".split(" ")];
const SLICES = [...small, ...X264, ..."-bf 0 -x264-params slices=4".split(" ")];
const OPEN_GOP = [
  ...picture(4, "160x96"),
  ..."-c:v libx264 -preset veryfast -x264-params".split(" "),
  "open-gop=1:keyint=25:min-keyint=25:bframes=2:scenecut=0",
];
const HEVC = [
  ...small,
  ..."-c:v libx265 -preset ultrafast -x265-params".split(" "),
  "log-level=none:bframes=3:b-adapt=0:keyint=25:slices=2",
];
prepareTs([PLAIN, B_FRAMES, SLICES, OPEN_GOP, HEVC]);

const SEI = [0, 0, 1, 6, 5, 17, ...Array.from({ length: 16 }, (_, i) => 0x41 + i), 1, 0x80];
const BARE_CODES = [
  ...[0, 0, 1, 6, 5, 26, ...Array.from({ length: 16 }, (_, i) => 0x41 + i)],
  ...[0, 0, 1, 0x41, 0x9A, 0, 0, 1, 9, 0xF0, 0x80],
];
const FILLER = [0, 0, 1, 12, 0xFF, 0xFF, 0xFF, 0x80];
const END_OF_SEQUENCE = [0, 0, 1, 10];

const FIELD_FRAMES = fieldFrames(30, 10);

interface Kind {
  readonly name: string;
  readonly args: readonly string[];
  readonly codec?: VideoCodec;
  /** Lays the pictures out. */
  readonly lay: (pictures: readonly SourcePicture[], layout: TsLayout) => void;
  /** Packets of a segment; the stream is not cut without it. */
  readonly segmentPackets?: number;
}

const KINDS: readonly Kind[] = [
  {
    name: "units that begin anywhere in PES packets, with B-frames",
    args: B_FRAMES,
    lay: (pictures, layout) => cutEvery(pictures, layout, 1500),
  },
  {
    name: "units that begin anywhere in small PES packets, in segments that are cut anywhere",
    args: SLICES,
    lay: (pictures, layout) => cutEvery(pictures, layout, 400),
    segmentPackets: 7,
  },
  {
    name: "HEVC units that begin anywhere",
    args: HEVC,
    codec: "hevc",
    lay: (pictures, layout) => cutEvery(pictures, layout, 700),
  },
  ...([B_FRAMES, HEVC] as const).map((args): Kind => ({
    name: `five units in a PES packet with the time of the first: ${
      args === HEVC ? "HEVC" : "H.264"
    }`,
    args,
    codec: args === HEVC ? "hevc" : "h264",
    lay: (pictures, layout) => {
      for (let at = 0; at < pictures.length; at += 5) {
        const group = pictures.slice(at, at + 5);
        const { pts, dts } = group[0]!;
        layout.pes({ payload: concatBytes(group.map(bytesOf)), pts, dts });
      }
    },
  })),
  {
    name: "keyframes in two PES packets, the second without a time",
    args: PLAIN,
    lay: (pictures, layout) => {
      for (const one of pictures) {
        const { pts, dts, keyframe } = one;
        const bytes = bytesOf(one);
        const cut = keyframe ? bytes.length >> 1 : bytes.length;
        layout.pes({ payload: bytes.subarray(0, cut), pts, dts }, { aligned: true });
        if (keyframe) layout.pes({ payload: bytes.subarray(cut) }, { aligned: true });
      }
    },
  },
  ...[true, false].map((withTime): Kind => ({
    name: `parameter sets once, in a PES packet of their own ${withTime ? "with" : "without"} time`,
    args: PLAIN,
    lay: (pictures, layout) => {
      const sets = pictures[0]!.nals.filter((nal) => [7, 8].includes(typeOf(nal)));
      const times = withTime ? { pts: pictures[0]!.pts, dts: pictures[0]!.dts } : {};
      layout.pes({ payload: concatBytes(sets), ...times });
      for (const { nals, pts, dts } of pictures) {
        const rest = nals.filter((nal) => ![7, 8].includes(typeOf(nal)));
        layout.pes({ payload: concatBytes(rest), pts, dts });
      }
    },
  })),
  {
    name: "SEI behind the slices",
    args: SLICES,
    lay: (pictures, layout) =>
      eachWith(pictures, layout, (nals) => [...nals, Uint8Array.from(SEI)]),
  },
  {
    name: "SEI between the slices",
    args: SLICES,
    lay: (pictures, layout) =>
      eachWith(
        pictures,
        layout,
        (nals) => [...nals.slice(0, -2), Uint8Array.from(SEI), ...nals.slice(-2)],
      ),
  },
  {
    name: "bare start codes in SEI",
    args: SLICES,
    lay: (pictures, layout) =>
      eachWith(
        pictures,
        layout,
        (nals) =>
          nals.flatMap((nal) => typeOf(nal) === 9 ? [nal, Uint8Array.from(BARE_CODES)] : [nal]),
      ),
  },
  {
    name: "filler and ends of sequences, without delimiters",
    args: PLAIN,
    lay: (pictures, layout) =>
      eachWith(pictures, layout, (nals, next) => [
        ...nals.filter((nal) => typeOf(nal) !== 9),
        Uint8Array.from(FILLER),
        ...(next?.keyframe === true ? [Uint8Array.from(END_OF_SEQUENCE)] : []),
      ]),
  },
  {
    name: "times only on I and P pictures",
    args: B_FRAMES,
    lay: (pictures, layout) => {
      for (const one of pictures) {
        const { pts, dts, keyframe } = one;
        const times = pts !== dts || keyframe ? { pts, dts } : {};
        layout.pes({ payload: bytesOf(one), ...times });
      }
    },
  },
  {
    name: "a clock and a stuffing byte in the first packet of each PES packet",
    args: PLAIN,
    lay: (pictures, layout) => {
      for (const one of pictures) {
        const { pts, dts } = one;
        const stuffing = (packet: number): number => packet === 0 ? 1 : 0;
        layout.pes({ payload: bytesOf(one), pts, dts }, { pcr: dts - 9000, stuffing });
      }
    },
  },
  {
    name: "a slice in each PES packet, all with the time of the picture",
    args: SLICES,
    lay: (pictures, layout) => {
      for (const { nals, pts, dts } of pictures) {
        const first = nals.findIndex((nal) => [1, 5].includes(typeOf(nal)));
        layout.pes({ payload: concatBytes(nals.slice(0, first + 1)), pts, dts });
        for (const payload of nals.slice(first + 1)) layout.pes({ payload, pts, dts });
      }
    },
  },
];

/** Decodes with one ffmpeg for all. */
const batch = new FfmpegBatch();
const plain = new Map(
  [...new Set(KINDS.map(({ args }) => args))].map((
    args,
  ) => [args, decodeTs(batch, () => makeTs(args))]),
);
const laid = KINDS.map((kind) =>
  decodePackets(batch, kind.codec ?? "h264", () => packetsOfKind(kind))
);
const fields = fieldPictures();
const openGop = decodeTs(batch, () => openGopWithoutSei(1));
const openGopPackets = decodePackets(
  batch,
  "h264",
  async () => packetsIn(await openGopWithoutSei(1)),
);

for (const [index, kind] of KINDS.entries()) {
  Deno.test(`MpegTsDemuxer makes the same pictures of ${kind.name}`, async () => {
    assert.deepEqual(await listing(laid[index]!), await listing(plain.get(kind.args)!));
  });
}

Deno.test("MpegTsDemuxer joins fields to frames, in one PES packet or in two", async () => {
  const expected = await listing(fields.plain);
  assert.equal(expected.length, FIELD_FRAMES.length);
  for (const { packets, decoded } of fields.laid) {
    assert.equal((await packets()).length, FIELD_FRAMES.length);
    assert.deepEqual(await listing(decoded), expected);
  }
});

Deno.test("MpegTsDemuxer gives no unit the time of a PES packet that begins within its SEI", () => {
  // Neither delimiters nor timing tell: pictures of 25 a second, with SEI in front of each.
  const bytes = FIELD_FRAMES.slice(0, 10).map(({ fields }) =>
    concatBytes([
      Uint8Array.from(SEI),
      ...fields.flatMap((field) => splitNals(field)).filter((nal) => typeOf(nal) !== 9),
    ])
  );
  const layout = new TsLayout();
  layout.tables([[H264_TYPE, VIDEO_PID]]);
  const all = concatBytes(bytes);
  const cut = concatBytes(bytes.slice(0, 4)).length + SEI.length - 5;
  layout.pes({ payload: all.subarray(0, cut), pts: 126_000 });
  layout.pes({ payload: all.subarray(cut), pts: 126_000 + 5 * 3600 });
  assert.deepEqual(
    packetsIn(layout.bytes()).map(({ ptsTicks }) => ptsTicks),
    bytes.map((_, index) => 126_000 + 3600 * index),
  );
});

Deno.test("MpegTsDemuxer starts at I pictures where there is neither IDR nor recovery point", async () => {
  const packets = packetsIn(await openGopWithoutSei(1));
  assert.ok(packets[0]!.keyframe);
  assert.equal(packets.filter(({ keyframe }) => keyframe).length, 4);
  const expected = await listing(openGop);
  // ffmpeg leaves out the B-frames in front of the first I picture: what they refer to is not there.
  assert.equal(expected.length, packets.length - 2);
  assert.deepEqual(await listing(openGopPackets), expected);
});

Deno.test("MpegTsDemuxer does not start at I pictures of a stream that has IDR pictures", async () => {
  const packets = packetsIn(await openGopWithoutSei(0));
  assert.deepEqual(packets.flatMap(({ keyframe }, index) => keyframe ? [index] : []), [0]);
});

/** Field pictures: laid out with a field in each PES packet, and with a frame in each. */
function fieldPictures(): {
  plain: Made;
  laid: { packets: () => Promise<Packet[]>; decoded: Made }[];
} {
  const streams = (["frames", "fields", "fields with times", "anywhere"] as const).map((mode) => {
    return () => Promise.resolve(layFields(mode));
  });
  return {
    plain: decodeTs(batch, streams[0]!),
    laid: streams.map((stream) => {
      const packets = async (): Promise<Packet[]> => packetsIn(await stream());
      return { packets, decoded: decodePackets(batch, "h264", packets) };
    }),
  };
}

function layFields(mode: "frames" | "fields" | "fields with times" | "anywhere"): Uint8Array {
  const layout = new TsLayout();
  layout.tables([[H264_TYPE, VIDEO_PID]]);
  const times = (index: number): { pts: number; dts: number } => {
    const pts = 126_000 + 3600 * index;
    return { pts, dts: pts };
  };
  if (mode === "anywhere") {
    const pictures = FIELD_FRAMES.map((frame, index): SourcePicture => ({
      nals: frame.fields.flatMap((field) => splitNals(field)),
      ...times(index),
      keyframe: index % 10 === 0,
    }));
    cutEvery(pictures, layout, 333);
    return layout.bytes();
  }
  FIELD_FRAMES.forEach(({ fields: [first, second] }, index) => {
    const { pts, dts } = times(index);
    if (mode === "frames") return layout.pes({ payload: concatBytes([first, second]), pts, dts });
    layout.pes({ payload: first, pts, dts });
    const later = { pts: pts + 1800, dts: dts + 1800 };
    layout.pes({ payload: second, ...(mode === "fields" ? {} : later) });
  });
  return layout.bytes();
}

/** From one of the groups of pictures on, without SEI. */
async function openGopWithoutSei(group: number): Promise<Uint8Array> {
  const packets = packetsOf(demuxAll(await makeTs(OPEN_GOP)), "video");
  const keys = packets.flatMap(({ keyframe }, index) => keyframe ? [index] : []);
  const layout = new TsLayout();
  layout.tables([[H264_TYPE, VIDEO_PID]]);
  for (const { data, ptsTicks, dtsTicks } of packets.slice(keys[group])) {
    const nals = splitNals(data).filter((nal) => typeOf(nal) !== 6);
    layout.pes({ payload: concatBytes(nals), pts: ptsTicks, dts: dtsTicks });
  }
  return layout.bytes();
}

async function packetsOfKind(kind: Kind): Promise<Packet[]> {
  const pictures = packetsOf(demuxAll(await makeTs(kind.args)), "video").map((packet) => ({
    nals: splitNals(packet.data),
    pts: packet.ptsTicks,
    dts: packet.dtsTicks,
    keyframe: packet.keyframe,
  }));
  const layout = new TsLayout();
  layout.tables([[kind.codec === "hevc" ? HEVC_TYPE : H264_TYPE, VIDEO_PID]]);
  kind.lay(pictures, layout);
  const packets = packetsIn(layout.bytes(), kind.segmentPackets);
  // What is decoded has each picture once, and says which it can start at.
  assert.equal(packets.length, pictures.length);
  assert.deepEqual(
    packets.map(({ keyframe }) => keyframe),
    pictures.map(({ keyframe }) => keyframe),
  );
  return packets;
}

/** The video of a stream, which comes in segments of so many packets. */
function packetsIn(ts: Uint8Array, segmentPackets = Infinity): Packet[] {
  const demuxer = new MpegTsDemuxer();
  const bytes = Math.min(ts.length, segmentPackets * 188);
  const packets: Packet[] = [];
  for (let at = 0; at < ts.length; at += bytes) {
    packets.push(...packetsOf(demuxer.push(ts.subarray(at, at + bytes)), "video"));
    packets.push(...packetsOf(demuxer.nextSegment(), "video"));
  }
  packets.push(...packetsOf(demuxer.flush(), "video"));
  const { falseEnds, corruptPes, strayBytes, untimed, continuityErrors } = demuxer.stats;
  assert.deepEqual([falseEnds, corruptPes, strayBytes, untimed, continuityErrors], [0, 0, 0, 0, 0]);
  return packets;
}

function eachWith(
  pictures: readonly SourcePicture[],
  layout: TsLayout,
  change: (
    nals: readonly Uint8Array[],
    next: SourcePicture | undefined,
  ) => readonly Uint8Array[],
): void {
  pictures.forEach(({ nals, pts, dts }, index) => {
    layout.pes({ payload: concatBytes(change(nals, pictures[index + 1])), pts, dts });
  });
}

function typeOf(nal: Uint8Array): number {
  return nal[nal[2] === 1 ? 3 : 4]! & 31;
}
