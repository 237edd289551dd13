/**
 * Everything that a worker says of itself to a monitoring system: plain data.
 *
 * @module
 */

import type { GpuFigures, SessionDetails, SessionMetrics, WarmFigures } from "../../session/mod.ts";
import type { LedgerFigures } from "../../worker/mod.ts";

/** A stream that is active. */
export interface StreamFigures {
  readonly id: string;
  readonly metrics: SessionMetrics;
  /** Undefined where the session is of a kind that gives none. */
  readonly details: SessionDetails;
}

/** The figures of the process; those of its ffmpeg children are not among them. */
export interface ProcessFigures {
  readonly resident_bytes: number;
  readonly heap_used_bytes: number;
  readonly heap_total_bytes: number;
  /** Memory outside of the heap that objects of the heap hold: frames, for one. */
  readonly external_bytes: number;
  readonly cpu_seconds: number;
  /** Unix time in seconds. */
  readonly start_time_seconds: number;
}

/** The figures of a worker at one moment. */
export interface ServerFigures {
  readonly info: {
    readonly version: string;
    readonly capability: string;
    readonly pipeline: string;
  };
  /** What `/health` says. */
  readonly health: "LOADING" | "IDLE" | "OK" | "ERROR";
  /** Whether the processor is initialized and the server is not stopping. */
  readonly ready: boolean;
  /** Streams that may run at once. */
  readonly capacity: number;
  /** Since the server listens. */
  readonly uptime_seconds: number;
  readonly streams: readonly StreamFigures[];
  readonly ledger: LedgerFigures;
  readonly process: ProcessFigures;
  /** Null while no GPU is open. */
  readonly gpu: GpuFigures | null;
  /** The ffmpeg children of this thread. */
  readonly ffmpeg: {
    /** Those that run, the waiting ones included. */
    readonly running: number;
    /** Those that wait for a stream; null where none are kept. */
    readonly warm: WarmFigures | null;
  };
  /** Null where the worker registers with nobody. */
  readonly registration: {
    readonly registered: boolean;
    readonly registrations: number;
    readonly failures: number;
  } | null;
  /** Data and events that the processor sent while there was no channel to take them. */
  readonly messages_dropped: number;
  /** Threads and processes of streams that ended without being asked to, by how. */
  readonly isolation_faults: Readonly<Record<"crashed" | "hung", number>>;
}
