/**
 * How many requests each client has at once. Over HTTP/1.1 each takes a connection; those of one client may come
 * from many addresses, and those of many clients from one proxy, so that limits on connections by address do not
 * tell clients apart.
 *
 * Only requests that may last are counted: for a segment that has not come, and with one that is being sent.
 *
 * @module
 */

import type { ClientId } from "./memory_pool.ts";

/** What a request does. Each kind counts for itself: readers do not keep the publisher of a channel out. */
export type RequestKind = "read" | "write";

/** One request while it is being answered. */
export class RequestLease {
  readonly #onEnd: () => void;
  #isEnded = false;

  /** `onEnd` is called once. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Counts the request out. Idempotent. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
  }
}

/** Counts the requests of each client. */
export class ClientRequests {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  /** `max` is what one client may have of each kind at once, or `Infinity`. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Counts a request in; undefined: its client has all that it may have. */
  begin(client: ClientId, kind: RequestKind): RequestLease | undefined {
    if (client === undefined || this.#max === Infinity) return new RequestLease(() => {});
    const key = `${kind} ${client}`;
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#max) return undefined;
    this.#counts.set(key, count + 1);
    return new RequestLease(() => this.#end(key));
  }

  #end(key: string): void {
    const count = (this.#counts.get(key) ?? 0) - 1;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
