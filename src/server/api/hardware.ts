/**
 * The GPUs of the machine as `/hardware/*` shows them.
 *
 * @module
 */

import { type Clock, systemClock } from "../../base/mod.ts";
import { type GpuReading, queryGpus } from "./nvidia_smi.ts";

/** How long an answer of `nvidia-smi` is good for: it takes some 50 ms and a lock of the driver. */
const CACHE_MS = 1_000;

/** Entry of `gpu_info`; memory in bytes. */
export interface GpuInfo {
  readonly id: string;
  readonly name: string;
  readonly memory_total: number | null;
  readonly memory_free: number | null;
  readonly major: number | null;
  readonly minor: number | null;
}

/** Entry of `gpu_stats`; memory in bytes, utilization in percent. */
export interface GpuStats {
  readonly id: string;
  readonly name: string;
  readonly memory_total: number | null;
  readonly memory_free: number | null;
  readonly utilization_compute: number | null;
  readonly utilization_memory: number | null;
}

/** How a {@linkcode HardwareMonitor} reads and what time it has. */
export interface HardwareMonitorOptions {
  /** Reads the GPUs. @default {queryGpus} */
  readonly query?: () => Promise<readonly GpuReading[]>;
  /** The time of the cache and of the query. @default {systemClock} */
  readonly clock?: Clock;
}

/** Reads the GPUs, at most once in {@linkcode CACHE_MS} however often it is asked. */
export class HardwareMonitor {
  readonly #query: () => Promise<readonly GpuReading[]>;
  readonly #clock: Clock;
  #readings: Promise<readonly GpuReading[]> | undefined;
  #readAtMs = 0;

  /** Creates a monitor that has not read anything. */
  constructor(options: HardwareMonitorOptions = {}) {
    const clock = this.#clock = options.clock ?? systemClock;
    this.#query = options.query ?? (() => queryGpus(clock));
  }

  /** `gpu_info`: what the GPUs are, by index. */
  async info(): Promise<Record<string, GpuInfo>> {
    return byIndex(await this.#read(), (gpu) => ({
      ...commonOf(gpu),
      major: gpu.major,
      minor: gpu.minor,
    }));
  }

  /** `gpu_stats`: what the GPUs do, by index. */
  async stats(): Promise<Record<string, GpuStats>> {
    return byIndex(await this.#read(), (gpu) => ({
      ...commonOf(gpu),
      utilization_compute: gpu.computePercent,
      utilization_memory: gpu.memoryPercent,
    }));
  }

  #read(): Promise<readonly GpuReading[]> {
    const now = this.#clock.now();
    if (this.#readings === undefined || now - this.#readAtMs >= CACHE_MS) {
      this.#readAtMs = now;
      this.#readings = this.#query();
    }
    return this.#readings;
  }
}

function commonOf(gpu: GpuReading) {
  return {
    id: gpu.id,
    name: gpu.name,
    memory_total: gpu.memoryTotalBytes,
    memory_free: gpu.memoryFreeBytes,
  };
}

function byIndex<T>(
  gpus: readonly GpuReading[],
  show: (gpu: GpuReading) => T,
): Record<string, T> {
  return Object.fromEntries(gpus.map((gpu) => [String(gpu.index), show(gpu)]));
}
