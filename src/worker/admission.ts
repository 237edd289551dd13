/**
 * How busy a worker is, measured.
 *
 * @module
 */

/** What admission can be decided by. */
export interface WorkerLoad {
  readonly activeStreams: number;
  readonly capacity: number;
  /** How late the event loop runs its timers, in milliseconds: the mean of the last 5 s. */
  readonly eventLoopLagMs: number;
}

/** Says why a stream cannot be taken now, in words that follow "Cannot start stream X: "; else undefined. */
export type Admission = (load: WorkerLoad) => string | undefined;

/** Time between samples. */
const SAMPLE_INTERVAL_MS = 250;
/** Samples that are averaged: 5 s. */
const SAMPLES = 20;
/** Lag above which frames are late in every stream. */
const MAX_LAG_MS = 100;

/** Refuses streams while the event loop runs late by more than 100 ms in the mean. */
export function admitByLag({ eventLoopLagMs }: WorkerLoad): string | undefined {
  if (eventLoopLagMs <= MAX_LAG_MS) return undefined;
  return `the worker is overloaded: its event loop runs ${Math.round(eventLoopLagMs)} ms late; ` +
    "use another worker, or try again later";
}

/** Measures the lag of the event loop while it runs. */
export class EventLoopMonitor implements Disposable {
  readonly #lags: number[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #dueMs = 0;

  /** Begins to measure. Idempotent. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#dueMs = performance.now() + SAMPLE_INTERVAL_MS;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_INTERVAL_MS);
  }

  /** Stops measuring and forgets. Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#lags.length = 0;
  }

  /** The mean of the last samples; 0 while nothing is measured. */
  get lagMs(): number {
    if (this.#lags.length === 0) return 0;
    return this.#lags.reduce((sum, lag) => sum + lag, 0) / this.#lags.length;
  }

  /** The same as {@linkcode stop}. */
  [Symbol.dispose](): void {
    this.stop();
  }

  #sample(): void {
    const now = performance.now();
    this.#lags.push(Math.max(0, now - this.#dueMs));
    if (this.#lags.length > SAMPLES) this.#lags.shift();
    this.#dueMs = now + SAMPLE_INTERVAL_MS;
  }
}
