/**
 * The same access units laid out in random ways must come out as they went in. A seed says how: how
 * pictures lie in PES packets, which of these have times, what stands between the slices, how the
 * packets are stuffed, repeated and cut into segments.
 */

import assert from "node:assert/strict";
import type { Packet, VideoCodec } from "../../../src/media/types.ts";
import { MpegTsDemuxer, type TsEvent } from "../../../src/media/mpegts/mod.ts";
import { parseH264Sps, unescapeRbsp } from "../../../src/media/bitstream/mod.ts";
import { fieldFrames, nal } from "./field_pictures.ts";
import {
  concatBytes,
  createRandom,
  demuxAll,
  makeTs,
  packetsOf,
  picture,
  prepareTs,
  X264_LIVE,
} from "./fixtures.ts";
import { ffmpegSdtSection, type PesPiece, TsLayout, VIDEO_PID } from "./ts_layout.ts";

/** One picture of a clip. */
export interface SourcePicture {
  /** NAL units with their start codes, in order. */
  readonly nals: readonly Uint8Array[];
  readonly pts: number;
  readonly dts: number;
  readonly keyframe: boolean;
}

/** Pictures in decoding order. */
export interface SourceClip {
  readonly name: string;
  readonly codec: VideoCodec;
  readonly pictures: readonly SourcePicture[];
}

/** What became of a seed. */
export interface FuzzCase {
  /** The layout in words. */
  readonly about: string;
  readonly clip: SourceClip;
  readonly stream: Uint8Array;
  readonly packets: readonly Packet[];
}

type Random = (bound: number) => number;

const B_PYRAMID = "h264 with a B-pyramid";
const NO_VUI = "h264 with a B-pyramid, without VUI";
const FIELD_CLIP = "h264 in field pictures";

const small = picture(1.2, "160x96");
const X265 = "-c:v libx265 -preset ultrafast -x265-params".split(" ");
const CLIPS: readonly (readonly [name: string, codec: VideoCodec, args: readonly string[]])[] = [
  ["h264 without B-frames", "h264", [...small, ...X264_LIVE]],
  ["h264 in slices", "h264", [...small, ...X264_LIVE, "-x264-params", "slices=4"]],
  [
    B_PYRAMID,
    "h264",
    [...small, ..."-c:v libx264 -preset veryfast -bf 4 -g 12 -b_strategy 0".split(" ")],
  ],
  [
    "h264 with open GOPs, in slices",
    "h264",
    [
      ...small,
      ..."-c:v libx264 -preset veryfast -g 10 -bf 2 -x264-params open-gop=1:slices=3".split(" "),
    ],
  ],
  ["h264 interlaced", "h264", [...small, ...X264_LIVE, "-flags", "+ilme+ildct"]],
  ["hevc with B-frames", "hevc", [...small, ...X265, "log-level=none:bframes=3:keyint=12"]],
  [
    "hevc in slices",
    "hevc",
    [...small, ...X265, "log-level=none:slices=3:bframes=0:keyint=10:open-gop=0"],
  ],
];

/** Makes the clips, with one ffmpeg. */
export async function makeClips(): Promise<SourceClip[]> {
  prepareTs(CLIPS.map(([, , args]) => args));
  const clips: SourceClip[] = [fieldClip()];
  for (const [name, codec, args] of CLIPS) {
    const packets = packetsOf(demuxAll(await makeTs(args)), "video");
    const pictures = packets.map(({ data, ptsTicks, dtsTicks, keyframe }) => ({
      nals: splitNals(data),
      pts: ptsTicks,
      dts: dtsTicks,
      keyframe,
    }));
    clips.push({ name, codec, pictures });
    if (name === B_PYRAMID) clips.push({ name: NO_VUI, codec, pictures: pictures.map(withoutVui) });
  }
  return clips;
}

/** The picture with parameter sets that say nothing of its timing. */
function withoutVui(picture: SourcePicture): SourcePicture {
  const nals = picture.nals.map((unit) => (headerOf(unit) & 31) === 7 ? spsWithoutVui(unit) : unit);
  return { ...picture, nals };
}

