/**
 * The control channel of a stream: parameters that a gateway sends (LIVEPEER.md section 3).
 *
 * @module
 */

import { type Clock, describeError, pauseOn, roomLogger, systemClock } from "../../base/mod.ts";
import type { InputSegment, SegmentSource } from "../../trickle/mod.ts";

const log = roomLogger("session");

/** Largest message; a longer one is skipped. */
const MAX_MESSAGE_BYTES = 1 << 20;
/** Messages that may wait for those before them to be applied. */
const MAX_UNAPPLIED = 100;
/** Waits between attempts: doubled each time, up to the longest. */
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/** Options of a {@linkcode ControlChannel}. */
export interface ControlChannelOptions {
  /** Opens the channel, at an index where it was read before; called again when it has failed. */
  readonly open: (start: number | undefined) => SegmentSource;
  /** Applies a message, after those before it; nothing waits for it. A rejection is an error. */
  readonly onMessage: (message: unknown) => Promise<void>;
  /** Takes what cannot be used, and what was missed. */
  readonly onError: (error: Error) => void;
  /** Called once when the channel has ended, or was not there. */
  readonly onEnd?: () => void;
  /** First wait between attempts, in milliseconds. @default 500 */
  readonly retryMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/**
 * Reads messages until the channel or the stream ends. The server keeps only the newest segments: reading
 * never waits for a message to be applied.
 */
export class ControlChannel implements AsyncDisposable {
  readonly #options: ControlChannelOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #source: SegmentSource | undefined;
  #nextSeq: number | undefined;
  #received = 0;
  #unapplied = 0;

  /** Begins to read. */
  constructor(options: ControlChannelOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** Messages that came, keep-alives not counted. */
  get received(): number {
    return this.#received;
  }

  /** Ends reading. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#source?.[Symbol.asyncDispose]();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { open, retryMs = FIRST_RETRY_MS, clock = systemClock } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      this.#source = open(this.#nextSeq);
      try {
        for await (const segment of this.#source) {
          failures = 0;
          await this.#take(segment);
        }
        if (!signal.aborted) this.#options.onEnd?.();
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0) this.#report(error);
      } finally {
        await this.#source[Symbol.asyncDispose]();
      }
      await pauseOn(clock, Math.min(retryMs * 2 ** failures++, LONGEST_RETRY_MS), signal);
    }
  }

  async #take(segment: InputSegment): Promise<void> {
    this.#nextSeq = segment.seq + 1;
    if (segment.skipped > 0) {
      this.#report(new Error(`Missed ${segment.skipped} control messages before ${segment.seq}`));
    }
    let message: unknown;
    try {
      const text = await readText(segment);
      if (text.trim() === "") return; // an empty segment is no message
      message = JSON.parse(text);
    } catch (error) {
      return this.#report(
        new Error(`Cannot use control message ${segment.seq}: ${describeError(error)}`, {
          cause: error,
        }),
      );
    }
    if (isKeepAlive(message)) return;
    this.#received++;
    if (this.#unapplied < MAX_UNAPPLIED) return void this.#apply(message);
    const found = `${MAX_UNAPPLIED} before it wait to be applied`;
    this.#report(new Error(`Cannot use control message ${segment.seq}: ${found}`));
  }

  async #apply(message: unknown): Promise<void> {
    this.#unapplied++;
    try {
      await this.#options.onMessage(message);
    } catch (error) {
      this.#report(error);
    } finally {
      this.#unapplied--;
    }
  }

  #report(thrown: unknown): void {
    if (this.#stop.signal.aborted) return; // refused because the stream has ended
    const error = thrown instanceof Error ? thrown : new Error(describeError(thrown));
    log.debug("Control channel: {reason}", { reason: error.message });
    this.#options.onError(error);
  }
}

async function readText({ body }: InputSegment): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let byteCount = 0;
  for await (const chunk of body) {
    byteCount += chunk.length;
    if (byteCount > MAX_MESSAGE_BYTES) {
      throw new Error(`it is larger than ${MAX_MESSAGE_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** `{"keep":"alive"}` comes every 10 s and means nothing. */
function isKeepAlive(message: unknown): boolean {
  return typeof message === "object" && message !== null && "keep" in message &&
    message.keep === "alive";
}
