/**
 * A clock that stands still until the test moves it.
 *
 * @module
 */

import type { Clock } from "../../src/trickle/mod.ts";
import { until } from "../waiting.ts";

interface Timer {
  readonly dueMs: number;
  readonly delayMs: number;
  readonly run: () => void;
}

/** Time as the test says. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>();
  #nowMs = 0;

  now(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** The delays of the timers that are running, shortest first. */
  get delays(): number[] {
    return [...this.#timers].map((timer) => timer.delayMs).sort((a, b) => a - b);
  }

  /** Lets time pass, running what falls due in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.dueMs <= endMs);
      const first = due.sort((a, b) => a.dueMs - b.dueMs)[0];
      if (first === undefined) break;
      this.#timers.delete(first);
      this.#nowMs = Math.max(this.#nowMs, first.dueMs);
      first.run();
    }
    this.#nowMs = endMs;
  }

  /** Lets time pass in which nothing runs, as while a call keeps the event loop from turning. */
  block(ms: number): void {
    this.#nowMs += ms;
  }

  /** Waits until somebody waits for a time in this range, and lets just that time pass. */
  async passDelay(minMs: number, maxMs: number): Promise<void> {
    const wanted = (): Timer | undefined =>
      [...this.#timers].find((timer) => timer.delayMs >= minMs && timer.delayMs <= maxMs);
    await until(() => wanted() !== undefined, `a wait of ${minMs} to ${maxMs} ms`);
    this.advance(Math.max(0, wanted()!.dueMs - this.#nowMs));
  }

  /** Waits until somebody waits patiently for such a time, and lets it pass: see `schedulePatiently`. */
  async passPatience(totalMs: number): Promise<void> {
    for (let part = 0; part < 10; part++) await this.passDelay(totalMs / 10, totalMs / 10);
  }

  /** Lets time pass for as long as something takes, and gives what comes of it. */
  async passUntil<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const mark = (): void => {
      isDone = true;
    };
    work.then(mark, mark);
    await until(() => {
      if (!isDone) this.advance(100);
      return isDone;
    }, "the end of some work");
    return await work;
  }
}
