/** A trickle server that answers some requests with an error, as a broken one does. */

import { type TrickleHandler, TrickleServer } from "../../../src/trickle/mod.ts";

/** Requests that are refused. */
export interface Refusal {
  /** Of which channels. */
  readonly channel: RegExp;
  readonly method: "GET" | "POST";
  readonly status: 404 | 413 | 500 | 503;
}

/** Refuses what comes over its port, and nothing of this process. */
export class RefusingServer extends TrickleServer {
  declare readonly handler: TrickleHandler;
  /** What is refused now. */
  refusal: Refusal | undefined;
  /** Requests refused so far. */
  refused = 0;

  constructor() {
    super();
    const answer = this.handler;
    this.handler = async (request) => {
      const { hostname, pathname } = new URL(request.url);
      const { refusal } = this;
      const isOurs = hostname !== "127.0.0.1";
      if (isOurs || refusal?.method !== request.method || !refusal.channel.test(pathname)) {
        return await answer(request);
      }
      this.refused++;
      await request.body?.cancel();
      return new Response("refused", { status: refusal.status });
    };
  }
}
