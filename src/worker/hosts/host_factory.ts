/**
 * Which hosts a server makes for its streams.
 *
 * @module
 */

import { type Clock, ConfigError, roomLogger } from "../../base/mod.ts";
import { type FrameProcessor, resolveProcessor } from "../../processor/mod.ts";
import {
  openTrickleSession,
  type VideoHardware,
  type WarmCodecs,
  type WarmCodecsOptions,
} from "../../session/mod.ts";
import { IsolatedHost, type IsolationFault } from "../isolation/isolated_host.ts";
import type { ProcessorModule, WorkerOptions } from "../worker_options.ts";
import { LocalHost, type StreamHost } from "./stream_host.ts";

export type { IsolationFault };

const log = roomLogger("worker");

/** Memory of a thread or process, in MiB. */
const DEFAULT_MEMORY_MB = 4096;

/**
 * Makes the first processor at once: what is wrong with it is the caller's to hear. Throws a `RangeError`
 * for a capacity that is none, and a `ConfigError` for a processor that cannot be had or shared.
 */
export function createHostFactory(
  options: WorkerOptions,
  { signal, clock, warmCodecs, hardware, onFault }: {
    readonly signal: AbortSignal;
    readonly clock: Clock;
    /** Of streams in this thread. */
    readonly warmCodecs: WarmCodecs | undefined;
    /** What codes video. */
    readonly hardware: VideoHardware;
    /** Hears of a thread or process that ended without being asked to. */
    readonly onFault: (fault: IsolationFault) => void;
  },
): () => StreamHost {
  const { processor: source, openSession = openTrickleSession, capacity = 1 } = options;
  const { isolate = "none", isolateTimeoutMs: silenceMs = 10_000 } = options;
  const { isolateMemoryMb: memoryMb = DEFAULT_MEMORY_MB } = options;
  if (!(Number.isSafeInteger(capacity) && capacity >= 1)) {
    throw new RangeError(`Cannot run ${capacity} streams at once: use a whole number from 1 on`);
  }
  if (capacity > 1 && typeof source !== "function" && !isProcessorModule(source)) {
    throw new ConfigError(
      "CONFIG_PROCESSOR",
      `Cannot run ${capacity} streams on one processor: it is an instance; ` +
        "give its class, or a factory that makes one for each stream",
    );
  }
  if (isolate !== "none" && options.openSession !== undefined) {
    throw new ConfigError(
      "CONFIG_PROCESSOR",
      `Cannot open sessions in a ${isolate} with a function of the server: ` +
        'leave openSession out, or set isolate to "none"',
    );
  }
  if (isProcessorModule(source)) {
    if (isolate !== "none") {
      const warmCodecs = warmCodecsOptions(options, hardware);
      const isolated = { processor: source, silenceMs, memoryMb, clock, warmCodecs };
      let kind = isolate;
      const onCrash = (fault: IsolationFault): void => {
        onFault(fault);
        // Nothing ends a thread that never yields: it keeps a core, its open files and what it started.
        if (fault !== "hung" || kind !== "thread") return;
        kind = "process";
        log.warn(
          "A thread that does not answer cannot be ended: streams run in processes from now on",
        );
      };
      return () => new IsolatedHost({ ...isolated, kind, onCrash });
    }
    throw new ConfigError(
      "CONFIG_PROCESSOR",
      "Cannot use a module as a processor in this thread: import it, or set isolate",
    );
  }
  if (isolate !== "none") {
    throw new ConfigError(
      "CONFIG_PROCESSOR",
      `Cannot give a processor to a ${isolate}: it is an instance, class or factory; ` +
        'give { module: import.meta.resolve("./my_processor.ts") }',
    );
  }
  let first: FrameProcessor | undefined = resolveProcessor(source);
  return () => {
    const processor = first ?? resolveProcessor(source);
    first = undefined;
    return new LocalHost({ processor, openSession, warmCodecs, signal });
  };
}

/** Threads and processes keep children of their own: beyond this many streams none do. */
const MAX_WARM_HOSTS = 4;

/** How many children wait, and for what streams; undefined for none. */
export function warmCodecsOptions(
  options: WorkerOptions,
  hardware: VideoHardware,
): WarmCodecsOptions | undefined {
  const { warmFfmpeg: maxChildren, warmFfmpegIdleMs: idleMs, targetFps, audioCodec } = options;
  const { isolate = "none", capacity = 1, encoder } = options;
  if (maxChildren === 0 || isolate !== "none" && capacity > MAX_WARM_HOSTS) return undefined;
  return { maxChildren, idleMs, targetFps, audioCodec, hardware, encoder };
}

function isProcessorModule(source: object): source is ProcessorModule {
  return "module" in source;
}

/** Whether there is more than one processor to be had. */
export function isReplaceable(source: WorkerOptions["processor"]): boolean {
  return typeof source === "function" || isProcessorModule(source);
}
