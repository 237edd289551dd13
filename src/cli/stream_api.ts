/**
 * A client of the stream API.
 *
 * @module
 */

import { RunnelError } from "../base/mod.ts";
import type { StatusBody, SuccessBody } from "../server/mod.ts";

/** Calls the stream endpoints of one worker. */
export class StreamApi {
  readonly #url: string;

  /** `url` is what the routes are below. */
  constructor(url: string) {
    this.#url = url;
  }

  /** Starts a stream. Rejects with the worker's own words when it refuses. */
  async start(request: Readonly<Record<string, unknown>>): Promise<SuccessBody> {
    return await this.#call("/api/stream/start", request);
  }

  /** Stops the stream. Rejects when there is none. */
  async stop(): Promise<SuccessBody> {
    return await this.#call("/api/stream/stop", {});
  }

  /** The status of the worker. */
  async status(): Promise<StatusBody> {
    return await this.#call("/api/stream/status");
  }

  async #call<T>(path: string, body?: Readonly<Record<string, unknown>>): Promise<T> {
    const response = await fetch(
      this.#url + path,
      body === undefined ? {} : {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      },
    );
    const answer = await response.json();
    if (response.ok) return answer;
    throw new RunnelError("API_REFUSED", answer.message, { context: { status: response.status } });
  }
}
