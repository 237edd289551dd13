/**
 * The embedded trickle server: as a request handler in-process, and on a port.
 *
 * @module
 */

import { describeError, isDoneWithin, roomLogger, TrickleError } from "../../base/mod.ts";
import type { ConnectionLimits } from "../../base/net/connection_limits.ts";
import { GatedPort } from "../../base/net/gated_port.ts";
import type { PageRules } from "../../base/net/page_guard.ts";
import { HttpPort, type HttpPortOptions, type PortPatience } from "../../base/net/http_port.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { ServerFigures } from "./channel.ts";
import { ChannelRegistry } from "./channel_registry.ts";
import { handleTrickleRequest } from "./handler.ts";
import { MemoryPool, resolveLimits, type TrickleLimits } from "./limits.ts";
import { normalizeBasePath } from "./paths.ts";
import { errorResponse } from "./responses.ts";
import { ActivePosts } from "./write_segment.ts";
import {
  LocalPublisher,
  type LocalPublisherOptions,
  LocalSubscriber,
  type LocalSubscriberOptions,
} from "../local.ts";

const log = roomLogger("trickle");
/** How long a stopping server lets answers drain before it cuts the connections. */
const SHUTDOWN_GRACE_MS = 1_000;

/** Options of a {@linkcode TrickleServer}. */
export interface TrickleServerOptions {
  /** Whether a POST creates a channel that does not exist. @default {true} */
  readonly autocreate?: boolean;
  /** Path that the channels are below. @default {"/"} */
  readonly basePath?: string;
  /** Whether `_changes` announces channels that come and go. @default {false} */
  readonly changeFeed?: boolean;
  /** Channels without a write for longer are closed, in milliseconds. @default {300000} */
  readonly idleTimeoutMs?: number;
  /** How often that is looked at, in milliseconds. @default {60000} */
  readonly sweepIntervalMs?: number;
  /**
   * Origins of web pages that may publish, create and delete, beside those of the server itself; "*" for all.
   * @default {[]}
   */
  readonly allowOrigins?: "*" | readonly string[];
  /**
   * Host names that pages of the server are loaded from: addresses, names without a dot and private ones
   * (`.local`, `.internal`) need not be named. @default {[]}
   */
  readonly allowHosts?: readonly string[];
  /** What the server may hold. @default {DEFAULT_TRICKLE_LIMITS} */
  readonly limits?: Partial<TrickleLimits>;
  /** Where the time comes from. @default {systemClock} */
  readonly clock?: Clock;
}

/** Where a {@linkcode TrickleServer} listens. */
export interface TrickleListenOptions {
  /** Address to bind. @default {"127.0.0.1"} */
  readonly hostname?: string;
  /** Port; 0 takes a free one. @default {0} */
  readonly port?: number;
  /** Certificate chain and private key, both PEM: serves HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /**
   * Limits of the connections: their number, and how long one may say nothing. They cost a copy of every
   * byte, which at 100 subscribers is a third of the throughput. @default none
   */
  readonly connectionLimits?: Partial<ConnectionLimits> | undefined;
  /** How long the port is tried to be opened again after its accept loop failed. */
  readonly patience?: PortPatience | undefined;
}

/** Figures of a {@linkcode TrickleServer}. */
export interface TrickleServerStats {
  /** Channels that exist. */
  readonly channels: number;
  /** Memory that segments hold, in bytes. */
  readonly heldBytes: number;
  /** Requests begun so far. */
  readonly requests: number;
  /** Bytes that publishers sent so far. */
  readonly receivedBytes: number;
  /** Readers cut so far because they were too slow for the memory limits. */
  readonly cutReaders: number;
}

/**
 * A trickle server. Readers never slow writers; what a slow reader holds is bounded by
 * {@linkcode TrickleLimits}.
 *
 * ```ts
 * import { TrickleServer } from "@runnel/runnel/trickle";
 *
 * await using server = new TrickleServer({ basePath: "/ai/trickle/" });
 * server.listen({ port: 0 });
 * const url = server.channelUrl("camera");
 * console.assert(url.endsWith("/ai/trickle/camera"));
 * ```
 */
export class TrickleServer implements AsyncDisposable {
  /** Path that the channels are below; begins and ends in "/". */
  readonly basePath: string;
  readonly #autocreate: boolean;
  readonly #limits: TrickleLimits;
  readonly #pages: PageRules;
  readonly #registry: ChannelRegistry;
  readonly #pool: MemoryPool;
  readonly #posts = new ActivePosts();
  /** Answers on their way out of our own port. */
  readonly #deliveries = new Set<Promise<void>>();
  #http: HttpPort | GatedPort | undefined;
  #isTls = false;
  readonly #figures: ServerFigures = { requests: 0, receivedBytes: 0, cutReaders: 0 };
  #stopping: Promise<void> | undefined;

