/**
 * Which frames a stream was given before it could give any: those that arrived while its children
 * started, and those that arrived behind them. How long they took says nothing about the stream.
 *
 * @module
 */

/** Tells the frames of the start from the others; times are in milliseconds of one clock. */
export class StartBacklog {
  #firstWrittenMs: number | undefined;
  /** When the first frame was written that arrived after that. */
  #overMs: number | undefined;

  /** Whether a frame that arrived then, and is written now, belongs to the backlog. */
  includes(arrivedMs: number, nowMs: number): boolean {
    if (this.#overMs !== undefined) return arrivedMs <= this.#overMs;
    this.#firstWrittenMs ??= nowMs;
    // Frames keep their order: what arrived before the first was written is out by now.
    if (arrivedMs > this.#firstWrittenMs) this.#overMs = nowMs;
    return true;
  }
}
