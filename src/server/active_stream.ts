/**
 * One stream of a server: its request, its session, and what became of it.
 *
 * @module
 */

import type {
  SessionDetails,
  SessionEnd,
  SessionMetrics,
  SessionState,
  StreamParams,
} from "../session/mod.ts";
import type { StartRequest } from "./schemas.ts";

/** What the server needs of a session: `Session` is one. */
export interface StreamSession extends AsyncDisposable {
  readonly state: SessionState;
  /** Resolves when the session is over, whatever ended it; does not reject. */
  readonly ended: Promise<SessionEnd>;
  /** Begins to read, process and write. */
  start(): void;
  /** Rejects with a `ConfigError` or `ProcessorError` and leaves the stream as it was. */
  updateParams(params: StreamParams): Promise<void>;
  /** Publishes a line on the data channel, or drops and counts it. */
  sendData(text: string): void;
  /** Figures of this moment. */
  metrics(): SessionMetrics;
  /** More figures of this moment, for `/metrics`; without it there are no histograms. */
  details?(): SessionDetails;
  /** Ends the session after what is in flight. Idempotent. */
  stop(): Promise<SessionEnd>;
}

/** A stream that was started and whose session has not ended. */
export class ActiveStream {
  /** `gateway_request_id` of the start request. */
  readonly id: string;
  readonly request: StartRequest;
  readonly #session: StreamSession;

  /** Takes over a session that was not started. */
  constructor(request: StartRequest, session: StreamSession) {
    this.id = request.gateway_request_id;
    this.request = request;
    this.#session = session;
  }

  /** Whether the session is neither stopping nor over. */
  get running(): boolean {
    return this.#session.state === "starting" || this.#session.state === "running";
  }

  /** Starts the session; `onEnd` is called once, when it is over. */
  start(onEnd: (end: SessionEnd) => void): void {
    this.#session.start();
    void this.#session.ended.then(onEnd);
  }

  /** Updates the parameters of the running stream; rejects as the session does. */
  async updateParams(params: StreamParams): Promise<void> {
    await this.#session.updateParams(params);
  }

  /** Publishes a line of the processor. */
  sendData(text: string): void {
    this.#session.sendData(text);
  }

  /** Figures of this moment. */
  metrics(): SessionMetrics {
    return this.#session.metrics();
  }

  /** More figures of this moment, for `/metrics`; undefined where the session gives none. */
  details(): SessionDetails | undefined {
    return this.#session.details?.();
  }

  /** Stops the session and resolves when it is over. */
  async stop(): Promise<void> {
    await this.#session.stop();
    await this.#session.ended;
  }

  /** Ends a session whose start failed. */
  async discard(): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}
