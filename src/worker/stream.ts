/**
 * One stream of a worker, from the moment at which its place is taken until its session is over.
 *
 * @module
 */

import type {
  LoadingUpdate,
  SessionDetails,
  SessionEnd,
  SessionMetrics,
  StreamParams,
  StreamState,
} from "../session/mod.ts";
import type { AudioFrame, VideoFrame } from "../frames/mod.ts";

/** What a worker needs of a session: `Session` is one, and so is one that runs elsewhere. */
export interface StreamSession extends AsyncDisposable {
  /** Where the stream is in its life. */
  readonly state: StreamState;
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

/** What a stream is started with. */
export interface StreamRequest {
  /** `gateway_request_id` of the start request. */
  readonly id: string;
  /** The names that orchestrators give it, in `X-Stream-Id` or `stream_id`. */
  readonly aliases: readonly string[];
  /** `Livepeer-Session-Id`, where it came with one. */
  readonly sessionId?: string | undefined;
  readonly subscribeUrl?: string | undefined;
  readonly publishUrl?: string | undefined;
  readonly controlUrl?: string | undefined;
  readonly eventsUrl?: string | undefined;
  readonly dataUrl?: string | undefined;
  readonly params: StreamParams;
}

/** A stream of a worker. It keeps no state of its own: before its session is there it is `opening`. */
export class Stream {
  readonly request: StreamRequest;
  /** When it was asked for, in milliseconds since 1970. */
  readonly startedMs: number = Date.now();
  readonly #over = Promise.withResolvers<void>();
  #session: StreamSession | undefined;
  #isStopped = false;

  /** Takes a name and a place; {@linkcode begin} gives it a session. */
  constructor(request: StreamRequest) {
    this.request = request;
  }

  /** `gateway_request_id` of the start request. */
  get id(): string {
    return this.request.id;
  }

  /** Every name that requests may use for it. */
  get names(): readonly string[] {
    return [this.id, ...this.request.aliases];
  }

  /** Where it is in its life. */
  get state(): StreamState {
    return this.#session?.state ?? (this.#isStopped ? "draining" : "opening");
  }

  /** Whether it has a session: figures, parameters and messages are the session's. */
  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  /** The session. Throws a `TypeError` while there is none. */
  get session(): StreamSession {
    if (this.#session !== undefined) return this.#session;
    throw new TypeError(`Cannot use stream ${this.id}: it is ${this.state}`);
  }

  /** Resolves when {@linkcode leave} was called: nothing is left of it. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /**
   * Opens and starts its session. Rejects as `open` and `start` do, and resolves to undefined where it was
   * stopped meanwhile; then nothing is open.
   */
  async begin(open: () => Promise<StreamSession>): Promise<StreamSession | undefined> {
    const session = await open();
    try {
      if (!this.#isStopped) {
        session.start();
        this.#session = session;
        return session;
      }
    } finally {
      if (this.#session === undefined) await session[Symbol.asyncDispose]();
    }
    return undefined;
  }

  /** Ends it in whatever state it is; resolves when it is {@linkcode over}. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#session?.stop();
    await this.over;
  }

  /** Its place is free again: the worker's to say. */
  leave(): void {
    this.#over.resolve();
  }
}