function spsWithoutVui(unit: Uint8Array): Uint8Array {
  const sps = unescapeRbsp(unit.subarray(unit[2] === 1 ? 3 : 4));
  const { width, height } = parseH264Sps(sps);
  const bits = [...sps].flatMap((byte) => Array.from({ length: 8 }, (_, i) => byte >> 7 - i & 1));
  const toBytes = (all: readonly number[]): Uint8Array =>
    Uint8Array.from(
      { length: Math.ceil(all.length / 8) },
      (_, byte) => all.slice(8 * byte, 8 * byte + 8).reduce((sum, bit, i) => sum | bit << 7 - i, 0),
    );
  // The first bit without which there is no timing is vui_parameters_present_flag.
  const flag = bits.findIndex((bit, at) => {
    if (bit === 0 || at < 32) return false;
    try {
      const parsed = parseH264Sps(toBytes(bits.with(at, 0)));
      return parsed.frameSeconds === 0 && parsed.width === width && parsed.height === height;
    } catch {
      return false;
    }
  });
  return nal(sps[0]!, toBytes([...bits.slice(0, flag), 0, 1]).subarray(1));
}

function fieldClip(): SourceClip {
  const pictures = fieldFrames(30, 10).map(({ fields }, index) => ({
    nals: fields.flatMap(splitNals),
    pts: 133_200 + 3600 * index,
    dts: 133_200 + 3600 * index,
    keyframe: index % 10 === 0,
  }));
  return { name: FIELD_CLIP, codec: "h264", pictures };
}

/** NAL units of an Annex B stream with their start codes. */
export function splitNals(data: Uint8Array): Uint8Array[] {
  const starts: number[] = [];
  for (let i = 0; i + 2 < data.length; i++) {
    if (data[i] !== 0 || data[i + 1] !== 0 || data[i + 2] !== 1) continue;
    starts.push(i > 0 && data[i - 1] === 0 ? i - 1 : i);
    i += 2;
  }
  return starts.map((start, index) => data.subarray(start, starts[index + 1] ?? data.length));
}

/** A picture as it goes into the stream: where it and its slices lie there. */
interface PlacedPicture extends SourcePicture {
  readonly bytes: Uint8Array;
  /** Where a PES packet may begin that holds the rest of it. */
  readonly cut: number;
  at: number;
  readonly slicesFrom: number;
  readonly slicesTo: number;
}

/** Lays a clip out as the seed says, demuxes it, and compares. Throws an `AssertionError`. */
export function fuzzOnce(seed: number, clips: readonly SourceClip[]): FuzzCase {
  const random = createRandom(seed * 2_654_435_761);
  for (let i = 0; i < 8; i++) random(2);
  const clip = clips[random(clips.length)]!;
  const start = random(3) === 0 ? skipSome(clip, random) : 0;
  const { words, change } = decoration(random, clip);
  const pictures = place(
    clip.pictures.slice(start).map((one, i, all) => change(one, all[i + 1])),
    clip.codec === "h264" ? H264 : HEVC,
  );
  const pes = layOut(pictures, random);
  const stamping = stampPolicy(random);
  const pieces = pes.pieces.map((piece, index) => stamping.stamp(piece, index));
  const packed = pack(pieces, { random, plain: pes.plain, codec: clip.codec });
  const about = `seed ${seed}: ${clip.name} from ${start}, ${words}; ${pes.words}; ` +
    `${stamping.words}; ${packed.words}`;
  const { events, demuxer, words: feeding } = feed(packed.packets, random);
  const packets = packetsOf(events, "video");
  const stamped = new Set(pieces.flatMap(({ owner }) => owner ?? []));
  const hasTiming = ![FIELD_CLIP, NO_VUI].includes(clip.name);
  check({ pictures, packets, stamped, hasTiming, about: `${about}; ${feeding}` });
  assert.equal(demuxer.stats.falseEnds, 0, about);
  assert.equal(events.some(({ kind }) => kind === "discontinuity"), false, about);
  return { about, clip, stream: concatBytes(packed.packets), packets };
}

