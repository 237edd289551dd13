/**
 * What a worker and its registration know of each other.
 *
 * @module
 */

/** The worker, as a registration sees it. */
export interface RegisteredWorker {
  /** Streams at once. */
  readonly capacity: number;
  /** Resolves when the worker can take streams, or the signal aborts. */
  whenReady(signal: AbortSignal): Promise<void>;
  /** The ids of the streams that have not ended. */
  activeStreamIds(): readonly string[];
  /** The `Livepeer-Session-Id` of those that came with one. */
  sessionIds(): readonly string[];
  /** Ends a stream, by either id; resolves when it is over. One that is not active is none to stop. */
  stopStream(id: string, reason: string): Promise<void>;
}

/** How a registration fares: for status and metrics. Holds no secret. */
export interface RegistrationStatus {
  readonly kind: "byoc" | "live-runner";
  readonly state:
    /** The worker is not ready. */
    | "waiting"
    /** An answer of the orchestrator is awaited, or the next attempt. */
    | "registering"
    | "registered"
    /** The orchestrator wants nothing of it: see `lastError`. */
    | "refused"
    | "unregistered";
  /** Registrations that worked. */
  readonly registrations: number;
  /** Requests that failed. */
  readonly failures: number;
  /** Why the last request failed; null when none did since the last that worked. */
  readonly lastError: string | null;
}

/** Keeps a worker known to an orchestrator. Disposing of it takes the worker back. */
export interface Registration extends AsyncDisposable {
  /** How it fares now. */
  readonly status: RegistrationStatus;
  /** Begins, and returns at once: the worker is registered when it is ready. Throws the second time. */
  start(worker: RegisteredWorker): void;
  /** Says that a request to the worker was answered with 401: the orchestrator has dropped it. */
  unauthorized(): void;
}
