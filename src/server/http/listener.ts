/**
 * A port that is listened on, and its clean end.
 *
 * @module
 */

import {
  type Clock,
  ConfigError,
  describeError,
  isDoneWithin,
  roomLogger,
} from "../../base/mod.ts";
import type { ConnectionLimits } from "../../base/net/connection_limits.ts";
import { GatedPort } from "../../base/net/gated_port.ts";
import type { PortPatience } from "../../base/net/http_port.ts";
import { failure } from "./responses.ts";
import type { HttpHandler } from "./route_table.ts";

const log = roomLogger("server");

/** How long an ending listener lets answers drain before it cuts the connections. */
const DRAIN_MS = 500;

/** Where an {@linkcode HttpListener} listens. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 is a free one. */
  readonly port: number;
  /** The time that its end takes. */
  readonly clock: Clock;
  /** @default {DEFAULT_CONNECTION_LIMITS} */
  readonly limits?: Partial<ConnectionLimits> | undefined;
  readonly patience?: PortPatience | undefined;
}

/** Hands requests to a handler, which must not reject. */
export class HttpListener {
  readonly #clock: Clock;
  readonly #http: GatedPort;
  readonly #unanswered = new Set<Promise<void>>();

  /** Listens. Throws a `ConfigError` for an address that cannot be had. */
  constructor(options: ListenOptions, handler: HttpHandler) {
    const { hostname, port } = options;
    this.#clock = options.clock;
    try {
      this.#http = new GatedPort({ ...options, onError }, (request, { completed }) => {
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
    return this.#http.address;
  }

  /** Rejects when the port is closed and cannot be opened again. */
  get lost(): Promise<never> {
    return this.#http.lost;
  }

  /** Answers what is pending; a handler or a client that takes its time does not hold this up. */
  async close(): Promise<void> {
    if (await this.#isDoneInTime(Promise.all(this.#unanswered))) {
      // What is left waits for the rest of bodies that were answered already. Deno 2.9 fails where a
      // server that shuts down is aborted: it is left to its clients.
      if (!await this.#isDoneInTime(this.#http.shutdown())) this.#http.unref();
      return;
    }
    await this.#http.cut();
  }

  /** Whether something happens within the time that an end has for it. */
  #isDoneInTime(work: Promise<unknown>): Promise<boolean> {
    return isDoneWithin(this.#clock, work, DRAIN_MS);
  }

  #track(completed: Promise<void>): void {
    const answered = completed.catch(() => {}) // its client has left
      .finally(() => this.#unanswered.delete(answered));
    this.#unanswered.add(answered);
  }
}

function onError(error: unknown): Response {
  log.error("A request failed: {reason}", { reason: describeError(error) });
  return failure(500, "Cannot answer: the server failed; its log says why");
}
