/**
 * Media at the speed of its clock.
 *
 * @module
 */

import { TICKS_PER_SECOND } from "../base/rational.ts";
import { pause } from "../base/pause.ts";
import type { MediaEvent } from "./media_event.ts";
import { BoundedQueue } from "../base/bounded_queue.ts";

/** The clock of {@linkcode paced}; tests use their own. */
export interface PacingClock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Resolves after so many milliseconds, or when the signal aborts. Never rejects. */
  wait(delayMs: number, signal: AbortSignal | undefined): Promise<void>;
}

/** Options of {@linkcode paced}. */
export interface PacingOptions {
  /** Ends the media at once, without an error. */
  readonly signal?: AbortSignal;
  /** Media seconds per second. @default 1 */
  readonly speed?: number;
  /** What tells the time. @default the real time */
  readonly clock?: PacingClock;
}

/**
 * Events read ahead, about a second of video and audio: they cover the start of an ffmpeg
 * process.
 */
const AHEAD_EVENTS = 96;
/** Timers may fire this much early. */
const TOLERANCE_MS = 1;
/**
 * A larger step between packets is a jump of the clock, even when the source does not report one.
 */
const MAX_STEP_TICKS = 10 * TICKS_PER_SECOND;

/**
 * Gives each packet at its decoding time: the first at once, the others at most a millisecond early. Late
 * packets come at once until the stream has caught up. After a jump of the clock, the schedule starts
 * again.
 */
export async function* paced(
  events: AsyncIterable<MediaEvent>,
  options: PacingOptions = {},
): AsyncGenerator<MediaEvent> {
  const { signal, speed = 1, clock = realClock } = options;
  if (!(speed > 0)) throw new RangeError(`Cannot pace media at speed ${speed}: use more than 0`);
  const schedule = new Schedule(speed);
  for await (const event of readAhead(events, AHEAD_EVENTS)) {
    if (event.kind === "packet") {
      const dueMs = schedule.dueMs(event.packet.dtsTicks, clock.now());
      while (dueMs - clock.now() > TOLERANCE_MS && signal?.aborted !== true) {
        await clock.wait(dueMs - clock.now(), signal);
      }
    } else if (event.kind === "discontinuity" && event.reason === "clock") schedule.restart();
    if (signal?.aborted === true) return;
    yield event;
  }
}

/** Maps decoding times to the clock. */
class Schedule {
  readonly #msPerTick: number;
  #start: { readonly ticks: number; readonly ms: number } | undefined;
  #lastTicks = 0;

  constructor(speed: number) {
    this.#msPerTick = 1000 / TICKS_PER_SECOND / speed;
  }

  dueMs(ticks: number, nowMs: number): number {
    const jumps = Math.abs(ticks - this.#lastTicks) > MAX_STEP_TICKS;
    if (this.#start === undefined || jumps) this.#start = { ticks, ms: nowMs };
    this.#lastTicks = ticks;
    return this.#start.ms + (ticks - this.#start.ticks) * this.#msPerTick;
  }

  restart(): void {
    this.#start = undefined;
  }
}

const realClock: PacingClock = {
  now: () => performance.now(),
  wait: pause,
};

/**
 * Takes up to `capacity` items before they are asked for, so that a source that pauses (a file that
 * begins anew) delays nothing. Leaving the loop ends the source once it gives its next item.
 */
export async function* readAhead<T>(
  source: AsyncIterable<T>,
  capacity: number,
): AsyncGenerator<T> {
  const queue = new BoundedQueue<T>({ capacity, whenFull: "wait" });
  const filled = fill(queue, source);
  try {
    yield* queue;
  } finally {
    queue.close();
    queue.clear();
    await filled;
  }
}

async function fill<T>(queue: BoundedQueue<T>, source: AsyncIterable<T>): Promise<void> {
  try {
    for await (const item of source) {
      if (!await queue.push(item)) return;
    }
    queue.close();
  } catch (error) {
    queue.fail(error);
  }
}
