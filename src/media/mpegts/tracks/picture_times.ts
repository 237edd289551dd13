import { MPEG_TIME_BASE, secondsToTicks, TICKS_PER_SECOND } from "../../../base/rational.ts";
import type { SequenceInfo } from "../../bitstream/mod.ts";
import { type PictureOrder, PresentationTimes } from "./presentation_times.ts";
import type { TrackHost } from "./track.ts";

/** Assumed between pictures when neither the stream nor its times tell: 30 fps. */
const DEFAULT_FRAME_TICKS = 3000;

/** Steps from picture to picture beyond this are jumps of the clock: 1 s. */
const MAX_FRAME_TICKS = TICKS_PER_SECOND;

/** The most pictures that wait for times to count theirs from. */
const MAX_WAITING = 64;

/** Share of a frame that a picture's time may be off what its order says. */
const SAME_TIME = 0.75;

/** Times of a picture, unwrapped, in 90 kHz ticks. */
export interface Times {
  readonly pts: number;
  readonly dts: number;
}

/** An access unit and what its time follows from. */
export interface UntimedUnit<Unit> {
  readonly unit: Unit;
  readonly picture: PictureOrder & { readonly sequence: SequenceInfo | undefined };
  /** 33-bit times of its PES packet, if they are its. */
  readonly stamp: Times | undefined;
}

interface WaitingUnit<Unit> extends UntimedUnit<Unit> {
  /** Whether its time was made known before its turn. */
  noted: boolean;
}

/** What {@linkcode PictureTimes} hands units on to. */
export interface TimedSink<Unit> {
  /** The next unit in decoding order. */
  timed(unit: Unit, times: Times): void;
  /** Nothing says when this unit is shown. */
  untimed(unit: Unit): void;
}

/**
 * Gives access units in decoding order their times: those of their PES packets, or such that follow
 * from the order in which pictures are shown. Units wait here until later ones tell their times.
 */
export class PictureTimes<Unit> {
  readonly #host: TrackHost;
  readonly #sink: TimedSink<Unit>;
  readonly #presentation: PresentationTimes;
  #waiting: WaitingUnit<Unit>[] = [];
  #last: Times | undefined;
  #stepTicks = 0;

  /** `orderStep` is what the order of pictures rises by from frame to frame. */
  constructor(options: { host: TrackHost; sink: TimedSink<Unit>; orderStep: number }) {
    this.#host = options.host;
    this.#sink = options.sink;
    this.#presentation = new PresentationTimes(options.orderStep);
  }

  /** Takes the next unit. */
  push(untimed: UntimedUnit<Unit>): void {
    const { stamp } = untimed;
    // Before the first picture there is no order that it could start anew.
    const isFirst = this.#last === undefined && this.#waiting.length === 0;
    const picture = isFirst ? { ...untimed.picture, startsOrder: false } : untimed.picture;
    const entry = { ...untimed, picture, noted: false };
    if (stamp !== undefined && this.#waiting.length > 0) {
      const pts = this.#host.near(stamp.pts, this.#last?.dts ?? stamp.pts);
      const pictures = [...this.#waiting.map((other) => other.picture), picture];
      if (pictures.some(({ startsOrder }) => startsOrder)) {
        // Of the orders before there will be no more times.
        this.#presentation.bridge(pictures, pts);
        this.#release(true);
      }
      this.#note(entry, pts);
    }
    this.#waiting.push(entry);
    this.#release(this.#waiting.length > MAX_WAITING);
  }

  /** No more times follow: hands on what waits. */
  flush(): void {
    this.#release(true);
  }

  /** The last unit was not whole. Puts the whole one in its place, or returns what time it had. */
  mend(unit: Unit): Times | undefined {
    const waiting = this.#waiting.at(-1);
    if (waiting === undefined) return this.#last;
    this.#waiting[this.#waiting.length - 1] = { ...waiting, unit };
    return undefined;
  }

  /** Whether units wait for their times. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Whether a picture may be shown at the 33-bit time `pts` by its order; undefined when nothing tells.
   */
  agrees(picture: PictureOrder, pts: number): boolean | undefined {
    const predicted = this.#presentation.predict(picture);
    const { frameTicks } = this.#presentation;
    if (predicted === undefined || frameTicks === 0) return undefined;
    const off = Math.abs(this.#host.near(pts, predicted) - predicted);
    return off < SAME_TIME * frameTicks || off > MAX_FRAME_TICKS;
  }

  /** Hands on the units whose times are known; all of them with `force`. */
  #release(force: boolean): void {
    for (;;) {
      const [entry] = this.#waiting;
      if (entry === undefined) return;
      const times = this.#timesOf(entry, force);
      if (times === undefined && !force) return;
      this.#waiting.shift();
      if (times === undefined) {
        this.#sink.untimed(entry.unit);
        continue;
      }
      const step = this.#last === undefined ? 0 : times.dts - this.#last.dts;
      if (step > 0 && step <= MAX_FRAME_TICKS) this.#stepTicks = step;
      this.#last = times;
      this.#sink.timed(entry.unit, times);
    }
  }

  #timesOf(entry: WaitingUnit<Unit>, force: boolean): Times | undefined {
    const { picture, stamp } = entry;
    const last = this.#last;
    if (stamp !== undefined) {
      const dts = this.#host.advance("video", stamp.dts);
      const pts = this.#host.near(stamp.pts, dts);
      if (!entry.noted) this.#note(entry, pts);
      return { pts, dts };
    }
    this.#useTiming(picture.sequence);
    const step = this.#presentation.frameTicks || this.#stepTicks || DEFAULT_FRAME_TICKS;
    // Where there is no order there is nothing to wait for.
    const guesses = force || picture.order === undefined;
    const pts = this.#presentation.predict(picture) ??
      (guesses && last !== undefined ? last.pts + step : undefined);
    if (pts === undefined) return undefined;
    this.#presentation.assume(picture, pts);
    if (last === undefined) return { pts, dts: Math.min(pts, this.#firstDts(pts, step)) };
    return { pts, dts: Math.max(last.dts, Math.min(pts, Math.round(last.dts + step))) };
  }

  /** When the first of the pictures that wait is decoded, by the first of them that has a time. */
  #firstDts(pts: number, step: number): number {
    const index = this.#waiting.findIndex(({ stamp }) => stamp !== undefined);
    const stamp = this.#waiting[index]?.stamp;
    return stamp === undefined ? pts : Math.round(this.#host.near(stamp.dts, pts) - index * step);
  }

  #note(entry: WaitingUnit<Unit>, pts: number): void {
    entry.noted = true;
    this.#useTiming(entry.picture.sequence);
    this.#presentation.note(entry.picture, pts);
  }

  #useTiming(sequence: SequenceInfo | undefined): void {
    if (sequence === undefined) return;
    this.#presentation.codedFrameTicks = secondsToTicks(sequence.frameSeconds, MPEG_TIME_BASE);
  }
}
