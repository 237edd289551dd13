/**
 * The control channel of a stream: parameters that a gateway sends (LIVEPEER.md section 3).
 *
 * @module
 */

import { describeError, roomLogger } from "../../base/mod.ts";
import { pause } from "../../base/pause.ts";
import type { InputSegment, SegmentSource } from "../../trickle/mod.ts";

const log = roomLogger("session");

/** Largest message; a longer one is skipped. */
const MAX_MESSAGE_BYTES = 1 << 20;
/** Waits between attempts: doubled each time, up to the longest. */
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/** Options of a {@linkcode ControlChannel}. */
export interface ControlChannelOptions {
  /** Opens the channel, at an index where it was read before; called again when it has failed. */
  readonly open: (start: number | undefined) => SegmentSource;
  /** Takes a message, one at a time; a rejection is logged and counted. */
  readonly onMessage: (message: unknown) => Promise<void>;
  /** Takes what cannot be used. */
  readonly onError: (error: Error) => void;
  /** First wait between attempts, in milliseconds. @default 500 */
  readonly retryMs?: number;
}

/** Reads messages until the channel or the stream ends. Its end is not the stream's. */
export class ControlChannel implements AsyncDisposable {
  readonly #options: ControlChannelOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #source: SegmentSource | undefined;
  #nextSeq: number | undefined;
  #received = 0;

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
    const { open, retryMs = FIRST_RETRY_MS } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      this.#source = open(this.#nextSeq);
      try {
        for await (const segment of this.#source) {
          failures = 0;
          await this.#take(segment);
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0) this.#report(error);
      } finally {
        await this.#source[Symbol.asyncDispose]();
      }
      await pause(Math.min(retryMs * 2 ** failures++, LONGEST_RETRY_MS), signal);
    }
  }

  async #take(segment: InputSegment): Promise<void> {
    this.#nextSeq = segment.seq + 1;
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
    try {
      await this.#options.onMessage(message);
    } catch (error) {
      this.#report(error);
    }
  }

  #report(thrown: unknown): void {
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
