/**
 * Layouts that senders are free to choose, or choose although they are not: what ffmpeg decodes of the
 * demuxed packets must be what it decodes of the same pictures muxed plainly, at the same times.
 */

import assert from "node:assert/strict";
import { MpegTsDemuxer, type TsEvent } from "../../../src/media/mpegts/mod.ts";
import type { VideoCodec } from "../../../src/media/types.ts";
import { FfmpegBatch, type Made } from "../ffmpeg_batch.ts";
import { cutEvery, decodePackets, decodeTs, listing } from "./decoded_pictures.ts";
import { concatBytes, demuxAll, makeTs, packetsOf, picture, prepareTs } from "./fixtures.ts";
import { type SourcePicture, splitNals } from "./fuzz_clips.ts";
import {
  emptyPayload,
  fieldOnly,
  isVideo,
  nullPacket,
  recount,
  startsPes,
  withCounter,
  withLengths,
} from "./packet_changes.ts";
import { patSection, PMT_PID, pmtSection, TsLayout, VIDEO_PID } from "./ts_layout.ts";

const H264_TYPE = 0x1B;
const HEVC_TYPE = 0x24;
const WRAP = 2 ** 33;
/** With so much added the first picture is decoded just before the wrap, and shown behind it. */
const FIRST_WRAP = WRAP - 126_010;

const small = picture(1.2, "160x96");
const X264 = "-c:v libx264 -preset veryfast -g 12".split(" ");
const SLICES = [...small, ...X264, ..."-bf 2 -b_strategy 0 -x264-params slices=3".split(" ")];
const HEVC = [
  ...small,
  ..."-c:v libx265 -preset ultrafast -x265-params".split(" "),
  "log-level=none:bframes=2:b-adapt=0:keyint=12:slices=2",
];
const MBAFF = [...small, ...X264, ..."-bf 2 -b_strategy 0 -flags +ilme+ildct".split(" ")];
prepareTs([SLICES, HEVC, MBAFF]);

interface Variant {
  readonly name: string;
  /** @default SLICES and HEVC, each */
  readonly args?: readonly string[];
  readonly lay: (pictures: readonly SourcePicture[], layout: TsLayout, codec: VideoCodec) => void;
  /** What becomes of the packets then. */
  readonly change?: (packets: readonly Uint8Array[]) => readonly Uint8Array[];
  /** Added to all times. */
  readonly laterTicks?: number;
  /** Whether the program map stands in front. @default it does */
  readonly tables?: boolean;
}

const each = (
  change: (nals: readonly Uint8Array[], codec: VideoCodec) => readonly Uint8Array[],
): Variant["lay"] =>
(pictures, layout, codec) => {
  for (const { nals, pts, dts } of pictures) {
    layout.pes({ payload: concatBytes(change(nals, codec)), pts, dts }, { pcr: dts - 9000 });
  }
};
const plainly = each((nals) => nals);

const aud = (codec: VideoCodec): Uint8Array =>
  codec === "hevc" ? Uint8Array.of(0, 0, 1, 35 << 1, 1, 0x50) : Uint8Array.of(0, 0, 1, 9, 0xF0);
const isAud = (nal: Uint8Array, codec: VideoCodec): boolean =>
  typeOf(nal, codec) === (codec === "hevc" ? 35 : 9);
const isSlice = (nal: Uint8Array, codec: VideoCodec): boolean =>
  codec === "hevc" ? typeOf(nal, codec) < 32 : [1, 5].includes(typeOf(nal, codec));
const isSet = (nal: Uint8Array, codec: VideoCodec): boolean =>
  (codec === "hevc" ? [32, 33, 34] : [7, 8]).includes(typeOf(nal, codec));

