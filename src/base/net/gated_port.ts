/**
 * A port with limits on its connections, in front of `Deno.serve`, which has none (Deno 2.9.6): not on their
 * number, nor on how long one may take for the head of a request or stay without one.
 *
 * The gate accepts, counts, and moves bytes to a port on the loopback and back. It knows which of its
 * connections a request came from by the port at this end, so it need not parse HTTP. Every byte is copied
 * once more, and a connection takes three descriptors instead of one: that suits control requests. A trickle
 * server with 100 subscribers has a third less throughput and 2 ms more delay.
 *
 * @module
 */

import { pauseOn } from "../clock.ts";
import { describeError, RunnelError } from "../errors.ts";
import { roomLogger } from "../log.ts";
import { clientOf, type ConnectionLimits, resolveConnectionLimits } from "./connection_limits.ts";
import { GatedConnection } from "./gated_connection.ts";
import { HttpPort, type HttpPortOptions, type PortHandler } from "./http_port.ts";

const log = roomLogger("net");

const LOOPBACK = "127.0.0.1";
/** How often connections are looked at. */
const SWEEP_MS = 1_000;
/** How long the gate waits after `accept` failed. */
const ACCEPT_RETRY_MS = 100;
/** How long a new connection is safe from making room for the next one. */
const EVICTABLE_AFTER_MS = 1_000;
/** Connections that are closed when `accept` has no descriptor. */
const EVICTED_AT_ONCE = 16;

const REFUSAL = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n" +
  "Content-Length: 21\r\nRetry-After: 1\r\nConnection: close\r\n\r\nToo many connections\n";

/** Options of a {@linkcode GatedPort}. */
export interface GatedPortOptions extends HttpPortOptions {
  /** @default {DEFAULT_CONNECTION_LIMITS} */
  readonly limits?: Partial<ConnectionLimits> | undefined;
}

/** What an {@linkcode HttpPort} is, with limits on its connections. */
export class GatedPort {
  /** Where it listens. */
  readonly address: Deno.NetAddr;
  /** Rejects with a `RunnelError` (`PORT_LOST`) when it cannot accept connections any more. */
  readonly lost: Promise<never>;
  readonly #options: GatedPortOptions;
  readonly #limits: ConnectionLimits;
  readonly #listener: Deno.TcpListener;
  readonly #server: HttpPort;
  readonly #lost = Promise.withResolvers<never>();
  readonly #connections = new Map<GatedConnection, string>();
  /** The connections to the server by their port at this end. */
  readonly #byPort = new Map<number, { connection: GatedConnection; remoteAddr: Deno.NetAddr }>();
  readonly #stop = new AbortController();
  #cancelSweep: (() => void) | undefined;
  #refused = 0;

