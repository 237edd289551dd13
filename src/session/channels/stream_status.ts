/**
 * How a stream fares, as a gateway stores it (LIVEPEER.md section 3, type `status`).
 *
 * @module
 */

import { createHash } from "node:crypto";
import { jsonOf } from "../../base/json.ts";

/** The states of a stream, as gateways know them. */
export type StreamHealth =
  /** The processor is not ready for frames yet. */
  | "LOADING"
  /** Nothing came in yet, or the stream has ended. */
  | "OFFLINE"
  /** What comes in goes out. */
  | "ONLINE"
  /** The input is silent, or much slower than it was. */
  | "DEGRADED_INPUT"
  /** The output falls behind the input. */
  | "DEGRADED_INFERENCE"
  /** Frames come in and fail, or the stream has failed. */
  | "ERROR";

/** What is known of a stream at one moment. Counters only grow. */
export interface StatusSample {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Where the session is. */
  readonly phase: "loading" | "running" | "ended" | "failed";
  /** What is counted: frames of video, or packets of audio while there is none. */
  readonly unit: "video" | "audio";
  /** How many came in. */
  readonly unitsIn: number;
  /** Of those, how many the processor is through with: what it drops on purpose is done, too. */
  readonly unitsDone: number;
  /** Units that were too fast for the stream's frame-rate cap. */
  readonly unitsSkipped: number;
  /** Whether the output does not wait for the processor, which may get less than all. @default false */
  readonly mayLag?: boolean;
  /** Children that were started again. */
  readonly restarts: number;
}

/** The body of a `status` event but for its type and time; times in milliseconds since 1970. */
export interface StreamStatus {
  readonly pipeline: string;
  readonly start_time: number;
  readonly state: StreamHealth;
  readonly last_state_update_time: number;
  readonly input_status: { readonly last_input_time: number | null; readonly fps: number };
  readonly inference_status: {
    readonly last_output_time: number | null;
    readonly fps: number;
    readonly last_params_update_time: number | null;
    readonly last_params: Readonly<Record<string, unknown>> | null;
    readonly last_params_hash: string | null;
    readonly last_error_time: number | null;
    readonly last_error: string | null;
    readonly last_restart_time: number | null;
    readonly last_restart_logs: readonly string[] | null;
    readonly restart_count: number;
  };
}

/** Options of a {@linkcode StreamStatusTracker}. */
export interface StreamStatusOptions {
  readonly pipeline: string;
  /** When the stream began. */
  readonly startMs: number;
  /** Whether the stream has an input channel; without one, a silent input is no fault. */
  readonly hasInput: boolean;
}

/** Rates look this far back. */
const WINDOW_MS = 5_000;
/** Events have 32 KiB, and a character three bytes at most. */
const MAX_PARAMS_CHARACTERS = 8_000;
/** Samples are taken this far apart, or less. */
const SAMPLE_MS = 1_000;
/** Silence that is a fault. */
const SILENCE_MS = 2_000;
/** A reader that joins gets what the server has kept at once: rates begin after that. */
const JOIN_MS = 1_000;
/** An input below this share of its usual rate is slow. */
const SLOW_INPUT = 0.5;
/** The usual rate is the median of so many windows, once there are enough: of the last five minutes. */
const USUAL_WINDOWS = 60;
const MIN_USUAL_WINDOWS = 3;
/** An output below this share of the input falls behind. */
const SLOW_OUTPUT = 0.8;
/** Rates of less time than this are not judged. */
const MIN_JUDGED_MS = 2_000;

/** Derives a stream's state from samples of its counters; taken once a second or so. */
export class StreamStatusTracker {
  readonly #options: StreamStatusOptions;
  readonly #samples: StatusSample[] = [];
  #state: StreamHealth = "LOADING";
  #stateMs: number;
  /** Rates of windows that do not overlap. */
  #pastRates: number[] = [];
  #pastUntilMs = -Infinity;
  #firstInputMs: number | undefined;
  #lastInputMs: number | null = null;
  #lastOutputMs: number | null = null;
  #params: Readonly<Record<string, unknown>> | null = null;
  #paramsHash: string | null = null;
  #paramsMs: number | null = null;
  #error: string | null = null;
  #errorMs: number | null = null;
  #frameErrorMs = -Infinity;
  #restartMs: number | null = null;
  #restartCause: string | null = null;

  /** Starts in `LOADING`. */
  constructor(options: StreamStatusOptions) {
    this.#options = options;
    this.#stateMs = options.startMs;
  }

  /** The state after the last sample. */
  get state(): StreamHealth {
    return this.#state;
  }

  /** Notes the parameters that are in effect. */
  noteParams(params: Readonly<Record<string, unknown>>, nowMs: number): void {
    const text = jsonOf(params);
    this.#paramsHash = createHash("sha256").update(text).digest("hex");
    this.#params = text.length > MAX_PARAMS_CHARACTERS ? null : JSON.parse(text);
    this.#paramsMs = nowMs;
  }

  /** The last parameters as plain JSON; null without any, and for those too large for an event. */
  get params(): Readonly<Record<string, unknown>> | null {
    return this.#params;
  }

  /** Notes an error of the stream, and whether it cost frames. */
  noteError(message: string, nowMs: number, costsFrames: boolean): void {
    this.#error = message;
    this.#errorMs = nowMs;
    if (costsFrames) this.#frameErrorMs = nowMs;
  }

