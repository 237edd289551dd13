/**
 * A trickle server on a free port, with the requests of TRICKLE.md section 12 in its shorthand.
 *
 * @module
 */

import { TrickleServer, type TrickleServerOptions } from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { RawExchange, type RawRequest, type RawResponse } from "./raw_exchange.ts";
import { until } from "../waiting.ts";

/** The headers of a request. */
export type Headers = Readonly<Record<string, string>>;

/** Runs `use` against a server of its own, whose time stands still and whose connections end with it. */
export async function withServer(
  use: (bench: ServerBench) => Promise<void>,
  options: TrickleServerOptions = {},
): Promise<void> {
  await using server = new TrickleServer({ clock: new ManualClock(), ...options });
  server.listen();
  using bench = new ServerBench(server);
  await use(bench);
}

/** Requests to one server. Paths are below its root; indices are of channel `c`. */
export class ServerBench implements Disposable {
  readonly server: TrickleServer;
  readonly #exchanges: RawExchange[] = [];
  #sent = 0;

  constructor(server: TrickleServer) {
    this.server = server;
  }

  /** Sends a request; the server has begun with it, but need not have answered. */
  async send(request: RawRequest, reading?: Promise<void>): Promise<RawExchange> {
    const sent = ++this.#sent;
    const exchange = await RawExchange.open(this.server.address!, request, {
      ...(reading === undefined ? {} : { reading }),
      roundTrip: () => this.ask("GET", "/nobody/next"),
    });
    this.#exchanges.push(exchange);
    await until(() => this.server.stats.requests >= sent, `start of ${request.path}`);
    return exchange;
  }

  /** Sends a request and gives its whole answer. */
  async ask(
    method: string,
    path: string,
    headers: Headers = {},
  ): Promise<RawResponse & { readonly body: string }> {
    const contentLength = method === "POST" ? { contentLength: 0 } : {};
    const exchange = await this.send({ method, path, headers, ...contentLength });
    const answer = await exchange.whole();
    exchange.drop();
    return answer;
  }

  /** A GET whose answer is not waited for. */
  get(index: number | string, headers: Headers = {}): Promise<RawExchange> {
    return this.send({ method: "GET", path: `/c/${index}`, headers });
  }

  /** The whole answer to a GET. */
  read(index: number | string): Promise<RawResponse & { readonly body: string }> {
    return this.ask("GET", `/c/${index}`);
  }

  /** P(n, "x"): a complete POST. */
  async post(
    index: number | string,
    body: string | Uint8Array,
    headers: Headers = {},
  ): Promise<RawResponse & { readonly body: string }> {
    const exchange = await this.send({ method: "POST", path: `/c/${index}`, body, headers });
    const answer = await exchange.whole();
    exchange.drop();
    return answer;
  }

  /** P*(n) without pieces, P~(n, "x") with them: a POST whose body goes on. */
  async begin(
    index: number | string,
    pieces: readonly string[] = [],
    headers: Headers = {},
  ): Promise<RawExchange> {
    const exchange = await this.send({ method: "POST", path: `/c/${index}`, open: true, headers });
    for (const piece of pieces) await this.chunk(exchange, piece);
    return exchange;
  }

  /** Sends one piece of an open body; the server has it. */
  async chunk(exchange: RawExchange, piece: string): Promise<void> {
    const expected = this.server.stats.receivedBytes + piece.length;
    await exchange.chunk(piece);
    await until(() => this.server.stats.receivedBytes >= expected, `arrival of "${piece}"`);
  }

  /** The body of `/next`. */
  async next(): Promise<string> {
    return (await this.ask("GET", "/c/next")).body;
  }

  [Symbol.dispose](): void {
    for (const exchange of this.#exchanges) exchange.drop();
  }
}
