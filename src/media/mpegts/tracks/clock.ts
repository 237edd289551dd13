import { TICKS_PER_SECOND } from "../../../base/rational.ts";
import { CLOCK_WRAP } from "../numbers.ts";

/** A step further ahead than this is a jump: 10 s at 90 kHz. Pauses of live sources are shorter. */
const MAX_FORWARD_TICKS = 10 * TICKS_PER_SECOND;

/** A step further back than this is a jump: 0.5 s at 90 kHz. */
const MAX_BACKWARD_TICKS = TICKS_PER_SECOND / 2;

/** A decoding time, unwrapped. */
export interface ClockReading {
  /** 90 kHz ticks on the common epoch of both streams. */
  readonly ticks: number;
  /** Whether the clock of the source jumped here. */
  readonly jumped: boolean;
}

interface StreamClock {
  last: number | undefined;
  epoch: number;
}

/**
 * Unwraps the 33-bit clocks of a program's streams on one epoch and finds where they jump. When the
 * source's clock jumps every stream does: only the first one to do so reports it.
 */
export class ProgramClock {
  readonly #clocks: Record<"video" | "audio", StreamClock> = {
    video: { last: undefined, epoch: 0 },
    audio: { last: undefined, epoch: 0 },
  };
  #latest: number | undefined;
  #epoch = 0;
  #gapExpected = { video: false, audio: false };

  /** Takes the next 33-bit decoding time of one stream. */
  advance(kind: "video" | "audio", raw: number): ClockReading {
    const clock = this.#clocks[kind];
    const reference = clock.last ?? this.#latest;
    const ticks = reference === undefined ? raw : nearest(raw, reference);
    let jumped = false;
    if (clock.last !== undefined && !this.#gapExpected[kind] && isJump(ticks - clock.last)) {
      jumped = !this.#followsOther(kind, ticks);
      if (jumped) this.#epoch++;
    }
    this.#gapExpected[kind] = false;
    clock.last = ticks;
    clock.epoch = this.#epoch;
    this.#latest = ticks;
    return { ticks, jumped };
  }

  /** The unwrapped time nearest to `ticks` whose low 33 bits are `raw`. */
  near(raw: number, ticks: number): number {
    return nearest(raw, ticks);
  }

  /** The next time of each stream may be anywhere: it is no jump. */
  expectGap(): void {
    this.#gapExpected = { video: true, audio: true };
  }

  /** Whether the other stream has jumped to about here before. */
  #followsOther(kind: "video" | "audio", ticks: number): boolean {
    const own = this.#clocks[kind];
    const other = this.#clocks[kind === "video" ? "audio" : "video"];
    return other.last !== undefined && other.epoch > own.epoch &&
      Math.abs(ticks - other.last) <= MAX_FORWARD_TICKS;
  }
}

/** Whether a clock that steps by so many ticks does not go on. */
export function isJump(delta: number): boolean {
  return delta > MAX_FORWARD_TICKS || delta < -MAX_BACKWARD_TICKS;
}

function nearest(raw: number, reference: number): number {
  let delta = (raw - reference) % CLOCK_WRAP;
  if (delta > CLOCK_WRAP / 2) delta -= CLOCK_WRAP;
  else if (delta < -CLOCK_WRAP / 2) delta += CLOCK_WRAP;
  return reference + delta;
}
