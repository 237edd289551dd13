/**
 * How a `StreamServer` is set up.
 *
 * @module
 */

import type { ProcessorSource } from "../processor/mod.ts";
import type {
  OutputAudioCodec,
  OverlayOptions,
  TlsOptions,
  TrickleSessionOptions,
} from "../session/mod.ts";
import type { StreamSession } from "./active_stream.ts";

/** Options of a `StreamServer`. */
export interface StreamServerOptions {
  /**
   * What every frame goes through: an instance, or a class or factory that is used once when the
   * server starts. It serves one stream at a time.
   */
  readonly processor: ProcessorSource;
  /** Port to listen on; 0 takes a free one. @default {8000} */
  readonly port?: number;
  /** Address to bind. @default {"0.0.0.0"} */
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
  /** What viewers see while the processor gives nothing. @default a screen with a bar */
  readonly overlay?: OverlayOptions;
  /** Frames that may be on the GPU at once, readback included. @default {2} */
  readonly gpuDepth?: number;
  /** Codec of the output's audio. @default {"opus"} */
  readonly audioCodec?: OutputAudioCodec;
  /** How the trickle servers' certificates are checked. @default {"system"} */
  readonly tls?: TlsOptions;
  /** Opens the session of a stream, without starting it. @default {openTrickleSession} */
  readonly openSession?: (options: TrickleSessionOptions) => StreamSession;
  /** Stops the server when it aborts. */
  readonly signal?: AbortSignal;
}
