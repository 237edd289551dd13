/**
 * Time bases: one tick lasts `num / den` seconds.
 *
 * @module
 */

/** A fraction of whole numbers, such as the time base 1/90000 or the frame rate 30000/1001. */
export interface Rational {
  /** Numerator. */
  readonly num: number;
  /** Denominator, above zero. */
  readonly den: number;
}

/** Ticks in a second of the clock of MPEG-TS: 90 kHz (ISO/IEC 13818-1 section 2.4.3.7). */
export const TICKS_PER_SECOND = 90_000;

/** The clock of MPEG-TS: 90 kHz. */
export const MPEG_TIME_BASE: Rational = Object.freeze({ num: 1, den: TICKS_PER_SECOND });

/** Whether two fractions in lowest terms are the same; both may be absent. */
export function sameRational(a: Rational | undefined, b: Rational | undefined): boolean {
  return a?.num === b?.num && a?.den === b?.den;
}

/** Converts ticks of a time base to seconds. */
export function ticksToSeconds(ticks: number, timeBase: Rational): number {
  return ticks * timeBase.num / timeBase.den;
}

/** Converts seconds to the nearest tick of a time base. */
export function secondsToTicks(seconds: number, timeBase: Rational): number {
  return Math.round(seconds * timeBase.den / timeBase.num);
}

/**
 * Converts ticks from one time base to another, to the nearest tick. Exact for every tick count below
 * 2^53: where the product would leave that range it is computed with bigint.
 */
export function rescaleTicks(ticks: number, from: Rational, to: Rational): number {
  const num = from.num * to.den;
  const den = from.den * to.num;
  if (num === den) return ticks;
  const product = ticks * num;
  if (Number.isSafeInteger(product) && Number.isSafeInteger(den)) return Math.round(product / den);
  const bigNum = BigInt(from.num) * BigInt(to.den);
  const bigDen = BigInt(from.den) * BigInt(to.num);
  const doubled = 2n * BigInt(ticks) * bigNum + bigDen;
  const divisor = 2n * bigDen;
  const quotient = doubled / divisor;
  return Number(doubled < 0n && doubled % divisor !== 0n ? quotient - 1n : quotient);
}