/** The index of a later keyframe to begin at. */
function skipSome(clip: SourceClip, random: Random): number {
  const keys = clip.pictures.flatMap(({ keyframe }, i) => keyframe && i > 0 ? [i] : []);
  const from = keys[random(Math.max(1, keys.length))] ?? 0;
  return clip.pictures.length - from > 8 ? from : 0;
}

interface NalShapes {
  readonly isSlice: (nal: Uint8Array) => boolean;
  readonly isDelimiter: (nal: Uint8Array) => boolean;
  readonly sei: (payload: readonly number[]) => Uint8Array;
  readonly trailingSei: Uint8Array;
  readonly filler: Uint8Array;
  readonly endOfSequence: Uint8Array;
}

const NOTE = [5, 20, ...Array.from({ length: 20 }, (_, i) => 0x41 + i), 0x80];
/** An unregistered message with start codes that nobody escaped. */
const BARE_NOTE = [
  ...[5, 30, ...Array.from({ length: 16 }, (_, i) => 0x41 + i)],
  ...[0, 0, 1, 0x65, 0x88, 0x84, 0, 0, 0, 1, 0x09, 0xF0, 1, 2, 0x80],
];

const H264: NalShapes = {
  isSlice: (nal) => [1, 2, 5].includes(headerOf(nal) & 31),
  isDelimiter: (nal) => (headerOf(nal) & 31) === 9,
  sei: (payload) => Uint8Array.from([0, 0, 1, 6, ...payload]),
  trailingSei: Uint8Array.from([0, 0, 1, 6, ...NOTE]),
  filler: Uint8Array.of(0, 0, 1, 12, 0xFF, 0xFF, 0xFF, 0x80),
  endOfSequence: Uint8Array.of(0, 0, 1, 10),
};

const HEVC: NalShapes = {
  isSlice: (nal) => headerOf(nal) >> 1 < 32,
  isDelimiter: (nal) => headerOf(nal) >> 1 === 35,
  sei: (payload) => Uint8Array.from([0, 0, 1, 39 << 1, 1, ...payload]),
  trailingSei: Uint8Array.from([0, 0, 1, 40 << 1, 1, ...NOTE]),
  filler: Uint8Array.of(0, 0, 1, 38 << 1, 1, 0xFF, 0xFF, 0x80),
  endOfSequence: Uint8Array.of(0, 0, 1, 36 << 1, 1),
};

function headerOf(nal: Uint8Array): number {
  return nal[nal[2] === 1 ? 3 : 4]!;
}

/** What is put into the pictures, or left out. */
function decoration(
  random: Random,
  clip: SourceClip,
): {
  words: string;
  change: (picture: SourcePicture, next: SourcePicture | undefined) => SourcePicture;
} {
  const shapes = clip.codec === "h264" ? H264 : HEVC;
  const chosen = {
    noDelimiters: random(3) === 0,
    seiBehind: random(4) === 0,
    seiBetween: random(4) === 0,
    bareSei: random(5) === 0,
    filler: random(5) === 0,
    endOfSequence: clip.codec === "h264" && random(6) === 0,
  };
  const words = Object.entries(chosen).flatMap(([name, on]) => on ? [name] : []).join(" ") ||
    "bare";
  const change = (picture: SourcePicture, next: SourcePicture | undefined): SourcePicture => {
    const nals: Uint8Array[] = [];
    let slices = 0;
    for (const nal of picture.nals) {
      if (shapes.isDelimiter(nal) && chosen.noDelimiters) continue;
      if (shapes.isSlice(nal)) {
        slices++;
        if (slices === 1 && chosen.bareSei) nals.push(shapes.sei(BARE_NOTE));
        if (slices === 2 && chosen.seiBetween) nals.push(shapes.sei(NOTE));
      }
      nals.push(nal);
    }
    if (chosen.filler) nals.push(shapes.filler);
    if (chosen.seiBehind) nals.push(shapes.trailingSei);
    if (chosen.endOfSequence && next?.keyframe === true) nals.push(shapes.endOfSequence);
    return { ...picture, nals };
  };
  return { words, change };
}

