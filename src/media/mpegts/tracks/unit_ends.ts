import type { PesEnd } from "../pes/pes_reader.ts";

/** One true end of a kind may be an accident: PES packets that are cut anywhere end with a picture, too. */
const FIRST_NEEDED = 2;

/** A false end must be outweighed by so many true ones, and after the next by the square of it. */
const REGAIN = 32;

/** Where a PES packet seems to end with a picture. */
export interface UnitEnd {
  readonly kind: PesEnd;
  /** Payload of the PES packet up to there. */
  readonly bytes: number;
  /** Whether decoding can start at the picture. */
  readonly keyframe: boolean;
  /** Whether the picture began with the PES packet. */
  readonly alone: boolean;
  /** Number of the PES packet. */
  readonly pes: number;
}

interface Experience {
  /** The largest PES payload that ended with a picture. */
  bytes: number;
  count: number;
  /** False ends. */
  refuted: number;
}

/** How many true ends a kind must have to be believed. */
function neededEnds({ refuted }: Experience): number {
  return refuted === 0 ? FIRST_NEEDED : REGAIN ** refuted;
}

/**
 * Learns whether the end of a PES packet is the end of a picture. Most muxers put one picture into
 * each, and then it can be decoded without waiting for the next one; others put pictures into several,
 * or only those that are large, and a picture that is cut short is decoded as garbage. So an end is
 * believed once a keyframe had a packet of its own and two packets ended like this, and only for packets
 * that are no larger than those that were seen to end with a picture. {@linkcode vouchFor} is for muxers that
 * are known to keep to it.
 */
export class UnitEnds {
  readonly #kinds: Record<PesEnd, Experience> = {
    "length": { bytes: 0, count: 0, refuted: 0 },
    "stuffing": { bytes: 0, count: 0, refuted: 0 },
    "stuffed-first": { bytes: 0, count: 0, refuted: 0 },
  };
  #keyframes = 0;
  #keyframesNeeded = 1;
  #vouched = false;
  #pending: UnitEnd | undefined;

  /** The muxer is known to end each PES packet with a picture. Holds until it does not. */
  vouchFor(): void {
    this.#vouched = true;
  }

  /** Notes where a picture may have ended; returns whether to believe it. */
  note(end: UnitEnd): boolean {
    this.#pending = end;
    if (!end.alone) return false;
    if (this.#vouched) return true;
    const kind = this.#kinds[end.kind];
    if (this.#keyframes < this.#keyframesNeeded || kind.count < neededEnds(kind)) return false;
    return end.bytes <= kind.bytes;
  }

  /** Whether ends were false rather than true so far. */
  get doubtful(): boolean {
    return this.#keyframesNeeded > 1 && this.#keyframes < this.#keyframesNeeded;
  }

  /** The end noted last was one. */
  confirm(): void {
    const end = this.#pending;
    if (end?.alone !== true) return;
    const kind = this.#kinds[end.kind];
    kind.count++;
    kind.bytes = Math.max(kind.bytes, end.bytes);
    if (end.keyframe) this.#keyframes++;
  }

  /** The picture went on, in this PES packet: behind the end noted last. */
  refute(pes: number): void {
    const end = this.#pending;
    if (end === undefined) return;
    this.#vouched = false;
    const kind = this.#kinds[end.kind];
    kind.count = kind.bytes = 0;
    kind.refuted++;
    if (end.pes === pes) return;
    // It was no mistake about where the PES ends: its end says nothing about pictures.
    this.#keyframes = 0;
    this.#keyframesNeeded *= REGAIN;
  }
}
