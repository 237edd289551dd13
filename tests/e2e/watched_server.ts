/** A trickle server that knows how far its channels are read, so that tests feed as fast as readers read. */

import { type TrickleHandler, TrickleServer } from "../../src/trickle/mod.ts";

const SEQ_HEADER = "Lp-Trickle-Seq";

/** Notes which segments readers have begun with: those they get to their end, whatever becomes of the channel. */
export class WatchedServer extends TrickleServer {
  declare readonly handler: TrickleHandler;
  /** By channel: the newest segment that a reader has begun with. */
  readonly #begun = new Map<string, number>();
  /** Channels and segments that a publisher's request came for. */
  readonly #posted = new Set<string>();
  #progress = Promise.withResolvers<void>();

  constructor() {
    super();
    const answer = this.handler;
    this.handler = async (request) => {
      const answering = answer(request);
      if (request.method === "POST") this.#noteWriting(request);
      const response = await answering;
      if (request.method === "GET") this.#noteReading(request, response);
      return response;
    };
  }

  /** Waits until a reader has begun with a segment of a channel, or the signal aborts. */
  async untilRead(channel: string, seq: number, signal?: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    signal?.addEventListener("abort", () => aborted.resolve(), { once: true });
    while ((this.#begun.get(channel) ?? -1) < seq && signal?.aborted !== true) {
      await Promise.race([this.#progress.promise, aborted.promise]);
    }
  }

  /** Resolves when a publisher's request for this segment is there, with or without bytes. */
  async untilPosted(channel: string, seq: number): Promise<void> {
    while (!this.#posted.has(`${channel}/${seq}`)) await this.#progress.promise;
  }

  #noteWriting(request: Request): void {
    this.#posted.add(new URL(request.url).pathname.split("/").slice(-2).join("/"));
    this.#progress.resolve();
    this.#progress = Promise.withResolvers<void>();
  }

  #noteReading(request: Request, response: Response): void {
    const seq = response.headers.get(SEQ_HEADER);
    const channel = new URL(request.url).pathname.split("/").at(-2);
    if (seq === null || channel === undefined) return;
    this.#begun.set(channel, Math.max(this.#begun.get(channel) ?? -1, Number(seq)));
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }
}