const VARIANTS: readonly Variant[] = [
  {
    name: "two delimiters before each picture",
    lay: each((nals, codec) => [aud(codec), aud(codec), ...nals.filter((n) => !isAud(n, codec))]),
  },
  { name: "no delimiters", lay: each((nals, codec) => nals.filter((n) => !isAud(n, codec))) },
  {
    name: "parameter sets in front of the delimiter",
    lay: each((
      nals,
      codec,
    ) => [
      ...nals.filter((n) => isSet(n, codec)),
      aud(codec),
      ...nals.filter((n) => !isSet(n, codec) && !isAud(n, codec)),
    ]),
  },
  {
    name: "parameter sets before each picture",
    lay: (pictures, layout, codec) => {
      const sets = pictures[0]!.nals.filter((nal) => isSet(nal, codec));
      each((nals) => [...sets, ...nals.filter((n) => !isSet(n, codec) && !isAud(n, codec))])(
        pictures,
        layout,
        codec,
      );
    },
  },
  {
    name: "parameter sets at the end of the PES packet before",
    lay: (pictures, layout, codec) => {
      pictures.forEach(({ nals, pts, dts }, index) => {
        const next = pictures[index + 1]?.nals.filter((nal) => isSet(nal, codec)) ?? [];
        const own = index === 0
          ? nals
          : nals.filter((nal) => !isSet(nal, codec) && !isAud(nal, codec));
        layout.pes({ payload: concatBytes([...own, ...next]), pts, dts });
      });
    },
  },
  {
    name: "a NAL unit in each PES packet, the first with the time",
    lay: (pictures, layout) => {
      for (const { nals, pts, dts } of pictures) {
        nals.forEach((payload, index) =>
          layout.pes({ payload, ...(index === 0 ? { pts, dts } : {}) })
        );
      }
    },
  },
  {
    name: "PES packets of one byte",
    lay: (pictures, layout) => {
      for (const { nals, pts, dts } of pictures) {
        const bytes = concatBytes(nals);
        for (let at = 0; at < bytes.length; at++) {
          layout.pes({ payload: bytes.subarray(at, at + 1), ...(at === 0 ? { pts, dts } : {}) }, {
            sized: at % 2 === 0,
          });
        }
      }
    },
  },
  {
    name: "empty PES packets between, with times of their own",
    lay: (pictures, layout) => {
      for (const { nals, pts, dts } of pictures) {
        layout.pes({ payload: new Uint8Array(0), pts: pts + 1, dts: dts + 1 });
        layout.pes({ payload: concatBytes(nals), pts, dts });
        layout.pes({ payload: new Uint8Array(0) }, { sized: true });
      }
    },
  },
  {
    name: "lengths that are too small",
    lay: (pictures, layout) => {
      for (const { nals, pts, dts } of pictures) {
        layout.pes({ payload: concatBytes(nals), pts, dts }, { sized: true });
      }
    },
    change: (packets) =>
      withLengths(packets, (length) => length > 400 ? Math.floor(length / 2) : length),
  },
  {
    name: "lengths that are too large",
    lay: (pictures, layout) => {
      for (const { nals, pts, dts } of pictures) {
        layout.pes({ payload: concatBytes(nals), pts, dts }, { sized: true });
      }
    },
    change: (packets) => withLengths(packets, (length) => Math.min(65535, length + 10)),
  },
  {
    name: "stream ids of the extended kind",
    lay: (pictures, layout) => {
      for (const { nals, pts, dts } of pictures) {
        layout.pes({
          payload: concatBytes(nals),
          pts,
          dts,
        }, { streamId: 0xFD });
      }
    },
  },
  {
    name: "stream ids that are all different",
    lay: (pictures, layout) => {
      pictures.forEach(({ nals, pts, dts }, i) =>
        layout.pes({ payload: concatBytes(nals), pts, dts }, { streamId: 0xE0 + i % 16 })
      );
    },
  },
  {
    name: "private stream ids",
    lay: (pictures, layout) => {
      for (const { nals, pts, dts } of pictures) {
        layout.pes({
          payload: concatBytes(nals),
          pts,
          dts,
        }, { streamId: 0xBD });
      }
    },
  },
  {
    name: "packets without payload between",
    lay: plainly,
    change: (packets) => packets.flatMap((p) => isVideo(p) ? [p, fieldOnly(p[3]! & 15)] : [p]),
  },
  {
    name: "packets without payload that count",
    lay: plainly,
    change: (packets) => recount(packets.flatMap((p) => isVideo(p) ? [p, fieldOnly(0)] : [p])),
  },
  {
    name: "packets with a field of 183 bytes between",
    lay: plainly,
    change: (packets) =>
      recount(packets.flatMap((p) => isVideo(p) && !startsPes(p) ? [emptyPayload(), p] : [p])),
  },
  {
    name: "every packet twice",
    lay: plainly,
    change: (packets) => packets.flatMap((p) => isVideo(p) ? [p, p] : [p]),
  },
  {
    name: "continuity counters that stand still",
    lay: plainly,
    change: (packets) => packets.map((p) => isVideo(p) ? withCounter(p, 0) : p),
  },
  {
    name: "continuity counters at random",
    lay: plainly,
    change: (packets) => packets.map((p, i) => isVideo(p) ? withCounter(p, i * 7 ^ i >> 2) : p),
  },
  {
    name: "continuity counters that start anew in each PES packet",
    lay: plainly,
    change: (packets) => {
      let c = 0;
      return packets.map((p) => isVideo(p) ? withCounter(p, c = startsPes(p) ? 0 : c + 1) : p);
    },
  },
  {
    name: "scrambling bits on clear packets",
    lay: plainly,
    change: (packets) => packets.map((p) => isVideo(p) ? p.with(3, p[3]! | 0x80) : p),
  },
  {
    name: "priority bits",
    lay: plainly,
    change: (packets) => packets.map((p) => isVideo(p) ? p.with(1, p[1]! | 0x20) : p),
  },
  {
    name: "null packets with any counter",
    lay: plainly,
    change: (packets) => packets.flatMap((p, i) => [p, nullPacket(i * 5 & 15)]),
  },
  {
    name: "a wrap of times in the middle",
    lay: (pictures, layout) => {
      const later = WRAP - 126_000 - 40_000;
      for (const { nals, pts, dts } of pictures) {
        layout.pes({
          payload: concatBytes(nals),
          pts: (pts + later) % WRAP,
          dts: (dts + later) % WRAP,
        });
      }
    },
    laterTicks: WRAP - 166_000,
  },
  {
    name: "a wrap between decoding and presentation of the first picture",
    lay: (pictures, layout) => {
      for (const { nals, pts, dts } of pictures) {
        const [shown, decoded] = [pts, dts].map((ticks) => (ticks + FIRST_WRAP) % WRAP);
        layout.pes({ payload: concatBytes(nals), pts: shown!, dts: decoded! });
      }
    },
    laterTicks: FIRST_WRAP,
  },
  {
    name: "leading zeros before each start code",
    lay: each((nals) => nals.map((nal) => concatBytes([new Uint8Array(7), nal]))),
  },
  {
    name: "start codes of three bytes",
    lay: each((nals) => nals.map((nal) => nal[2] === 1 ? nal : nal.subarray(1))),
  },
  { name: "zeros behind each picture", lay: each((nals) => [...nals, new Uint8Array(50)]) },
  {
    name: "one PES packet for all",
    lay: (pictures, layout) => {
      const { pts, dts } = pictures[0]!;
      layout.pes({ payload: concatBytes(pictures.flatMap(({ nals }) => nals)), pts, dts });
    },
  },
  {
    name: "no times before the fifth picture",
    lay: (pictures, layout) => {
      pictures.forEach(({ nals, pts, dts }, index) => {
        layout.pes({ payload: concatBytes(nals), ...(index < 5 ? {} : { pts, dts }) });
      });
    },
  },
  {
    name: "two delimiters, each in a PES packet of its own, the first with the time",
    lay: (pictures, layout, codec) => {
      for (const { nals, pts, dts } of pictures) {
        layout.pes({ payload: aud(codec), pts, dts });
        const rest = nals.filter((nal) => !isAud(nal, codec));
        layout.pes({ payload: concatBytes([aud(codec), ...rest]) });
      }
    },
  },
  {
    name: "times on every seventh PES packet",
    lay: (pictures, layout) => {
      pictures.forEach(({ nals, pts, dts }, i) =>
        layout.pes({ payload: concatBytes(nals), ...(i % 7 === 0 ? { pts, dts } : {}) })
      );
    },
  },
  {
    name: "only presentation times",
    lay: (pictures, layout) => {
      for (const { nals, pts } of pictures) layout.pes({ payload: concatBytes(nals), pts });
    },
  },
  {
    name: "PES headers in two packets",
    lay: (pictures, layout) => {
      for (const { nals, pts, dts } of pictures) {
        layout.pes({ payload: concatBytes(nals), pts, dts }, {
          stuffing: (i) => i === 0 ? 172 : 0,
          headerStuffing: 20,
        });
      }
    },
  },
  {
    name: "tables in the middle of pictures, and behind",
    lay: (pictures, layout, codec) => {
      const type = codec === "hevc" ? HEVC_TYPE : H264_TYPE;
      const all = new TsLayout();
      plainly(pictures, all, codec);
      all.packets.forEach((p, i) => {
        layout.packet(p);
        if (i % 3 === 0) layout.tables([[type, VIDEO_PID]]);
      });
    },
  },
  ...[0x06, 0x99].map((type): Variant => ({
    name: `video that is listed as stream type ${type}`,
    tables: false,
    lay: (pictures, layout, codec) => {
      layout.tables([[type, VIDEO_PID]]);
      plainly(pictures, layout, codec);
    },
  })),
  { name: "no tables at all", tables: false, lay: plainly },
  {
    name: "a map without table of programs",
    tables: false,
    lay: (pictures, layout, codec) => {
      layout.section(PMT_PID, pmtSection([[codec === "hevc" ? HEVC_TYPE : H264_TYPE, VIDEO_PID]]));
      plainly(pictures, layout, codec);
    },
  },
  {
    name: "a PID that changes",
    lay: (pictures, layout, codec) => {
      pictures.forEach(({ nals, pts, dts, keyframe }, i) => {
        const moved = i >= 12;
        if (keyframe && i > 0) {
          layout.section(0, patSection([[1, PMT_PID]]));
          layout.section(
            PMT_PID,
            pmtSection([[codec === "hevc" ? HEVC_TYPE : H264_TYPE, moved ? 0x222 : VIDEO_PID]]),
          );
        }
        layout.pes({ payload: concatBytes(nals), pts, dts }, {
          pid: moved && i >= firstKey(pictures) ? 0x222 : VIDEO_PID,
        });
      });
    },
  },
  { name: "MBAFF", args: MBAFF, lay: (pictures, layout) => cutEvery(pictures, layout, 333) },
  {
    name: "units of other layers beside",
    args: SLICES,
    lay: each((nals, codec) => [
      ...nals.flatMap((nal) =>
        isSlice(nal, codec) ? [Uint8Array.of(0, 0, 1, 0x6E, 0x40, 0x10, 0x20, 0x88), nal] : [nal]
      ),
      ...nals.filter((nal) => isSlice(nal, codec)).map(() =>
        Uint8Array.of(0, 0, 1, 0x74, 0x40, 0x10, 0x20, 0x88, 0x84, 0x21, 0xA0)
      ),
    ]),
  },
  {
    name: "small PES packets that begin anywhere",
    lay: (pictures, layout) => cutEvery(pictures, layout, 50),
  },
];

