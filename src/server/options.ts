/**
 * How a `StreamServer` is set up.
 *
 * @module
 */

import type { Registration } from "../livepeer/mod.ts";
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
import type { HttpOptions } from "./http/http_options.ts";
import type { StreamSession } from "./active_stream.ts";
import type { IsolationKind } from "./hosts/isolation/isolated_host.ts";
import type { ProcessorModule } from "./hosts/isolation/messages.ts";
import type { Admission } from "./load_monitor.ts";

/** Options of a `StreamServer`. */
export interface StreamServerOptions extends HttpOptions {
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
  /** Port to listen on; 0 takes a free one. @default {8000} */
  readonly port?: number;
  /** Address to bind. @default {"0.0.0.0"} with a token, else {"127.0.0.1"} */
  readonly host?: string;
  /** Path before every route, such as `/v1`. @default {""} */
  readonly prefix?: string;
  /** Name under which orchestrators know this worker. @default {"runnel"} */
  readonly capabilityName?: string;
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
   * a port or without. @default everywhere but to link-local and metadata addresses
   */
  readonly allowUrls?: readonly string[];
  /**
   * Opens the session of a stream in this thread, without starting it; not with `isolate`.
   * @default {openTrickleSession}
   */
  readonly openSession?: (options: TrickleSessionOptions) => StreamSession;
  /**
   * Makes the worker known to an orchestrator from the time on when it is ready, and takes it back when it
   * stops. Owned by the server. @default none
   */
  readonly registration?: Registration | undefined;
  /** The time of what the server and its streams wait for. @default {systemClock} */
  readonly clock?: Clock;
  /** Stops the server when it aborts. */
  readonly signal?: AbortSignal;
}
