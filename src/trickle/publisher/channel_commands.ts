/**
 * The short requests of a publisher: create the channel, close a segment, delete the channel.
 *
 * @module
 */

import { describeError, roomLogger, schedulePatiently, TrickleError } from "../../base/mod.ts";
import { pause } from "../clock.ts";
import { EXPECT_CONTENT_HEADER } from "../protocol.ts";
import {
  discardBody,
  tellFailure,
  tellStatus,
  type TransportResponse,
} from "../transport/transport.ts";
import type { PublisherSettings } from "./publisher_options.ts";

const log = roomLogger("trickle");
/** Pause before a segment is closed again, whose server was out of reach. */
const RETRY_DELAY_MS = 400;
/** Answer to the DELETE of a segment that the server does not hold (section 5.5). */
const STATUS_NO_SUCH_SEGMENT = 400;

/** Sends commands to one channel. */
export class ChannelCommands {
  readonly #url: string;
  readonly #settings: PublisherSettings;
  readonly #deletions = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  /** Segments to be closed that the server did not know: a reader may still ask for them. */
  readonly #unknown = new Set<number>();

  /** `url` is the channel's, without a slash at its end. */
  constructor(url: string, settings: PublisherSettings) {
    this.#url = url;
    this.#settings = settings;
  }

  /** Resolves when no segment is being closed any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#deletions);
  }

  /** Creates the channel. Throws a `TrickleError` unless the server answers 200. */
  async create(): Promise<void> {
    const headers = { [EXPECT_CONTENT_HEADER]: this.#settings.contentType };
    const { closeTimeoutMs } = this.#settings;
    const { status } = await this.#send("POST", this.#url, headers, closeTimeoutMs);
    if (status === 200) return;
    throw new TrickleError(
      status === 404 ? "TRICKLE_NOT_FOUND" : "TRICKLE_PROTOCOL",
      `Cannot create ${this.#url}: ${tellStatus(status)}; check the URL`,
      { context: { url: this.#url, status } },
    );
  }

  /**
   * Closes a segment that will not be finished, as far as that works: readers wait for the rest of one that
   * is open. A server that is out of reach is asked again, for `reconnectMs`. Never rejects.
   */
  deleteSegment(seq: number): Promise<void> {
    return this.#track(async () => {
      if (await this.#closeSegment(seq) === STATUS_NO_SUCH_SEGMENT) this.#unknown.add(seq);
    });
  }

  /**
   * Closes the segments below this one again that the server did not know, now that it has stored this one.
   * A reader that came to such an index before there was a later one waits at it (section 6.8); from now on
   * nobody comes to it any more.
   */
  closeUnknownBelow(seq: number): void {
    for (const unknown of this.#unknown) {
      if (unknown >= seq) continue;
      this.#unknown.delete(unknown);
      if (this.#stop.signal.aborted) continue;
      void this.#track(async () => void await this.#closeSegment(unknown));
    }
  }

  /** From now on a server that is out of reach is not asked again. */
  giveUp(): void {
    this.#stop.abort();
  }

  /** Deletes the channel on a fresh connection, as far as that works. Never rejects. */
  async deleteChannel(timeoutMs: number): Promise<void> {
    this.#settings.transport.renew();
    await this.#delete(this.#url, timeoutMs);
  }

  #track(close: () => Promise<void>): Promise<void> {
    const deletion = close().finally(() => this.#deletions.delete(deletion));
    this.#deletions.add(deletion);
    return deletion;
  }

  /** Resolves to the status, or to undefined where the server has not answered in all that time. */
  async #closeSegment(seq: number): Promise<number | undefined> {
    const { clock, closeTimeoutMs, reconnectMs } = this.#settings;
    const { signal } = this.#stop;
    const url = `${this.#url}/${seq}`;
    const beganMs = clock.now();
    let status = await this.#delete(url, closeTimeoutMs);
    while (status === undefined && !signal.aborted && clock.now() - beganMs < reconnectMs) {
      await pause(clock, RETRY_DELAY_MS, signal);
      if (!signal.aborted) status = await this.#delete(url, closeTimeoutMs, { isRepeated: true });
    }
    return status;
  }

  /** Resolves to the status, or to undefined where the server has not answered. */
  async #delete(
    url: string,
    timeoutMs: number,
    { isRepeated = false }: { readonly isRepeated?: boolean } = {},
  ): Promise<number | undefined> {
    try {
      const { status } = await this.#send("DELETE", url, {}, timeoutMs);
      // 400 and 404 say that it is gone already (sections 5.5 and 5.6).
      if (![200, STATUS_NO_SUCH_SEGMENT, 404].includes(status)) {
        log.warn("Deleting {url} was answered {status}", { url, status });
      }
      return status;
    } catch (error) {
      const level = isRepeated ? "debug" : "warn";
      log[level]("Cannot delete {url}: {error}", { url, error: describeError(error) });
      return undefined;
    }
  }

  async #send(
    method: "POST" | "DELETE",
    url: string,
    headers: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): Promise<TransportResponse> {
    const timeout = new AbortController();
    const { clock } = this.#settings;
    const cancel = schedulePatiently(clock, timeoutMs, () => timeout.abort());
    try {
      const signal = timeout.signal;
      const response = await this.#settings.transport.request({ method, url, headers, signal });
      await discardBody(response);
      return response;
    } catch (error) {
      log.debug("{method} {url} failed: {error}", { method, url, error: describeError(error) });
      const found = timeout.signal.aborted ? `no answer in ${timeoutMs} ms` : tellFailure(error);
      throw new TrickleError(
        "TRICKLE_UNREACHABLE",
        `Cannot ${method} ${url}: ${found}; check the URL and the server`,
        { cause: error, context: { url } },
      );
    } finally {
      cancel();
    }
  }
}
