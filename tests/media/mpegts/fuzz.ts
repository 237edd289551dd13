/**
 * The same access units laid out in random ways must come out as they went in. A seed says how: how
 * pictures lie in PES packets, which of these have times, what stands between the slices, how the
 * packets are stuffed, repeated and cut into segments.
 */

import assert from "node:assert/strict";
import type { Packet } from "../../../src/media/types.ts";
import { MpegTsDemuxer, type TsEvent } from "../../../src/media/mpegts/mod.ts";
import { concatBytes, createRandom, packetsOf } from "./fixtures.ts";
import type { SourceClip } from "./fuzz_clips.ts";
import {
  decoration,
  layOut,
  type Piece,
  place,
  type PlacedPicture,
  type Random,
  shapesOf,
  stampPolicy,
} from "./fuzz_layouts.ts";
import { pack } from "./fuzz_packets.ts";

const CLOCK_WRAP = 2 ** 33;

/** What became of a seed. */
export interface FuzzCase {
  /** The layout in words. */
  readonly about: string;
  readonly clip: SourceClip;
  readonly stream: Uint8Array;
  readonly packets: readonly Packet[];
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
    shapesOf(clip.codec),
  );
  const pes = layOut(pictures, random);
  const stamping = stampPolicy(random);
  const laterTicks = random(8) === 0 ? CLOCK_WRAP - pictures[0]!.dts - 1 - random(60_000) : 0;
  const pieces = pes.pieces.map((piece) => later(stamping.stamp(piece), laterTicks));
  const packed = pack(pieces, { random, plain: pes.plain, codec: clip.codec });
  const about = `seed ${seed}: ${clip.name} from ${start}, ${words}; ${pes.words}; ` +
    `${stamping.words}${laterTicks > 0 ? " that wrap" : ""}; ${packed.words}`;
  const { events, demuxer, words: feeding } = feed(packed.packets, random);
  const packets = packetsOf(events, "video");
  const stamped = new Set(pieces.flatMap(({ owner }) => owner ?? []));
  const { hasTiming } = clip;
  check({ pictures, packets, stamped, hasTiming, laterTicks, about: `${about}; ${feeding}` });
  assert.equal(demuxer.stats.falseEnds, 0, about);
  assert.equal(events.some(({ kind }) => kind === "discontinuity"), false, about);
  return { about, clip, stream: concatBytes(packed.packets), packets };
}

/** The PES packet at a later time. */
function later(piece: Piece, laterTicks: number): Piece {
  const moved = (ticks: number): number => (ticks + laterTicks) % CLOCK_WRAP;
  const { pts, dts } = piece;
  return {
    ...piece,
    ...(pts === undefined ? {} : { pts: moved(pts) }),
    ...(dts === undefined ? {} : { dts: moved(dts) }),
  };
}

/** The index of a later keyframe to begin at. */
function skipSome(clip: SourceClip, random: Random): number {
  const keys = clip.pictures.flatMap(({ keyframe }, i) => keyframe && i > 0 ? [i] : []);
  const from = keys[random(Math.max(1, keys.length))] ?? 0;
  return clip.pictures.length - from > 8 ? from : 0;
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
  { pictures, packets, stamped, hasTiming, laterTicks, about }: {
    hasTiming: boolean;
    laterTicks: number;
    pictures: readonly PlacedPicture[];
    packets: readonly Packet[];
    stamped: ReadonlySet<PlacedPicture>;
    about: string;
  },
): void {
  let at = 0;
  let lastDts = -Infinity;
  // A stream whose first time stands behind the wrap begins before 0.
  const offTicks = (packets[0]?.ptsTicks ?? 0) - (pictures[0]?.pts ?? 0) - laterTicks;
  const movedTicks = offTicks < -CLOCK_WRAP / 2 ? laterTicks - CLOCK_WRAP : laterTicks;
  assert.equal(packets.length, pictures.length, `${about}: pictures`);
  pictures.forEach((picture, index) => {
    const { keyframe, data } = packets[index]!;
    const ptsTicks = packets[index]!.ptsTicks - movedTicks;
    const dtsTicks = packets[index]!.dtsTicks - movedTicks;
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
