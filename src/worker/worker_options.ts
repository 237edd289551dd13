/**
 * How the streams of a worker are set up.
 *
 * @module
 */

import type { ProcessorSource } from "../processor/mod.ts";
import type {
  Clock,
  EncoderSettings,
  HardwareWish,
  OutputAudioCodec,
  OverlayOptions,
  SessionEvent,
  TlsOptions,
  TrickleSessionOptions,
} from "../session/mod.ts";
import type { Admission } from "./admission.ts";
import type { ProcessorPermissions } from "./isolation/process/permissions.ts";
import type { StreamSession } from "./stream.ts";

/** A module whose default export is a processor, a class, or a function that makes one. */
export interface ProcessorModule {
  /** URL of the module, such as `import.meta.resolve("./my_processor.ts")`. */
  readonly module: string | URL;
  /** Given to a default export that is a function; copied, so of plain data. @default none */
  readonly options?: unknown;
  /** What it may do in a process of its own; in a thread it may do what the server may. @default nothing */
  readonly permissions?: ProcessorPermissions;
  /** URLs of modules that it imports by a name that is known only when it runs. @default none */
  readonly imports?: readonly string[];
}

/** Where a stream runs apart from the others. */
export type IsolationKind = "thread" | "process";

/** What streams run on and how. */
export interface WorkerOptions {
  /**
   * What every frame goes through: an instance, which serves one stream at a time, or a class or
   * factory, of which each stream has one for itself. A processor serves one stream after another; one
   * that hangs or whose stream failed is replaced, if it was made by a class or factory.
   */
  readonly processor: ProcessorSource | ProcessorModule;
  /**
   * Runs each stream in a thread or process of its own, with its own event loop and GPU device: a
   * processor that crashes or never yields then takes nothing with it but its stream. A thread costs
   * less; one that never yields keeps a core busy until the server ends, while a process can always be
   * ended. `processor` must be a {@linkcode ProcessorModule}, since a function cannot be copied.
   * @default {"none"}
   */
  readonly isolate?: IsolationKind | "none";
  /**
   * Memory that a thread or process may have, in MiB: of a thread the heap alone. One that wants more ends,
   * and with it its stream.
   * @default {4096}
   */
  readonly isolateMemoryMb?: number;
  /** A thread or process that says nothing of its stream for so long is ended. @default {10000} */
  readonly isolateTimeoutMs?: number;
  /** Streams at once; more than 1 needs a class or factory. @default {1} */
  readonly capacity?: number;
  /** Decides by what is measured whether another stream may start. @default {admitByLag} */
  readonly admit?: Admission;
  /** Takes what happens to the streams. */
  readonly onStreamEvent?: (event: SessionEvent, streamId: string) => void;
  /** Frame-rate cap of streams that set no `max_framerate`; `Infinity` for none. @default {24} */
  readonly targetFps?: number;
  /** Frames that may wait for the processor; past that the oldest are dropped. @default {30} */
  readonly maxQueueSize?: number;
  /** How long frames may wait for a processor that falls behind, in milliseconds. @default {150} */
  readonly maxQueueLatencyMs?: number;
  /** How far a stream may be behind its input, in milliseconds; see `SessionOptions`. @default {2000} */
  readonly maxBehindMs?: number;
  /** What viewers see while the processor gives nothing. @default a screen with a bar */
  readonly overlay?: OverlayOptions;
  /** Frames that may be on the GPU at once, readback included. @default {2} */
  readonly gpuDepth?: number;
  /** Codec of the output's audio. @default {"opus"} */
  readonly audioCodec?: OutputAudioCodec;
  /**
   * What decodes and encodes video: `cuda` is NVDEC and NVENC, `auto` takes them where a trial at the start
   * has shown that they work. Hardware that gives nothing is replaced by software.
   * @default {"auto"}
   */
  readonly hardware?: HardwareWish;
  /** How well video is encoded. @default {{ preset: "superfast", crf: 23 }} */
  readonly encoder?: EncoderSettings;
  /** Seconds between keyframes, which is also the length of an output segment. @default {2} */
  readonly gopSeconds?: number;
  /** Longest time that a stop may take to flush what is in flight, in milliseconds. @default {2000} */
  readonly stopTimeoutMs?: number;
  /**
   * ffmpeg children that wait for the next stream, which begins several times as fast with them: at most so
   * many, about 10 MiB each. 0 for none. Streams in threads or processes have as many each, up to a
   * capacity of 4.
   * @default {6}
   */
  readonly warmFfmpeg?: number;
  /** Without a stream for so long they are ended, until there was another. @default {Infinity} */
  readonly warmFfmpegIdleMs?: number;
  /** How the trickle servers' certificates are checked. @default {"system"} */
  readonly tls?: TlsOptions;
  /**
   * Where the URLs of streams may lead: hosts (`*.example.com`), addresses and networks (`10.0.0.0/8`), with
   * a port or without. Each connection is held to it. @default everywhere but to link-local and metadata
   * addresses
   */
  readonly allowUrls?: readonly string[];
  /**
   * Opens the session of a stream in this thread, without starting it; not with `isolate`.
   * @default {openTrickleSession}
   */
  readonly openSession?: (options: TrickleSessionOptions) => StreamSession;
  /** The time of what the server and its streams wait for. @default {systemClock} */
  readonly clock?: Clock;
  /** Name of the kind of work, in status events. @default {"byoc"} */
  readonly pipeline?: string;
}