  /** Takes a sample; tells whether the state changed with it. */
  observe(sample: StatusSample): boolean {
    if (this.#samples.at(-1)?.unit !== sample.unit) this.#startOver();
    const last = this.#samples.at(-1);
    if (sample.unitsIn > (last?.unitsIn ?? 0)) {
      this.#lastInputMs = sample.nowMs;
      this.#firstInputMs ??= sample.nowMs;
    }
    if (sample.unitsDone > (last?.unitsDone ?? 0)) this.#lastOutputMs = sample.nowMs;
    if (sample.restarts > (last?.restarts ?? 0)) {
      this.#restartMs = sample.nowMs;
      this.#restartCause = this.#error;
    }
    this.#samples.push(sample);
    while (sample.nowMs - this.#samples[0]!.nowMs > WINDOW_MS) this.#samples.shift();
    this.#noteRate(sample.nowMs);
    const state = this.#judge(sample);
    if (state === this.#state) return false;
    this.#state = state;
    this.#stateMs = sample.nowMs;
    return true;
  }

  /** The status after the last sample. */
  status(): StreamStatus {
    const { pipeline, startMs } = this.#options;
    const rates = this.#rates();
    return {
      pipeline,
      start_time: startMs,
      state: this.#state,
      last_state_update_time: this.#stateMs,
      input_status: { last_input_time: this.#lastInputMs, fps: tenths(rates.in) },
      inference_status: {
        last_output_time: this.#lastOutputMs,
        fps: tenths(rates.done),
        last_params_update_time: this.#paramsMs,
        last_params: this.#params,
        last_params_hash: this.#paramsHash,
        last_error_time: this.#errorMs,
        last_error: this.#error,
        last_restart_time: this.#restartMs,
        last_restart_logs: this.#restartCause === null ? null : [this.#restartCause],
        restart_count: this.#samples.at(-1)?.restarts ?? 0,
      },
    };
  }

  /** Counts of pictures and of sound cannot be compared. */
  #startOver(): void {
    this.#samples.length = 0;
    this.#pastRates = [];
    this.#pastUntilMs = -Infinity;
    this.#firstInputMs = undefined;
  }

  #noteRate(nowMs: number): void {
    const { in: rate, overMs } = this.#rates();
    if (overMs < WINDOW_MS - SAMPLE_MS || nowMs - this.#pastUntilMs < WINDOW_MS) return;
    this.#pastUntilMs = nowMs;
    if (rate > 0) this.#pastRates.push(rate);
    if (this.#pastRates.length > USUAL_WINDOWS) this.#pastRates.shift();
  }

  /** The input's usual rate; undefined while too little of it was seen. */
  get #usualRate(): number | undefined {
    const rates = this.#pastRates.toSorted((a, b) => a - b);
    return rates.length < MIN_USUAL_WINDOWS ? undefined : rates[rates.length >> 1];
  }

  #judge(sample: StatusSample): StreamHealth {
    switch (sample.phase) {
      case "loading":
        return "LOADING";
      case "ended":
        return "OFFLINE";
      case "failed":
        return "ERROR";
      case "running":
        return this.#judgeRunning(sample);
    }
  }

  #judgeRunning({ nowMs, mayLag = false }: StatusSample): StreamHealth {
    const { hasInput } = this.#options;
    if (this.#lastInputMs === null) return hasInput ? "OFFLINE" : "ONLINE";
    if (nowMs - this.#lastInputMs > SILENCE_MS) return hasInput ? "DEGRADED_INPUT" : "ONLINE";
    const lastOutputMs = this.#lastOutputMs ?? this.#firstInputMs ?? nowMs;
    const rates = this.#rates();
    if (nowMs - lastOutputMs > SILENCE_MS && rates.due > 0) {
      return this.#frameErrorMs >= lastOutputMs ? "ERROR" : "DEGRADED_INFERENCE";
    }
    if (rates.overMs < MIN_JUDGED_MS) {
      return this.#state === "LOADING" || this.#state === "OFFLINE" ? "ONLINE" : this.#state;
    }
    if (!mayLag && rates.done < rates.due * SLOW_OUTPUT) return "DEGRADED_INFERENCE";
    const isSlow = hasInput && rates.in < (this.#usualRate ?? 0) * SLOW_INPUT;
    return isSlow ? "DEGRADED_INPUT" : "ONLINE";
  }

  /** Units per second in the window: all that came, those that were due to go on, and those done. */
  #rates(): { in: number; due: number; done: number; overMs: number } {
    const last = this.#samples.at(-1);
    // Before the first unit there is no rate, and what comes at once when the reader joins is none.
    const beginMs = (this.#firstInputMs ?? Infinity) + JOIN_MS;
    const first = this.#samples.find(({ nowMs }) => nowMs >= beginMs);
    if (first === undefined || last === undefined || last.nowMs <= first.nowMs) {
      return { in: 0, due: 0, done: 0, overMs: 0 };
    }
    const overMs = last.nowMs - first.nowMs;
    const perSecond = (count: number): number => count * 1_000 / overMs;
    const unitsIn = last.unitsIn - first.unitsIn;
    return {
      in: perSecond(unitsIn),
      due: perSecond(unitsIn - (last.unitsSkipped - first.unitsSkipped)),
      done: perSecond(last.unitsDone - first.unitsDone),
      overMs,
    };
  }
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
