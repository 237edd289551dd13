import type { TrackHost } from "./track.ts";

/** Assumed between pictures when neither the stream nor its times tell: 30 fps. */
const DEFAULT_FRAME_TICKS = 3000;

/** A step between pictures is believed up to this: 1 s. */
const MAX_FRAME_TICKS = 90_000;

/** Times of a picture, unwrapped, in 90 kHz ticks. */
export interface PictureTimes {
  readonly pts: number;
  readonly dts: number;
}

/** What is known of a picture when it asks for its times. */
export interface UntimedPicture {
  /** 33-bit times of its PES, if they are its. */
  readonly pts: number | undefined;
  readonly dts: number | undefined;
  /** Its place among those that are shown since the last `startsOrder`; undefined: as decoded. */
  readonly order: number | undefined;
  /** Whether `order` counts anew from here. */
  readonly startsOrder: boolean;
  /** How long it is shown by the stream's own timing; 0 where that does not say. */
  readonly frameTicks: number;
}

/**
 * Gives every picture its times: those of its PES, or such that follow from the picture before and
 * from the order in which pictures are shown.
 */
export class PictureTimer {
  readonly #host: TrackHost;
  /** Not rounded: what is counted from it would drift. */
  #last: PictureTimes | undefined;
  #stepTicks = 0;
  /** When the picture of order 0 is shown, and the highest order since. */
  #orderStart: number | undefined;
  #highest = -1;

  /** Creates a timer that knows no picture yet. */
  constructor(host: TrackHost) {
    this.#host = host;
  }

  /** The times of the next picture in decoding order; undefined where nothing tells them. */
  next(picture: UntimedPicture): PictureTimes | undefined {
    const frameTicks = this.#frameTicks(picture.frameTicks);
    if (picture.startsOrder) this.#startOrder(frameTicks);
    const times = this.#timesOf(picture, frameTicks);
    if (times === undefined) return undefined;
    const step = this.#last === undefined ? 0 : times.dts - this.#last.dts;
    if (step > 0 && step <= MAX_FRAME_TICKS) this.#stepTicks = step;
    this.#last = times;
    if (picture.order !== undefined) {
      this.#orderStart = times.pts - picture.order * frameTicks;
      this.#highest = Math.max(this.#highest, picture.order);
    }
    return { pts: Math.round(times.pts), dts: Math.round(times.dts) };
  }

  #startOrder(frameTicks: number): void {
    if (this.#orderStart !== undefined) this.#orderStart += (this.#highest + 1) * frameTicks;
    this.#highest = -1;
  }

  #timesOf(picture: UntimedPicture, frameTicks: number): PictureTimes | undefined {
    const last = this.#last;
    if (picture.pts !== undefined) {
      const dts = this.#host.advance("video", picture.dts ?? picture.pts);
      return { dts, pts: this.#host.near(picture.pts, dts) };
    }
    if (last === undefined) return undefined;
    const dts = last.dts + frameTicks;
    const shown = picture.order === undefined || this.#orderStart === undefined
      ? last.pts + frameTicks
      : this.#orderStart + picture.order * frameTicks;
    return { dts, pts: shown };
  }

  #frameTicks(coded: number): number {
    if (coded > 0 && coded <= MAX_FRAME_TICKS) return coded;
    return this.#stepTicks > 0 ? this.#stepTicks : DEFAULT_FRAME_TICKS;
  }
}
