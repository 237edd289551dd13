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

/** Sends commands to one channel. */
export class ChannelCommands {
  readonly #url: string;
  readonly #settings: PublisherSettings;
  readonly #deletions = new Set<Promise<void>>();
  readonly #stop = new AbortController();

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
    const deletion = this.#closeSegment(`${this.#url}/${seq}`)
      .finally(() => this.#deletions.delete(deletion));
    this.#deletions.add(deletion);
    return deletion;
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

  async #closeSegment(url: string): Promise<void> {
    const { clock, closeTimeoutMs, reconnectMs } = this.#settings;
    const { signal } = this.#stop;
    const beganMs = clock.now();
    let isRepeated = false;
    while (!await this.#delete(url, closeTimeoutMs, { isRepeated })) {
      isRepeated = true;
      if (signal.aborted || clock.now() - beganMs >= reconnectMs) return;
      await pause(clock, RETRY_DELAY_MS, signal);
      if (signal.aborted) return;
    }
  }

  /** Resolves to whether the server has answered. */
  async #delete(
    url: string,
    timeoutMs: number,
    { isRepeated = false }: { readonly isRepeated?: boolean } = {},
  ): Promise<boolean> {
    try {
      const { status } = await this.#send("DELETE", url, {}, timeoutMs);
      // 400 and 404 say that it is gone already (sections 5.5 and 5.6).
      if (![200, 400, 404].includes(status)) {
        log.warn("Deleting {url} was answered {status}", { url, status });
      }
      return true;
    } catch (error) {
      const level = isRepeated ? "debug" : "warn";
      log[level]("Cannot delete {url}: {error}", { url, error: describeError(error) });
      return false;
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
