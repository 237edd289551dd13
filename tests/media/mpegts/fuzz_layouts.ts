/** How a seed lays pictures out in the elementary stream, and in PES packets. */

import type { VideoCodec } from "../../../src/media/types.ts";
import { concatBytes } from "./fixtures.ts";
import type { SourceClip, SourcePicture } from "./fuzz_clips.ts";
import type { PesPiece } from "./ts_layout.ts";

/** Whole numbers below a bound. */
export type Random = (bound: number) => number;

/** A picture as it goes into the stream: where it and its slices lie there. */
export interface PlacedPicture extends SourcePicture {
  readonly bytes: Uint8Array;
  /** Where a PES packet may begin that holds the rest of it. */
  readonly cut: number;
  readonly at: number;
  /** Where it begins as far as times go: an MPEG-2 picture with its own header. */
  readonly headerAt: number;
  readonly slicesFrom: number;
  readonly slicesTo: number;
  /** Where SEI behind its slices begins, which looks like the beginning of the next picture. */
  readonly seiBehindAt: number | undefined;
}

/** The NAL units of a codec, and those that may be added. */
export interface NalShapes {
  readonly isSlice: (nal: Uint8Array) => boolean;
  readonly isDelimiter: (nal: Uint8Array) => boolean;
  readonly isSet: (nal: Uint8Array) => boolean;
  readonly sei: (payload: readonly number[]) => Uint8Array;
  readonly trailingSei?: Uint8Array;
  readonly filler?: Uint8Array;
  readonly endOfSequence?: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

const NOTE = [5, 20, ...Array.from({ length: 20 }, (_, i) => 0x41 + i), 0x80];
/** An unregistered message with start codes that nobody escaped. */
const BARE_NOTE = [
  ...[5, 30, ...Array.from({ length: 16 }, (_, i) => 0x41 + i)],
  ...[0, 0, 1, 0x65, 0x88, 0x84, 0, 0, 0, 1, 0x09, 0xF0, 1, 2, 0x80],
];

const H264: NalShapes = {
  isSlice: (nal) => [1, 2, 5].includes(headerOf(nal) & 31),
  isDelimiter: (nal) => (headerOf(nal) & 31) === 9,
  isSet: (nal) => [7, 8].includes(headerOf(nal) & 31),
  sei: (payload) => Uint8Array.from([0, 0, 1, 6, ...payload]),
  trailingSei: Uint8Array.from([0, 0, 1, 6, ...NOTE]),
  filler: Uint8Array.of(0, 0, 1, 12, 0xFF, 0xFF, 0xFF, 0x80),
  endOfSequence: Uint8Array.of(0, 0, 1, 10),
};

const HEVC: NalShapes = {
  isSlice: (nal) => headerOf(nal) >> 1 < 32,
  isDelimiter: (nal) => headerOf(nal) >> 1 === 35,
  isSet: (nal) => [32, 33, 34].includes(headerOf(nal) >> 1),
  sei: (payload) => Uint8Array.from([0, 0, 1, 39 << 1, 1, ...payload]),
  trailingSei: Uint8Array.from([0, 0, 1, 40 << 1, 1, ...NOTE]),
  filler: Uint8Array.of(0, 0, 1, 38 << 1, 1, 0xFF, 0xFF, 0x80),
  endOfSequence: Uint8Array.of(0, 0, 1, 36 << 1, 1),
};

/** User data stands for SEI; the rest is not in MPEG-2. */
const MPEG2: NalShapes = {
  isSlice: (nal) => headerOf(nal) >= 0x01 && headerOf(nal) <= 0xAF,
  isDelimiter: () => false,
  isSet: () => false,
  sei: () => Uint8Array.of(0, 0, 1, 0xB2, 0x41, 0x42, 0x43),
};

/** What the NAL units of a codec are. */
export function shapesOf(codec: VideoCodec): NalShapes {
  return codec === "h264" ? H264 : codec === "hevc" ? HEVC : MPEG2;
}

function headerOf(nal: Uint8Array): number {
  return nal[nal[2] === 1 ? 3 : 4]!;
}

/** What is put into the pictures, or left out. */
export function decoration(
  random: Random,
  clip: SourceClip,
): {
  words: string;
  change: (picture: SourcePicture, next: SourcePicture | undefined) => SourcePicture;
} {
  const shapes = shapesOf(clip.codec);
  const isNew = clip.codec !== "mpeg2video";
  const sets = clip.pictures.find(({ keyframe }) => keyframe)!.nals.filter(shapes.isSet);
  const chosen = {
    noDelimiters: random(3) === 0,
    seiBehind: random(4) === 0,
    seiBetween: isNew && random(4) === 0,
    bareSei: random(5) === 0,
    filler: random(5) === 0,
    endOfSequence: clip.codec === "h264" && random(6) === 0,
    twoDelimiters: isNew && random(8) === 0,
    setsOften: isNew && random(6) === 0,
  };
  const words = Object.entries(chosen).flatMap(([name, on]) => on ? [name] : []).join(" ") ||
    "bare";
  const change = (picture: SourcePicture, next: SourcePicture | undefined): SourcePicture => {
    const nals: Uint8Array[] = [];
    let slices = 0;
    let hasSets = false;
    for (const nal of picture.nals) {
      if (shapes.isDelimiter(nal)) {
        if (chosen.noDelimiters) continue;
        if (chosen.twoDelimiters) nals.push(nal);
      }
      // Parameter sets stand in front of SEI.
      if (!hasSets && !shapes.isDelimiter(nal)) {
        hasSets = true;
        if (chosen.setsOften && !picture.keyframe) nals.push(...sets);
      }
      if (shapes.isSlice(nal)) {
        slices++;
        if (slices === 1 && chosen.bareSei) nals.push(shapes.sei(BARE_NOTE));
        if (slices === 2 && chosen.seiBetween) nals.push(shapes.sei(NOTE));
      }
      nals.push(nal);
    }
    if (chosen.filler) nals.push(shapes.filler ?? NO_BYTES);
    if (chosen.seiBehind) nals.push(shapes.trailingSei ?? NO_BYTES);
    if (chosen.endOfSequence && next?.keyframe === true) {
      nals.push(shapes.endOfSequence ?? NO_BYTES);
    }
    return { ...picture, nals };
  };
  return { words, change };
}

/** Puts pictures one behind the other. */
export function place(pictures: readonly SourcePicture[], shapes: NalShapes): PlacedPicture[] {
  let at = 0;
  return pictures.map((picture) => {
    const { nals } = picture;
    const first = nals.findIndex(shapes.isSlice);
    const last = nals.findLastIndex(shapes.isSlice);
    const length = (to: number): number => nals.slice(0, to).reduce((sum, n) => sum + n.length, 0);
    const seiBehind = nals.findIndex((nal) => nal === shapes.trailingSei);
    const placed = {
      ...picture,
      bytes: concatBytes(nals),
      cut: length(first),
      at,
      headerAt: at + length(Math.max(0, nals.findIndex((nal) => isPictureHeader(nal, shapes)))),
      slicesFrom: at + length(first),
      slicesTo: at + length(last + 1),
      seiBehindAt: shapes !== H264 || seiBehind < 0 ? undefined : at + length(seiBehind),
    };
    at += placed.bytes.length;
    return placed;
  });
}

function isPictureHeader(nal: Uint8Array, shapes: NalShapes): boolean {
  return shapes === MPEG2 && headerOf(nal) === 0;
}

/** What goes into one PES packet. */
export interface Piece extends PesPiece {
  /** The picture whose time it has. */
  readonly owner?: PlacedPicture;
}

/** How pictures lie in PES packets. `plain`: one in each. */
export function layOut(
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
      for (const { at, bytes, slicesTo, keyframe } of pictures) {
        cuts.add(at);
        const parts = keyframe ? 1 + random(4) : random(3);
        for (let i = 0; i < parts; i++) {
          // At the head of a picture it would be a PES packet of its own, which may be learned from.
          const cut = 1 + random(bytes.length - 1);
          cuts.add(beginsUnit(bytes, cut) ? slicesTo - 3 : at + cut);
        }
      }
      break;
    case "cut": {
      const largest = [300, 1000, 5000, 20_000][random(4)]!;
      // At a slice behind SEI nothing would tell whose that SEI is.
      const slices = new Set(pictures.map(({ slicesFrom }) => slicesFrom));
      for (let at = 0; at < stream.length; at += 1 + random(largest)) {
        cuts.add(slices.has(at) ? at + 1 : at);
      }
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
    const owner = isInSeiBehind(from, pictures)
      ? undefined
      : pictures.find(({ headerAt }) => headerAt >= from && headerAt < to);
    return {
      payload: stream.subarray(from, to),
      ...(owner === undefined ? {} : { pts: owner.pts, dts: owner.dts, owner }),
    };
  });
  return { pieces, words: mode, plain: mode === "unit" };
}

/** Whether nothing tells which picture begins first behind a place: the SEI there may be of the next. */
function isInSeiBehind(from: number, pictures: readonly PlacedPicture[]): boolean {
  return pictures.some(({ seiBehindAt, at, bytes }) =>
    seiBehindAt !== undefined && from > seiBehindAt && from < at + bytes.length
  );
}

function beginsUnit(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2]! <= 1;
}

/** Which PES packets keep their times. */
export function stampPolicy(random: Random): {
  words: string;
  stamp: (piece: Piece) => Piece;
} {
  const mode = (["all", "all", "all", "reference", "sparse"] as const)[random(5)]!;
  let hasStamp = false;
  const stamp = (piece: Piece): Piece => {
    const { owner, payload } = piece;
    if (owner === undefined || mode === "all") return piece;
    // Without any time nothing could be told.
    const isFirst = !hasStamp;
    hasStamp = true;
    if (isFirst) return piece;
    const keeps = mode === "reference"
      ? owner.pts !== owner.dts || owner.keyframe
      : random(3) === 0;
    return keeps ? piece : { payload };
  };
  return { words: `${mode} times`, stamp };
}