  /** Listens. Throws what `Deno.listen` throws for an address that cannot be had. */
  constructor(options: GatedPortOptions, handler: PortHandler) {
    const { hostname, port, patience, limits, ...rest } = options;
    this.#options = options;
    this.#limits = resolveConnectionLimits(limits);
    this.lost = this.#lost.promise;
    this.lost.catch(() => {}); // its owner may not ask
    this.#listener = Deno.listen({ hostname, port });
    this.address = this.#listener.addr;
    try {
      this.#server = new HttpPort(
        { ...rest, patience, hostname: LOOPBACK, port: 0 },
        (request, info) => this.#handle(request, info, handler),
      );
    } catch (error) {
      this.#listener.close();
      throw error;
    }
    this.#server.lost.catch((error) => this.#lost.reject(error));
    void this.#acceptAll();
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Those without a request that is being answered. */
  get idleConnections(): number {
    return [...this.#connections.keys()].filter(({ busy }) => !busy).length;
  }

  /** Stops listening and resolves when all requests are answered and all connections closed. */
  async shutdown(): Promise<void> {
    this.#stopListening();
    for (const connection of this.#connections.keys()) connection.leave();
    await this.#server.shutdown();
    await Promise.all([...this.#connections.keys()].map(({ ended }) => ended));
  }

  /** Lets the process end although connections are open. */
  unref(): void {
    this.#server.unref();
    this.#cutAll();
  }

  /** Stops listening and cuts all connections. */
  async cut(): Promise<void> {
    this.#stopListening();
    this.#cutAll();
    await this.#server.cut();
    await Promise.all([...this.#connections.keys()].map(({ ended }) => ended));
  }

  #cutAll(): void {
    for (const connection of this.#connections.keys()) connection.cut();
  }

  #stopListening(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    this.#listener.close();
  }

  async #acceptAll(): Promise<void> {
    const { clock, patience: { giveUpAfterMs = 30_000 } = {} } = this.#options;
    const { signal } = this.#stop;
    let failingSinceMs: number | undefined;
    while (!signal.aborted) {
      try {
        this.#admit(await this.#listener.accept());
        failingSinceMs = undefined;
      } catch (error) {
        if (signal.aborted) return;
        const { hostname, port } = this.address;
        const reason = describeError(error);
        if (failingSinceMs === undefined) {
          log.warn("{hostname}:{port} takes no connections: {reason}", { hostname, port, reason });
        }
        failingSinceMs ??= clock.now();
        if (clock.now() - failingSinceMs >= giveUpAfterMs) return this.#giveUp(error);
        this.#makeRoom();
        await pauseOn(clock, ACCEPT_RETRY_MS, signal);
      }
    }
  }

  #giveUp(cause: unknown): void {
    const { hostname, port } = this.address;
    this.#lost.reject(
      new RunnelError(
        "PORT_LOST",
        `Cannot go on accepting connections on ${hostname}:${port}: ${describeError(cause)}; ` +
          "raise the limit of open files (ulimit -n)",
        { cause, context: { hostname, port } },
      ),
    );
  }

  #admit(conn: Deno.TcpConn): void {
    const client = clientOf(conn.remoteAddr.hostname);
    if (!this.#hasRoom(client)) return this.#refuse(conn);
    const { clock } = this.#options;
    let port: number | undefined;
    const connection: GatedConnection = new GatedConnection({
      client: conn,
      limits: this.#limits,
      clock,
      connect: async () => {
        const server = await Deno.connect({
          hostname: LOOPBACK,
          port: this.#server.address.port,
        });
        port = server.localAddr.port;
        this.#byPort.set(port, { connection, remoteAddr: conn.remoteAddr });
        return server;
      },
    });
    this.#connections.set(connection, client);
    void connection.ended.then(() => {
      this.#connections.delete(connection);
      const isOurs = port !== undefined && this.#byPort.get(port)?.connection === connection;
      if (isOurs) this.#byPort.delete(port!);
    });
    this.#scheduleSweep();
  }

  /** Whether one more connection of a client fits, after closing one that does nothing if need be. */
  #hasRoom(client: string): boolean {
    const { maxConnections, maxConnectionsPerClient } = this.#limits;
    const own = [...this.#connections.values()].filter((each) => each === client).length;
    if (own >= maxConnectionsPerClient) return this.#evict(client);
    return this.#connections.size < maxConnections || this.#evict(undefined);
  }

  /** Descriptors are short: new connections get those of the ones that do nothing. */
  #makeRoom(): void {
    for (let i = 0; i < EVICTED_AT_ONCE && this.#evict(undefined, 0); i++);
  }

  /** Closes the connection that has waited longest without a request, of one client or of all. */
  #evict(client: string | undefined, leastAgeMs = EVICTABLE_AFTER_MS): boolean {
    const deadlineMs = this.#options.clock.now() - leastAgeMs;
    let oldest: GatedConnection | undefined;
    for (const [connection, owner] of this.#connections) {
      if (connection.busy || client !== undefined && owner !== client) continue;
      if (connection.sinceMs > deadlineMs && !connection.isSaid) continue;
      if (oldest === undefined || connection.sinceMs < oldest.sinceMs) oldest = connection;
    }
    if (oldest === undefined) return false;
    oldest.cut();
    this.#connections.delete(oldest);
    return true;
  }

  #refuse(conn: Deno.TcpConn): void {
    if (this.#refused++ % 1000 === 0) {
      const { hostname, port } = this.address;
      log.warn("{hostname}:{port} refuses connections: there are too many ({refused} so far)", {
        hostname,
        port,
        refused: this.#refused,
      });
    }
    const isHttp = this.#options.tls === undefined;
    const said = isHttp ? conn.write(new TextEncoder().encode(REFUSAL)) : Promise.resolve(0);
    said.catch(() => {}).finally(() => conn.close()); // it has left already, or is told
  }

  async #handle(
    request: Request,
    info: Deno.ServeHandlerInfo<Deno.NetAddr>,
    handler: PortHandler,
  ): Promise<Response> {
    const found = this.#byPort.get(info.remoteAddr.port);
    // Somebody on this machine found the port behind the gate.
    if (found === undefined) return new Response(null, { status: 403 });
    const { connection, remoteAddr } = found;
    connection.begin();
    let response: Response | undefined;
    try {
      return response = await handler(request, { remoteAddr, completed: info.completed });
    } finally {
      const finish = (): void =>
        connection.finish({
          close: response?.headers.get("connection")?.toLowerCase() === "close",
          upgraded: response?.status === 101,
        });
      // Only now: where a connection is upgraded, this resolves before the handler has answered.
      void info.completed.then(finish, finish);
    }
  }

  #scheduleSweep(): void {
    if (this.#cancelSweep !== undefined || this.#stop.signal.aborted) return;
    const { clock } = this.#options;
    this.#cancelSweep = clock.schedule(SWEEP_MS, () => {
      this.#cancelSweep = undefined;
      const nowMs = clock.now();
      for (const connection of this.#connections.keys()) {
        if (connection.isOverdue(nowMs)) connection.cut();
      }
      if (this.#connections.size > 0) this.#scheduleSweep();
    });
  }
}
