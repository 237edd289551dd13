/**
 * One stream of a server: its request, its session, and what became of it.
 *
 * @module
 */

import type {
  LoadingUpdate,
  SessionDetails,
  SessionEnd,
  SessionMetrics,
  SessionState,
  StreamParams,
} from "../session/mod.ts";
import type { AudioFrame, VideoFrame } from "../frames/mod.ts";
import type { StartRequest } from "./api/schemas.ts";

/** What the server needs of a session: `Session` is one. */
export interface StreamSession extends AsyncDisposable {
  readonly state: SessionState;
  /** The parameters as they are now. */
  readonly params: StreamParams;
  /** Whether a call of the processor has not come back: the processor is of no use any more. */
  readonly processorHangs: boolean;
  /** Resolves when the session is over, whatever ended it; does not reject. */
  readonly ended: Promise<SessionEnd>;
  /** Begins to read, process and write. */
  start(): void;
  /** Rejects with a `ConfigError` or `ProcessorError` and leaves the stream as it was. */
  updateParams(params: StreamParams): Promise<void>;
  /** Publishes a line on the data channel, or drops and counts it. */
  sendData(text: string): void;
  /** Publishes an event of the application, or drops and counts it. */
  sendEvent(event: unknown, type: string): void;
  /** Changes what the loading overlay says. */
  setLoading(update: LoadingUpdate): void;
  /** Gives a frame to a stream without an input; see `Session.sendFrame`. */
  sendFrame(frame: VideoFrame | AudioFrame): Promise<boolean>;
  /** Figures of this moment. */
  metrics(): SessionMetrics;
  /** More figures of this moment, for `/metrics`. */
  details(): SessionDetails;
  /** Ends the session after what is in flight. Idempotent. */
  stop(): Promise<SessionEnd>;
}

/** What a stream goes by beside `gateway_request_id`. */
export interface StreamNames {
  readonly aliases: readonly string[];
  readonly sessionId?: string | undefined;
}

/** A stream that was started and whose session has not ended. */
export class ActiveStream {
  /** `gateway_request_id` of the start request. */
  readonly id: string;
  /** The names that orchestrators give it, in `X-Stream-Id` or `stream_id`. */
  readonly aliases: ReadonlySet<string>;
  /** `Livepeer-Session-Id`, where it came with one. */
  readonly sessionId: string | undefined;
  readonly request: StartRequest;
  /** When it started, in milliseconds since 1970. */
  readonly startedMs: number = Date.now();
  readonly #session: StreamSession;

  /** Takes over a session that was not started. */
  constructor(request: StartRequest, session: StreamSession, names: StreamNames = { aliases: [] }) {
    this.id = request.gateway_request_id;
    this.aliases = new Set(names.aliases);
    this.sessionId = names.sessionId;
    this.request = request;
    this.#session = session;
  }

  /** Whether a request that names this id means the stream. */
  isCalled(id: string): boolean {
    return id === this.id || this.aliases.has(id);
  }

  /** Where the session is in its life. */
  get state(): SessionState {
    return this.#session.state;
  }

  /** Whether the session is neither stopping nor over. */
  get running(): boolean {
    return this.state === "starting" || this.state === "running";
  }

  /** The parameters as they are now. */
  get params(): StreamParams {
    return this.#session.params;
  }

  /** See {@linkcode StreamSession.processorHangs}. */
  get processorHangs(): boolean {
    return this.#session.processorHangs;
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

  /** Publishes a line on the stream's data channel. */
  sendData(text: string): void {
    this.#session.sendData(text);
  }

  /** Publishes an event on the stream's events channel. */
  sendEvent(event: unknown, type: string): void {
    this.#session.sendEvent(event, type);
  }

  /** Changes what the loading overlay says; throws as the session does. */
  setLoading(update: LoadingUpdate): void {
    this.#session.setLoading(update);
  }

  /** Gives a frame to a stream without an input; rejects as the session does. */
  async sendFrame(frame: VideoFrame | AudioFrame): Promise<boolean> {
    return await this.#session.sendFrame(frame);
  }

  /** Figures of this moment. */
  metrics(): SessionMetrics {
    return this.#session.metrics();
  }

  /** More figures of this moment, for `/metrics`. */
  details(): SessionDetails {
    return this.#session.details();
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