function place(pictures: readonly SourcePicture[], shapes: NalShapes): PlacedPicture[] {
  let at = 0;
  return pictures.map((picture) => {
    const { nals } = picture;
    const first = nals.findIndex(shapes.isSlice);
    const last = nals.findLastIndex(shapes.isSlice);
    const length = (to: number): number => nals.slice(0, to).reduce((sum, n) => sum + n.length, 0);
    const placed = {
      ...picture,
      bytes: concatBytes(nals),
      cut: length(first),
      at,
      slicesFrom: at + length(first),
      slicesTo: at + length(last + 1),
    };
    at += placed.bytes.length;
    return placed;
  });
}

interface Piece extends PesPiece {
  /** The picture whose time it has. */
  readonly owner?: PlacedPicture;
}

/** How pictures lie in PES packets. `plain`: one in each. */
function layOut(
  pictures: readonly PlacedPicture[],
  random: Random,
): { pieces: Piece[]; words: string; plain: boolean } {
  const stream = concatBytes(pictures.map(({ bytes }) => bytes));
  const mode = (["unit", "unit", "group", "split", "cut", "sets"] as const)[random(6)]!;
  const cuts = new Set<number>();
  switch (mode) {
    case "unit":
      for (const { at } of pictures) cuts.add(at);
      break;
    case "group": {
      const size = 2 + random(5);
      pictures.forEach(({ at }, index) => index % size === 0 && cuts.add(at));
      break;
    }
    case "split":
      for (const { at, bytes, keyframe } of pictures) {
        cuts.add(at);
        const parts = keyframe ? 1 + random(4) : random(3);
        for (let i = 0; i < parts; i++) cuts.add(at + 1 + random(bytes.length - 1));
      }
      break;
    case "cut": {
      const largest = [300, 1000, 5000, 20_000][random(4)]!;
      for (let at = 0; at < stream.length; at += 1 + random(largest)) cuts.add(at);
      break;
    }
    case "sets":
      for (const { at, cut, keyframe } of pictures) {
        cuts.add(at);
        if (keyframe && cut > 0) cuts.add(at + cut);
      }
  }
  const sorted = [...cuts].sort((a, b) => a - b);
  const pieces = sorted.map((from, index) => {
    const to = sorted[index + 1] ?? stream.length;
    const owner = pictures.find(({ at }) => at >= from && at < to);
    return {
      payload: stream.subarray(from, to),
      ...(owner === undefined ? {} : { pts: owner.pts, dts: owner.dts, owner }),
    };
  });
  return { pieces, words: mode, plain: mode === "unit" };
}

function stampPolicy(random: Random): {
  words: string;
  stamp: (piece: Piece, index: number) => Piece;
} {
  const mode = (["all", "all", "all", "reference", "sparse"] as const)[random(5)]!;
  const stamp = (piece: Piece, index: number): Piece => {
    const { owner, payload } = piece;
    if (owner === undefined || index === 0 || mode === "all") return piece;
    const keeps = mode === "reference"
      ? owner.pts !== owner.dts || owner.keyframe
      : random(3) === 0;
    return keeps ? piece : { payload };
  };
  return { words: `${mode} times`, stamp };
}

