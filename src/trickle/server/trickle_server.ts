/**
 * The embedded trickle server: as a request handler in-process, and on a port.
 *
 * @module
 */

import { describeError, isDoneWithin, roomLogger, TrickleError } from "../../base/mod.ts";
import { GatedPort } from "../../base/net/gated_port.ts";
import type { PageRules } from "../../base/net/page_guard.ts";
import { HttpPort, type HttpPortOptions } from "../../base/net/http_port.ts";
import { systemClock } from "../clock.ts";
import { AccessGuard } from "./access/access.ts";
import type { ServerFigures } from "./channel.ts";
import { ChannelRegistry } from "./channel_registry.ts";
import { ClientRequests } from "./access/client_requests.ts";
import { type Caller, handleTrickleRequest } from "./handler.ts";
import { resolveLimits, type TrickleLimits } from "./limits.ts";
import { MemoryPool } from "./access/memory_pool.ts";
import { normalizeBasePath } from "./paths.ts";
import { errorResponse } from "./responses.ts";
import type {
  RequestSender,
  TrickleAccess,
  TrickleListenOptions,
  TrickleServerOptions,
  TrickleServerStats,
} from "./server_options.ts";
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
  readonly #unixTime: () => number;
  #pages: PageRules;
  #access: AccessGuard | undefined;
  readonly #registry: ChannelRegistry;
  readonly #pool: MemoryPool;
  readonly #posts = new ActivePosts();
  readonly #requests: ClientRequests;
  /** Answers on their way out of our own port. */
  readonly #deliveries = new Set<Promise<void>>();
  #http: HttpPort | GatedPort | undefined;
  #isTls = false;
  readonly #figures: ServerFigures = { requests: 0, receivedBytes: 0, cutReaders: 0 };
  #stopping: Promise<void> | undefined;

  /** Creates a server that is not on a port yet. Throws for options out of range and for unusable grants. */
  constructor(options: TrickleServerOptions = {}) {
    const clock = options.clock ?? systemClock;
    this.basePath = normalizeBasePath(options.basePath ?? "/");
    this.#autocreate = options.autocreate ?? true;
    this.#limits = resolveLimits(options.limits);
    this.#requests = new ClientRequests(this.#limits.maxRequestsPerClient);
    const { allowOrigins = [], allowHosts = [], grants = [], signKeys = [] } = options;
    this.#unixTime = options.unixTime ?? Date.now;
    this.#pages = { allowOrigins, allowHosts, hasSecret: false };
    if (grants.length + signKeys.length > 0) this.changeAccess({ grants, signKeys });
    this.#pool = new MemoryPool(this.#limits, () => clock.now());
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

  /**
   * Answers one request, on whatever server it came in: for mounting it beside other routes. Without its sender,
   * which `Deno.serve` gives as the second argument, limits per client hold only for tokens and signed URLs.
   */
  readonly handler = (request: Request, sender?: RequestSender): Promise<Response> =>
    this.#answer(request, { kind: "remote", address: addressOf(sender), isServed: false });
  readonly #handler = this.handler;

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

  /**
   * Changes who may use the channels; requests that have begun go on. Throws a `TypeError` for a grant or a key
   * that cannot be used and where there is neither, which would open the server; nothing has changed then.
   */
  changeAccess({ grants = [], signKeys = [] }: TrickleAccess): void {
    if (grants.length === 0 && signKeys.length === 0) {
      throw new TypeError("Cannot take the last grant and key away: that would open the server");
    }
    this.#access = new AccessGuard({ grants, signKeys, unixTime: this.#unixTime });
    this.#pages = { ...this.#pages, hasSecret: true };
  }

  /** Ends a channel, as by `DELETE`; nothing happens where it does not exist. */
  closeChannel(name: string): void {
    this.#registry.close([name]);
  }

  /** A publisher of a channel of this server, without HTTP in between. */
  publisher(name: string, options: LocalPublisherOptions = {}): LocalPublisher {
    return new LocalPublisher(this.#channelPath(name), {
      ...options,
      handler: this.#ownHandler,
    });
  }

  /** A subscriber to a channel of this server, without HTTP in between. */
  subscriber(name: string, options: LocalSubscriberOptions = {}): LocalSubscriber {
    return new LocalSubscriber(this.#channelPath(name), {
      ...options,
      handler: this.#ownHandler,
    });
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
    // A program that puts its own handler in place may read what this one answers.
    if (this.handler !== this.#handler) return this.handler(request, info);
    return this.#answer(request, { kind: "remote", address: addressOf(info), isServed: true });
  };

  /** The handler of the program's own publishers and subscribers. */
  readonly #ownHandler = (request: Request): Promise<Response> =>
    this.#answer(request, { kind: "program" });

  #answer(request: Request, caller: Caller): Promise<Response> {
    this.#figures.requests++;
    if (this.#stopping !== undefined) {
      return Promise.resolve(errorResponse(503, "The server is stopping"));
    }
    return handleTrickleRequest(request, caller, {
      registry: this.#registry,
      posts: this.#posts,
      requests: this.#requests,
      limits: this.#limits,
      basePath: this.basePath,
      autocreate: this.#autocreate,
      pages: this.#pages,
      access: this.#access,
    });
  }

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

function addressOf(sender: RequestSender | undefined): string | undefined {
  const from = sender?.remoteAddr;
  return from !== undefined && "hostname" in from ? from.hostname : undefined;
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
