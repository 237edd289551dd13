/**
 * Time for everything else after calls that kept the event loop from turning.
 *
 * @module
 */

import { type Clock, systemClock } from "../../base/clock.ts";

/** How often it is looked whether the loop turns, in milliseconds. */
const TICK_MS = 5;
/** Less is no blocking, in milliseconds: a tick that comes a little late. */
const MIN_BLOCKED_MS = 10;
/** Part of the time that was blocked which everything else gets after it. */
const SHARE = 0.1;
/** The longest pause, in milliseconds. */
const MAX_PAUSE_MS = 20;

/**
 * A processor that computes without ever waiting lets the loop turn once a frame, and so do models on the
 * CPU. That is too little to read the input at its own speed: frames would pile up, unseen, before the
 * decoder, and the stream would fall behind more and more. So such calls owe the loop a pause.
 */
export class LoopBreath {
  readonly #clock: Clock;
  #owedMs = 0;
  #calls = 0;
  #turnedMs = 0;
  #cancelTick: (() => void) | undefined;

  /** Creates one that nothing is owed to. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** The pause that is owed, in milliseconds. */
  get owedMs(): number {
    return this.#owedMs;
  }

  /** A call begins; returns how to say that it ended, once. Time under several calls counts once. */
  watch(): () => void {
    if (this.#calls++ === 0) {
      this.#turnedMs = this.#clock.now();
      this.#tick();
    }
    return () => {
      this.#turn();
      if (--this.#calls === 0) this.#cancelTick?.();
    };
  }

  /** The pause that is owed, which the caller makes now. */
  take(): number {
    const owedMs = this.#owedMs;
    this.#owedMs = 0;
    return owedMs;
  }

  #tick(): void {
    this.#cancelTick = this.#clock.schedule(TICK_MS, () => {
      this.#turn();
      this.#tick();
    });
  }

  #turn(): void {
    const now = this.#clock.now();
    const blockedMs = now - this.#turnedMs;
    this.#turnedMs = now;
    if (blockedMs < MIN_BLOCKED_MS) return;
    this.#owedMs = Math.min(MAX_PAUSE_MS, this.#owedMs + blockedMs * SHARE);
  }
}
