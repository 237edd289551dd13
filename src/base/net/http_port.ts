/**
 * A port that HTTP is served on and that is watched.
 *
 * `Deno.serve` ends its accept loop at the first error of `accept`, such as "too many open files", and closes
 * the port; the connections that it has go on (seen with Deno 2.9.6). Here the port is opened again, and who
 * owns it is told where that cannot be done.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { describeError, RunnelError } from "../errors.ts";
import { roomLogger } from "../log.ts";

const log = roomLogger("net");

/** How long the port waits between two attempts to open again. */
const RETRY_MS = 250;
/** A port that has been open for so long accepts connections. */
const HEALTHY_MS = 1_000;
/** Accept loops that ended and whose connections are kept; beyond that the oldest are cut. */
const MAX_ENDED = 16;

/** Answers a request. */
export type PortHandler = (
  request: Request,
  info: Deno.ServeHandlerInfo<Deno.NetAddr>,
) => Response | Promise<Response>;

/** How long a port tries to open again, in milliseconds. */
export interface PortPatience {
  /**
   * After so long the connections that it accepted before are cut, since they hold the descriptors that
   * are missing. @default {10_000}
   */
  readonly cutAfterMs?: number;
  /** After so long it is given up. @default {30_000} */
  readonly giveUpAfterMs?: number;
}

/** Options of an {@linkcode HttpPort}. */
export interface HttpPortOptions {
  readonly hostname: string;
  /** 0 is a free one. */
  readonly port: number;
  /** Certificate chain and private key, both PEM: serves HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Answers for a handler that threw. */
  readonly onError: (error: unknown) => Response;
  readonly clock: Clock;
  readonly patience?: PortPatience | undefined;
}

/** One `Deno.serve` and what cuts its connections. */
interface Generation {
  readonly server: Deno.HttpServer<Deno.NetAddr>;
  readonly cut: AbortController;
}

/** Serves HTTP on a port until it is closed, whatever `accept` says. */
export class HttpPort {
  /** Where it listens. */
  readonly address: Deno.NetAddr;
  /** Rejects with a `RunnelError` (`PORT_LOST`) when the port is closed and cannot be opened again. */
  readonly lost: Promise<never>;
  readonly #options: HttpPortOptions;
  readonly #handler: PortHandler;
  readonly #lost = Promise.withResolvers<never>();
  /** Those that lost the port, oldest first, and the one that has it. */
  #generations: Generation[] = [];
  #troubleSinceMs: number | undefined;
  #cancelTimer: () => void = () => {};
  #closed = false;

  /** Listens. Throws what `Deno.serve` throws for an address that cannot be had. */
  constructor(options: HttpPortOptions, handler: PortHandler) {
    this.#options = options;
    this.#handler = handler;
    this.lost = this.#lost.promise;
    this.lost.catch(() => {}); // its owner may not ask
    this.address = this.#open(options.port);
  }

  /** Stops listening and resolves when all requests are answered and all connections closed. */
  async shutdown(): Promise<void> {
    this.#end();
    await Promise.allSettled(this.#generations.map(({ server }) => server.shutdown()));
  }

  /** Lets the process end although connections are open. */
  unref(): void {
    for (const { server } of this.#generations) server.unref();
  }

  /** Stops listening and cuts all connections. */
  async cut(): Promise<void> {
    this.#end();
    for (const { cut } of this.#generations) cut.abort();
    await Promise.allSettled(this.#generations.map(({ server }) => server.finished));
  }

  #end(): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  #open(port: number): Deno.NetAddr {
    const { hostname, tls, onError } = this.#options;
    const cut = new AbortController();
    const options = { hostname, port, signal: cut.signal, onListen: () => {}, onError };
    const server = tls === undefined
      ? Deno.serve(options, this.#handler)
      : Deno.serve({ ...options, ...tls }, this.#handler);
    this.#generations.push({ server, cut });
    while (this.#generations.length > MAX_ENDED + 1) this.#generations.shift()?.cut.abort();
    server.finished.catch((error: unknown) => this.#onEnd(error));
    return server.addr;
  }

  /** The accept loop of the newest generation has failed. */
  #onEnd(error: unknown): void {
    if (this.#closed) return;
    const { hostname, port } = this.address;
    if (this.#troubleSinceMs === undefined) {
      log.warn("{hostname}:{port} takes no connections: {reason}; it is opened again", {
        hostname,
        port,
        reason: describeError(error),
      });
    }
    this.#troubleSinceMs ??= this.#options.clock.now();
    this.#retryLater(error);
  }

  #retryLater(error: unknown): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.schedule(RETRY_MS, () => this.#retry(error));
  }

  #retry(lastError: unknown): void {
    const { clock, patience: { cutAfterMs = 10_000, giveUpAfterMs = 30_000 } = {} } = this.#options;
    const troubleMs = clock.now() - (this.#troubleSinceMs ?? clock.now());
    if (troubleMs >= giveUpAfterMs) return this.#giveUp(lastError);
    if (troubleMs >= cutAfterMs) this.#cutOld();
    try {
      this.#open(this.address.port);
    } catch (error) {
      return this.#retryLater(error);
    }
    this.#cancelTimer = clock.schedule(HEALTHY_MS, () => this.#recover());
  }

  #recover(): void {
    this.#troubleSinceMs = undefined;
    const { hostname, port } = this.address;
    log.warn("{hostname}:{port} takes connections again", { hostname, port });
  }

  #cutOld(): void {
    for (const { cut } of this.#generations) cut.abort();
    this.#generations = [];
  }

  #giveUp(cause: unknown): void {
    const { hostname, port } = this.address;
    this.#end();
    this.#cutOld();
    this.#lost.reject(
      new RunnelError(
        "PORT_LOST",
        `Cannot go on listening on ${hostname}:${port}: ${describeError(cause)}; ` +
          "raise the limit of open files (ulimit -n), or see which program has the port",
        { cause, context: { hostname, port } },
      ),
    );
  }
}