function firstKey(pictures: readonly SourcePicture[]): number {
  return pictures.findIndex(({ keyframe }, i) => keyframe && i >= 12);
}
function typeOf(nal: Uint8Array, codec: VideoCodec): number {
  const header = nal[nal[2] === 1 ? 3 : 4]!;
  return codec === "hevc" ? header >> 1 & 63 : header & 31;
}
const batch = new FfmpegBatch();
const plain = new Map<readonly string[], Made>(
  [SLICES, HEVC, MBAFF].map((args) => [args, decodeTs(batch, () => makeTs(args))]),
);
const jobs = VARIANTS.flatMap((variant) =>
  (variant.args === undefined ? [SLICES, HEVC] : [variant.args]).map((args) => {
    const codec: VideoCodec = args === HEVC ? "hevc" : "h264";
    const laid = decodePackets(
      batch,
      codec,
      async () => packetsOf(demuxSegments(await layOut(variant, args, codec)), "video"),
    );
    return { variant, args, codec, laid };
  })
);

for (const { variant, args, codec, laid } of jobs) {
  Deno.test(`MpegTsDemuxer makes the same pictures of ${variant.name}: ${codec}`, async () => {
    assert.deepEqual(
      await listing(laid),
      await listing(plain.get(args)!, variant.laterTicks),
    );
  });
}

async function layOut(
  variant: Variant,
  args: readonly string[],
  codec: VideoCodec,
): Promise<Uint8Array> {
  const pictures = packetsOf(demuxAll(await makeTs(args)), "video").map((packet) => ({
    nals: splitNals(packet.data),
    pts: packet.ptsTicks,
    dts: packet.dtsTicks,
    keyframe: packet.keyframe,
  }));
  const layout = new TsLayout();
  if (variant.tables !== false) {
    layout.tables([[codec === "hevc" ? HEVC_TYPE : H264_TYPE, VIDEO_PID]]);
  }
  variant.lay(pictures, layout, codec);
  return concatBytes((variant.change ?? ((all) => all))(layout.packets));
}

function demuxSegments(ts: Uint8Array): TsEvent[] {
  const demuxer = new MpegTsDemuxer();
  const events: TsEvent[] = [];
  for (let at = 0; at < ts.length; at += 20_000) {
    events.push(...demuxer.push(ts.subarray(at, at + 20_000)), ...demuxer.nextSegment());
  }
  events.push(...demuxer.flush());
  return events;
}