/** Writes the transport packets. */
function pack(
  pieces: readonly Piece[],
  options: { random: Random; plain: boolean; codec: VideoCodec },
): { packets: Uint8Array[]; words: string } {
  const { random, plain, codec } = options;
  const chosen = {
    sized: random(3) === 0,
    stuffedFirst: random(4) === 0,
    stuffedMiddle: random(6) === 0,
    otherPids: random(3) === 0,
    nulls: random(4) === 0,
    repeated: random(5) === 0,
    headerStuffing: random(5) === 0,
    asFfmpeg: plain && random(4) === 0,
    tablesOften: random(4) === 0,
  };
  const layout = new TsLayout();
  const streams = [[codec === "h264" ? 0x1B : 0x24, VIDEO_PID]] as const;
  if (chosen.asFfmpeg) layout.section(0x11, ffmpegSdtSection());
  layout.tables(streams);
  const misstuffs = !chosen.asFfmpeg;
  for (const [index, piece] of pieces.entries()) {
    if (chosen.tablesOften && random(4) === 0) layout.tables(streams);
    if (chosen.nulls && random(3) === 0) layout.null();
    const stuffing = (packet: number): number => {
      if (!misstuffs) return 0;
      if (packet === 0) return chosen.stuffedFirst ? 1 : 0;
      return chosen.stuffedMiddle && packet % 4 === 1 ? 1 + random(50) : 0;
    };
    layout.pes(piece, {
      sized: chosen.sized,
      stuffing,
      headerStuffing: chosen.headerStuffing ? random(40) : 0,
      ...(chosen.stuffedFirst || random(2) === 0 ? { pcr: 90_000 + 3000 * index } : {}),
    });
    if (chosen.repeated && random(6) === 0) layout.repeat();
    if (chosen.otherPids && random(2) === 0) {
      const payload = Uint8Array.from({ length: 1 + random(400) }, () => random(256));
      layout.pes({ payload, pts: 90_000 }, { pid: 0x200, streamId: 0xBD, sized: true });
    }
  }
  const words = Object.entries(chosen).flatMap(([name, on]) => on ? [name] : []).join(" ");
  return { packets: [...layout.packets], words: words || "plain packets" };
}

/** Feeds the demuxer in chunks of any size, and segments that are cut anywhere. */
function feed(
  packets: readonly Uint8Array[],
  random: Random,
): { events: TsEvent[]; demuxer: MpegTsDemuxer; words: string } {
  const demuxer = new MpegTsDemuxer();
  const events: TsEvent[] = [];
  const stream = concatBytes(packets);
  const mode = (["whole", "packets", "bytes"] as const)[random(3)]!;
  const segmentPackets = 1 + random(40);
  const segmentBytes = {
    whole: stream.length,
    packets: segmentPackets * 188,
    bytes: (4 + segmentPackets) * 188 + random(188),
  }[mode];
  const largest = [50, 188, 1000, 100_000][random(4)]!;
  for (let from = 0; from < stream.length; from += segmentBytes) {
    const to = Math.min(stream.length, from + segmentBytes);
    if (from > 0) events.push(...demuxer.nextSegment());
    for (let at = from; at < to;) {
      const end = Math.min(to, at + 1 + random(largest));
      events.push(...demuxer.push(stream.slice(at, end)));
      at = end;
    }
  }
  events.push(...demuxer.flush());
  return { events, demuxer, words: `segments of ${segmentBytes}, chunks of ${largest}` };
}

function check(
  { pictures, packets, stamped, hasTiming, about }: {
    hasTiming: boolean;
    pictures: readonly PlacedPicture[];
    packets: readonly Packet[];
    stamped: ReadonlySet<PlacedPicture>;
    about: string;
  },
): void {
  let at = 0;
  let lastDts = -Infinity;
  assert.equal(packets.length, pictures.length, `${about}: pictures`);
  pictures.forEach((picture, index) => {
    const { ptsTicks, dtsTicks, keyframe, data } = packets[index]!;
    const which = `${about}: picture ${index}`;
    const isCovered = at <= picture.slicesFrom && at + data.length >= picture.slicesTo;
    assert.ok(isCovered, `${which}: bytes ${at} to ${at + data.length}`);
    at += data.length;
    const exact = stamped.has(picture);
    // Of streams without timing only two times tell how fast they are.
    const canTell = exact || hasTiming || stamped.size > 1;
    assert.ok(
      !canTell || Math.abs(ptsTicks - picture.pts) <= (exact ? 0 : 1),
      `${which}: pts ${ptsTicks} is not ${picture.pts}`,
    );
    if (exact) assert.equal(dtsTicks, picture.dts, `${which}: dts`);
    assert.ok(dtsTicks >= lastDts && dtsTicks <= ptsTicks, `${which}: dts ${dtsTicks}`);
    lastDts = dtsTicks;
    assert.equal(keyframe, picture.keyframe, `${which}: keyframe`);
  });
  const last = pictures.at(-1)!;
  const end = last.at + last.bytes.length;
  assert.ok(at <= end && at >= last.slicesTo, `${about}: ${at} of ${end} bytes`);
}
