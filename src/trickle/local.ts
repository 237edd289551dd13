/**
 * A publisher and a subscriber on an embedded server of the same process: what they do is the same
 * as over HTTP, but requests go straight to the server's handler.
 *
 * @module
 */

import { TricklePublisher } from "./publisher/trickle_publisher.ts";
import type { TricklePublisherOptions } from "./publisher/publisher_options.ts";
import { TrickleSubscriber } from "./subscriber/trickle_subscriber.ts";
import type { TrickleSubscriberOptions } from "./subscriber/subscriber_options.ts";
import type { Transport, TransportRequest, TransportResponse } from "./transport/transport.ts";

/** Stands in for the host: a handler looks at the path only. */
const LOCAL_ORIGIN = "http://trickle.local";

/** What answers a request: `TrickleServer.handler`. */
export type TrickleHandler = (request: Request) => Promise<Response>;

/** Options of a {@linkcode LocalPublisher}. */
export type LocalPublisherOptions = Omit<TricklePublisherOptions, "tls" | "token" | "transport">;

/** Options of a {@linkcode LocalSubscriber}. */
export type LocalSubscriberOptions = Omit<TrickleSubscriberOptions, "tls" | "token" | "transport">;

/** Hands requests to a handler. */
export class LocalTransport implements Transport {
  readonly #handler: TrickleHandler;

  /** Creates a transport. */
  constructor(handler: TrickleHandler) {
    this.#handler = handler;
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const { signal } = request;
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const answered = this.#answer(request);
    try {
      return await Promise.race([answered, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** There are no connections. */
  renew(): void {}

  /** Nothing is held. */
  [Symbol.dispose](): void {}

  async #answer(request: TransportRequest): Promise<TransportResponse> {
    const { method, url, headers, body, signal } = request;
    const response = await this.#handler(
      new Request(url, {
        method,
        signal,
        ...(headers === undefined ? {} : { headers }),
        ...(body === undefined ? {} : { body, duplex: "half" }),
      }),
    );
    if (signal.aborted) await response.body?.cancel();
    // A body over HTTP fails when the request is given up: so does this one.
    const abortable = response.body?.pipeThrough(new TransformStream(), { signal }) ?? null;
    return { status: response.status, headers: response.headers, body: abortable };
  }
}

/** Publishes a channel of an embedded server. Made by `TrickleServer.publisher`. */
export class LocalPublisher extends TricklePublisher {
  /** `path` is the channel's below the handler. */
  constructor(path: string, options: LocalPublisherOptions & { readonly handler: TrickleHandler }) {
    const { handler, ...rest } = options;
    super(LOCAL_ORIGIN + path, { ...rest, transport: new LocalTransport(handler) });
  }
}

/** Subscribes to a channel of an embedded server. Made by `TrickleServer.subscriber`. */
export class LocalSubscriber extends TrickleSubscriber {
  /** `path` is the channel's below the handler. */
  constructor(
    path: string,
    options: LocalSubscriberOptions & { readonly handler: TrickleHandler },
  ) {
    const { handler, ...rest } = options;
    super(LOCAL_ORIGIN + path, { ...rest, transport: new LocalTransport(handler) });
  }
}
