/**
 * The channel from an orchestrator to a live runner: LIVEPEER.md section 5, `o2r`.
 *
 * @module
 */

import { describeError, roomLogger, type UrlPolicy } from "../base/mod.ts";
import { createTransport, type TlsOptions, TrickleSubscriber } from "../trickle/mod.ts";

const log = roomLogger("livepeer");

/** Largest message; a longer one is skipped. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** What an orchestrator tells a runner. */
export interface RunnerChannelEvent {
  /** `reserved`, `released`, or another. */
  readonly event: string;
  readonly session_id?: string;
  readonly [field: string]: unknown;
}

/** Options of a {@linkcode RunnerChannel}. */
export interface RunnerChannelOptions {
  readonly tls?: TlsOptions | undefined;
  /** Where the channel may be: the orchestrator names it. @default {everywhere} */
  readonly urls?: UrlPolicy | undefined;
  readonly onEvent: (event: RunnerChannelEvent) => void;
}

/** Follows the channel that the last heartbeat named. */
export class RunnerChannel implements AsyncDisposable {
  readonly #options: RunnerChannelOptions;
  #url: string | undefined;
  #subscriber: TrickleSubscriber | undefined;
  #reading: Promise<void> = Promise.resolve();

  /** Follows nothing before {@linkcode follow}. */
  constructor(options: RunnerChannelOptions) {
    this.#options = options;
  }

  /** Follows a channel; the same again changes nothing, unless it had ended. */
  follow(url: string | undefined): void {
    if (url === this.#url) return;
    this.#url = url;
    void this.#subscriber?.[Symbol.asyncDispose]();
    if (url === undefined) return;
    const { tls, urls } = this.#options;
    const subscriber = new TrickleSubscriber(url, {
      start: "current",
      transport: createTransport(tls, { urls }),
    });
    this.#subscriber = subscriber;
    const before = this.#reading;
    this.#reading = before.then(() => this.#read(subscriber));
  }

  /** Ends. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#subscriber?.[Symbol.asyncDispose]();
    await this.#reading;
  }

  async #read(subscriber: TrickleSubscriber): Promise<void> {
    try {
      for await (const { body } of subscriber) await this.#take(body);
    } catch (error) {
      const reason = describeError(error);
      log.warn("The orchestrator's channel cannot be read: {reason}", { reason });
    }
    await subscriber[Symbol.asyncDispose]();
    // The next heartbeat may name it again.
    if (this.#subscriber === subscriber) this.#url = undefined;
  }

  /** What the application throws is its own: reading goes on. */
  #tell(message: unknown): void {
    if (!isEvent(message)) return;
    try {
      this.#options.onEvent(message);
    } catch (error) {
      log.error("onEvent failed at {event}: {reason}", {
        event: message.event,
        reason: describeError(error),
      });
    }
  }

  async #take(body: AsyncIterable<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > MAX_MESSAGE_BYTES) {
        return log.warn("A message of the orchestrator is too long");
      }
    }
    if (text.trim() === "") return; // an empty segment is no message
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return log.warn("A message of the orchestrator of {length} characters is no JSON", {
        length: text.length,
      });
    }
    this.#tell(message);
  }
}

/** Keep-alives are none. */
function isEvent(message: unknown): message is RunnerChannelEvent {
  return typeof message === "object" && message !== null && "event" in message &&
    typeof message.event === "string";
}