  /** Creates a server that is not on a port yet. Throws for options out of range. */
  constructor(options: TrickleServerOptions = {}) {
    const clock = options.clock ?? systemClock;
    this.basePath = normalizeBasePath(options.basePath ?? "/");
    this.#autocreate = options.autocreate ?? true;
    this.#limits = resolveLimits(options.limits);
    const { allowOrigins = [], allowHosts = [] } = options;
    this.#pages = { allowOrigins, allowHosts, hasSecret: false };
    this.#pool = new MemoryPool(this.#limits.maxTotalBytes);
    this.#registry = new ChannelRegistry({
      clock,
      idleTimeoutMs: options.idleTimeoutMs ?? 300_000,
      sweepIntervalMs: options.sweepIntervalMs ?? 60_000,
      changeFeed: options.changeFeed ?? false,
      context: {
        limits: this.#limits,
        pool: this.#pool,
        now: () => clock.now(),
        figures: this.#figures,
      },
    });
  }

  /** The names of the channels that exist, without the server's own. */
  get channelNames(): string[] {
    return this.#registry.names;
  }

  /** Figures of this moment. */
  get stats(): TrickleServerStats {
    return {
      channels: this.#registry.names.length,
      heldBytes: this.#pool.usedBytes,
      ...this.#figures,
    };
  }

  /** The address it listens on; undefined before {@linkcode listen}. */
  get address(): Deno.NetAddr | undefined {
    return this.#http?.address;
  }

  /**
   * Rejects with a `RunnelError` (`PORT_LOST`) when the port is closed and cannot be opened again. Throws a
   * `TypeError` before `listen`.
   */
  get lost(): Promise<never> {
    if (this.#http !== undefined) return this.#http.lost;
    throw new TypeError("Cannot watch the port of a trickle server that does not listen");
  }

  /** The URL that the channels are below, ending in "/". Throws a `TypeError` before `listen`. */
  get url(): string {
    const address = this.address;
    if (address === undefined) {
      throw new TypeError(
        "Cannot give the URL of a trickle server that does not listen: call listen()",
      );
    }
    const scheme = this.#isTls ? "https" : "http";
    return `${scheme}://${urlHost(address.hostname)}:${address.port}${this.basePath}`;
  }

  /** The URL of a channel. */
  channelUrl(name: string): string {
    return this.url + encodeURIComponent(name);
  }

  /** Answers one request, on whatever server it came in: for mounting it beside other routes. */
  readonly handler = (request: Request): Promise<Response> => {
    this.#figures.requests++;
    if (this.#stopping !== undefined) {
      return Promise.resolve(errorResponse(503, "The server is stopping"));
    }
    return handleTrickleRequest(request, {
      registry: this.#registry,
      posts: this.#posts,
      limits: this.#limits,
      basePath: this.basePath,
      autocreate: this.#autocreate,
      pages: this.#pages,
    });
  };

  /**
   * Creates a channel, whether `autocreate` is on or not; nothing happens where it exists.
   * Throws a `RangeError` when there are `maxChannels` already.
   */
  createChannel(name: string, mime = ""): void {
    if (this.#registry.get(name) !== undefined) return;
    if (this.#registry.full) {
      throw new RangeError(
        `Cannot create channel "${name}": there are ${this.#limits.maxChannels} already; ` +
          "close some",
      );
    }
    this.#registry.create(name, mime);
  }

  /** Ends a channel, as by `DELETE`; nothing happens where it does not exist. */
  closeChannel(name: string): void {
    this.#registry.close([name]);
  }

  /** A publisher of a channel of this server, without HTTP in between. */
  publisher(name: string, options: LocalPublisherOptions = {}): LocalPublisher {
    return new LocalPublisher(this.#channelPath(name), { ...options, handler: this.handler });
  }

  /** A subscriber to a channel of this server, without HTTP in between. */
  subscriber(name: string, options: LocalSubscriberOptions = {}): LocalSubscriber {
    return new LocalSubscriber(this.#channelPath(name), { ...options, handler: this.handler });
  }

  /**
   * Opens the port. Throws a `TrickleError` with `TRICKLE_ADDRESS_IN_USE` where another program has
   * it, and a `TypeError` when called twice.
   */
  listen(options: TrickleListenOptions = {}): void {
    if (this.#http !== undefined || this.#stopping !== undefined) {
      throw new TypeError(
        "Cannot listen: this trickle server listens or was stopped; create another",
      );
    }
    const hostname = options.hostname ?? "127.0.0.1";
    const port = options.port ?? 0;
    this.#isTls = options.tls !== undefined;
    const { tls, connectionLimits, patience } = options;
    const portOptions: HttpPortOptions = {
      hostname,
      port,
      tls,
      patience,
      clock: systemClock,
      onError: internalError,
    };
    try {
      this.#http = connectionLimits === undefined
        ? new HttpPort(portOptions, this.#serve)
        : new GatedPort({ ...portOptions, limits: connectionLimits }, this.#serve);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      throw new TrickleError(
        "TRICKLE_ADDRESS_IN_USE",
        `Cannot listen on ${hostname}:${port}: another program does; ` +
          "choose another port, or 0 for a free one",
        { cause: error, context: { hostname, port } },
      );
    }
  }

  /** Closes all channels as by `DELETE`, answers every pending request and frees the port. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** The handler of our own port: it also notes when an answer is out. */
  readonly #serve = (request: Request, info: Deno.ServeHandlerInfo): Promise<Response> => {
    const delivery = info.completed
      .catch((error: unknown) => {
        log.debug("An answer did not get through: {error}", { error: describeError(error) });
      })
      .finally(() => this.#deliveries.delete(delivery));
    this.#deliveries.add(delivery);
    return this.handler(request);
  };

  #channelPath(name: string): string {
    return this.basePath + encodeURIComponent(name);
  }

  async #stop(): Promise<void> {
    this.#registry[Symbol.dispose]();
    this.#posts.interruptAll();
    if (this.#http === undefined) return;
    // Not `shutdown()`: a client that neither reads nor leaves would hold it up, and once it has
    // begun Deno lets nothing cut it short.
    await isDoneWithin(systemClock, Promise.all(this.#deliveries), SHUTDOWN_GRACE_MS);
    await this.#http.cut();
  }
}

function internalError(error: unknown): Response {
  log.error("A request failed: {error}", { error: describeError(error) });
  return errorResponse(500, "Server error");
}

function urlHost(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  if (hostname === "::") return "[::1]";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
