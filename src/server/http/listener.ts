/**
 * A port that is listened on, and its clean end.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { ConfigError, describeError, roomLogger } from "../../base/mod.ts";
import { failure } from "./responses.ts";
import type { HttpHandler } from "./route_table.ts";

const log = roomLogger("server");

/** How long an ending listener lets answers drain before it cuts the connections. */
const DRAIN_MS = 500;

/** Where an {@linkcode HttpListener} listens; port 0 is a free one. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** Hands requests to a handler, which must not reject. */
export class HttpListener {
  readonly #http: Deno.HttpServer<Deno.NetAddr>;
  readonly #cut = new AbortController();
  readonly #unanswered = new Set<Promise<void>>();

  /** Listens. Throws a `ConfigError` for an address that cannot be had. */
  constructor({ hostname, port }: ListenAddress, handler: HttpHandler) {
    const options = { hostname, port, signal: this.#cut.signal, onListen: () => {}, onError };
    try {
      this.#http = Deno.serve(options, (request, { completed }) => {
        this.#track(completed);
        return handler(request);
      });
    } catch (error) {
      const reason = error instanceof Deno.errors.AddrInUse
        ? "another program does; choose another port, or 0 for a free one"
        : `${describeError(error)}; choose another host or port`;
      throw new ConfigError("CONFIG_INVALID", `Cannot listen on ${hostname}:${port}: ${reason}`, {
        cause: error,
        context: { hostname, port },
      });
    }
  }

  /** Where it listens. */
  get address(): Deno.NetAddr {
    return this.#http.addr;
  }

  /** Answers what is pending; a handler or a client that takes its time does not hold this up. */
  async close(): Promise<void> {
    if (await inTime(Promise.all(this.#unanswered))) {
      // What is left waits for the rest of bodies that were answered already. Deno 2.9 fails where a
      // server that shuts down is aborted: it is left to its clients.
      if (!await inTime(this.#http.shutdown())) this.#http.unref();
      return;
    }
    this.#cut.abort();
    await this.#http.finished;
  }

  #track(completed: Promise<void>): void {
    const answered = completed.catch(() => {}) // its client has left
      .finally(() => this.#unanswered.delete(answered));
    this.#unanswered.add(answered);
  }
}

/** Whether something happens within the time that an end has for it. */
async function inTime(work: Promise<unknown>): Promise<boolean> {
  try {
    await deadline(work, DRAIN_MS);
    return true;
  } catch {
    return false;
  }
}

function onError(error: unknown): Response {
  log.error("A request failed: {reason}", { reason: describeError(error) });
  return failure(500, "Cannot answer: the server failed; its log says why");
}
