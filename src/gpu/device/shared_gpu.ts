/**
 * The one device of the process: frames and models must be on the same device.
 *
 * @module
 */

import { type Clock, pauseOn, systemClock } from "../../base/clock.ts";
import { describeError, GpuError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import { pickAdapter } from "./adapter.ts";
import { Gpu, type GpuOptions } from "./gpu.ts";

/** How a shared device is kept. */
export interface SharedGpuSettings {
  /** Opens a device. @default Gpu.open */
  readonly open?: (options: GpuOptions) => Promise<Gpu>;
  /**
   * How long opening is retried after a loss, in milliseconds: a driver needs time to reset.
   * @default 10_000
   */
  readonly reopenTimeoutMs?: number;
  /** Measures that time. @default the real time */
  readonly clock?: Clock;
}

/** Pauses between tries grow to this. */
const MAX_PAUSE_MS = 1000;

/** The first pause. */
const MIN_PAUSE_MS = 50;

const LOG = roomLogger("gpu");

/** Keeps one device open for all callers: one at a time, and a new one after a loss. */
export class SharedGpu {
  readonly #open: (options: GpuOptions) => Promise<Gpu>;
  readonly #reopenTimeoutMs: number;
  readonly #clock: Clock;
  #latest: Gpu | undefined;
  #opening: Promise<Gpu> | undefined;

  /** Opens nothing yet. */
  constructor(settings: SharedGpuSettings = {}) {
    this.#open = settings.open ?? Gpu.open;
    this.#reopenTimeoutMs = settings.reopenTimeoutMs ?? 10_000;
    this.#clock = settings.clock ?? systemClock;
  }

  /** The device where it is open and not lost. */
  get current(): Gpu | undefined {
    return this.#latest?.isLost === false ? this.#latest : undefined;
  }

  /**
   * The device: opened on first use and again after a loss, once for all callers. Rejects as `Gpu.open`
   * does, and when the open device is not what the options ask for.
   */
  async get(options: GpuOptions = {}): Promise<Gpu> {
    const gpu = this.current ?? await this.#openOnce(options);
    const { adapter = "", requireHardware = false } = options;
    pickAdapter([gpu.info], { adapter, requireHardware });
    return gpu;
  }

  #openOnce(options: GpuOptions): Promise<Gpu> {
    this.#opening ??= this.#openLatest(options).finally(() => this.#opening = undefined);
    return this.#opening;
  }

  async #openLatest(options: GpuOptions): Promise<Gpu> {
    const lost = this.#latest;
    this.#latest = lost === undefined
      ? await this.#open(options)
      : await this.#reopen(lost, options);
    return this.#latest;
  }

  /** Retries until the driver is back: until then it may offer no adapter, or only software. */
  async #reopen(lost: Gpu, options: GpuOptions): Promise<Gpu> {
    await lost[Symbol.asyncDispose]();
    const clock = this.#clock;
    const deadline = clock.now() + this.#reopenTimeoutMs;
    const hardwareFirst = lost.info.isSoftware ? options : { ...options, requireHardware: true };
    for (let pauseMs = MIN_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      const isLastTry = clock.now() >= deadline;
      try {
        return await this.#open(isLastTry ? options : hardwareFirst);
      } catch (error) {
        if (isLastTry || !(error instanceof GpuError)) throw error;
        LOG.warn("the GPU is not back: {reason}", { reason: describeError(error) });
        await pauseOn(clock, Math.min(pauseMs, Math.max(0, deadline - clock.now())));
      }
    }
  }
}

const SHARED = new SharedGpu();

/**
 * The process's device: opened on first use, and anew after it was lost; callers at the same time share
 * the opening. Rejects with a {@linkcode GpuError} as `Gpu.open` does, and where the device that is open
 * already is not what the options ask for. After a loss, opening is tried for 10 s.
 */
export function sharedGpu(options: GpuOptions = {}): Promise<Gpu> {
  return SHARED.get(options);
}

/** The process's device where it is open and not lost. */
export function currentGpu(): Gpu | undefined {
  return SHARED.current;
}
