import { TICKS_PER_SECOND } from "../../../base/rational.ts";

/** Pictures that are remembered with their times. */
const MAX_ANCHORS = 16;

/** Times a picture by its order may be off its true time before the order is taken to start anew: 1 s. */
const MAX_DEVIATION_TICKS = TICKS_PER_SECOND;

/** The timing of the parameter sets is believed when the stream's own differs by less than this. */
const SAME_RATE = 0.02;

/** The longest step from picture to picture that is believed: 1 s. */
const MAX_FRAME_TICKS = TICKS_PER_SECOND;

/** A picture's place in the order of presentation. */
export interface PictureOrder {
  /** Picture order count; undefined when it is not known. */
  readonly order: number | undefined;
  readonly startsOrder: boolean;
}

interface Anchor {
  readonly order: number;
  readonly pts: number;
}

/**
 * When pictures are shown whose PES packets do not say: between those that have times, by their
 * picture order counts. Ticks are of 90 kHz.
 */
export class PresentationTimes {
  /** What the count rises by from frame to frame. */
  #orderStep: number;
  #lastOrder: number | undefined;
  /** Pictures with times since the order started, by order. */
  #anchors: Anchor[] = [];
  /** Ticks per count by the times of pictures; 0 until there are two. */
  #measured = 0;
  /** Ticks per frame by the parameter set; 0 when it does not say. */
  #codedFrameTicks = 0;
  #last: number | undefined;
  #latest = -Infinity;
  /** The highest count since the order started. */
  #top = 0;

  /** `orderStep` is what the count rises by from frame to frame. */
  constructor(orderStep: number) {
    this.#orderStep = orderStep;
  }

  /** The frame duration that the parameter set in use says, in ticks; 0 for none. */
  set codedFrameTicks(ticks: number) {
    this.#codedFrameTicks = ticks > 0 && ticks <= MAX_FRAME_TICKS ? ticks : 0;
  }

  /** Ticks from frame to frame; 0 when nothing tells. */
  get frameTicks(): number {
    return this.#ticksPerCount * this.#orderStep;
  }

  /** Takes the next picture that has a time. */
  note({ order, startsOrder }: PictureOrder, pts: number): void {
    if (startsOrder) this.#anchors = [];
    this.#pass({ order, startsOrder }, pts);
    if (order === undefined) return;
    const expected = this.#between(order);
    if (expected !== undefined && Math.abs(pts - expected) > MAX_DEVIATION_TICKS) {
      this.#anchors = [];
    }
    this.#measure({ order, pts });
    let index = this.#anchors.findIndex((anchor) => anchor.order >= order);
    if (index < 0) index = this.#anchors.length;
    const replaced = this.#anchors[index]?.order === order ? 1 : 0;
    this.#anchors.splice(index, replaced, { order, pts });
    if (this.#anchors.length > MAX_ANCHORS) this.#anchors.shift();
  }

  /** The time of the next picture if it has none of its own; undefined while nothing tells. */
  predict({ order, startsOrder }: PictureOrder): number | undefined {
    if (this.#last === undefined) return undefined;
    const frame = this.frameTicks;
    if (order === undefined) return frame > 0 ? Math.round(this.#last + frame) : undefined;
    if (!startsOrder && this.#anchors.length > 0) return this.#between(order);
    return frame > 0 ? Math.round(this.#latest + frame) : undefined;
  }

  /**
   * The last of `pictures` is shown at `pts`, and nothing told the times of those before, among which
   * the order started anew: they fill the time up to there.
   */
  bridge(pictures: readonly PictureOrder[], pts: number): void {
    for (const { order } of pictures) this.#learnStep(order);
    const [anchor] = this.#anchors;
    if (this.#measured > 0 || anchor === undefined) return;
    let base = 0;
    let top = this.#top;
    let place = 0;
    for (const { order = 0, startsOrder } of pictures) {
      if (startsOrder) {
        base += top + this.#orderStep;
        top = 0;
      }
      top = Math.max(top, order);
      place = base + order;
    }
    this.#measure({ order: place, pts });
  }

  /** Takes the next picture with the time that was predicted for it. */
  assume(picture: PictureOrder, pts: number): void {
    if (picture.startsOrder && picture.order !== undefined) return this.note(picture, pts);
    this.#pass(picture, pts);
  }

  #pass({ order, startsOrder }: PictureOrder, pts: number): void {
    this.#learnStep(order);
    this.#top = startsOrder ? order ?? 0 : Math.max(this.#top, order ?? 0);
    this.#last = pts;
    this.#latest = pts < this.#latest - MAX_DEVIATION_TICKS ? pts : Math.max(this.#latest, pts);
  }

  #learnStep(order: number | undefined): void {
    const before = this.#lastOrder;
    this.#lastOrder = order;
    if (order === undefined || before === undefined || order === before) return;
    this.#orderStep = Math.min(this.#orderStep, Math.abs(order - before));
  }

  #between(order: number): number | undefined {
    const anchors = this.#anchors;
    let above = anchors.findIndex((anchor) => anchor.order >= order);
    if (above < 0) above = anchors.length;
    const [low, high] = [anchors[above - 1], anchors[above]];
    if (low !== undefined && high !== undefined) {
      const share = (order - low.order) / (high.order - low.order);
      return Math.round(low.pts + (high.pts - low.pts) * share);
    }
    const known = low ?? high;
    const ticks = this.#ticksPerCount;
    if (known === undefined || known.order !== order && ticks === 0) return undefined;
    return Math.round(known.pts + (order - known.order) * ticks);
  }

  #measure(anchor: Anchor): void {
    const [first] = this.#anchors;
    const base = first?.order === anchor.order ? this.#anchors[1] : first;
    if (base === undefined) return;
    const ticks = (anchor.pts - base.pts) / (anchor.order - base.order);
    if (ticks > 0 && ticks <= MAX_FRAME_TICKS) this.#measured = ticks;
  }

  get #ticksPerCount(): number {
    const coded = this.#codedFrameTicks / this.#orderStep;
    if (this.#measured === 0) return coded;
    return Math.abs(coded - this.#measured) < SAME_RATE * this.#measured ? coded : this.#measured;
  }
}
