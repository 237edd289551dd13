/** A trickle server that knows how far its channels are read, so that tests feed as fast as readers read. */

import { type TrickleHandler, TrickleServer } from "../../src/trickle/mod.ts";

const SEQ_HEADER = "Lp-Trickle-Seq";

/** Notes which segments readers have begun with: those they get to their end, whatever becomes of the channel. */
export class WatchedServer extends TrickleServer {
  declare readonly handler: TrickleHandler;
  /** By channel: the newest segment that a reader has begun with. */
  readonly #begun = new Map<string, number>();
  #progress = Promise.withResolvers<void>();

  constructor() {
    super();
    const answer = this.handler;
    this.handler = async (request) => {
      const response = await answer(request);
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

  #noteReading(request: Request, response: Response): void {
    const seq = response.headers.get(SEQ_HEADER);
    const channel = new URL(request.url).pathname.split("/").at(-2);
    if (seq === null || channel === undefined) return;
    this.#begun.set(channel, Math.max(this.#begun.get(channel) ?? -1, Number(seq)));
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }
}
