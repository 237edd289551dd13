/**
 * The times of frames.
 *
 * @module
 */

import type { Rational } from "../base/mod.ts";

/** Throws a `RangeError` unless a frame can have this time: whole ticks of a positive time base. */
export function checkTime(ptsTicks: number, timeBase: Rational): void {
  if (!Number.isSafeInteger(ptsTicks)) {
    throw new RangeError(`Cannot make a frame at ${ptsTicks} ticks: use a whole number of ticks`);
  }
  const { num, den } = timeBase;
  if (!(Number.isSafeInteger(num) && Number.isSafeInteger(den) && num > 0 && den > 0)) {
    throw new RangeError(
      `Cannot make a frame with the time base ${num}/${den}: use positive whole numbers`,
    );
  }
}

/** A time as `HH:MM:SS.mmm`; hours go on past 99, negative times have a minus. */
export function formatTime(seconds: number): string {
  const totalMs = Math.round(Math.abs(seconds) * 1000);
  const pad = (value: number, digits: number): string => String(value).padStart(digits, "0");
  const hours = pad(Math.floor(totalMs / 3_600_000), 2);
  const minutes = pad(Math.floor(totalMs / 60_000) % 60, 2);
  const wholeSeconds = pad(Math.floor(totalMs / 1000) % 60, 2);
  const sign = seconds < 0 && totalMs > 0 ? "-" : "";
  return `${sign}${hours}:${minutes}:${wholeSeconds}.${pad(totalMs % 1000, 3)}`;
}
