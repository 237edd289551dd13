/**
 * An HTTP/1.1 server that answers nothing by itself: a test takes the requests in the order of
 * their arrival and answers, delays or drops each of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ROUND_TRIPS } from "./raw_exchange.ts";
import { until } from "../waiting.ts";

/** An answer. Without a body it has `Content-Length: 0`; with one, its length. */
export interface ScriptedAnswer {
  readonly status?: number;
  readonly reason?: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string;
}

const encoder = new TextEncoder();

/** What is asked for here is no request of a client. */
const ROUND_TRIP_PATH = "/round-trip";

/** One request that arrived. */
export class ScriptedRequest {
  readonly method: string;
  readonly path: string;
  /** Lower-cased names. */
  readonly headers: ReadonlyMap<string, string>;
  /** Which connection it came on, counted from 1. */
  readonly connection: number;
  /** The pieces of its body, as chunks of the chunked coding. */
  readonly chunks: string[] = [];
  /** Whether its body ended cleanly. */
  ended = false;
  /** Whether the client closed the connection. */
  gone = false;
  readonly #socket: Deno.Conn;

  constructor(head: string, socket: Deno.Conn, connection: number) {
    const [first, ...lines] = head.split("\r\n");
    const [method, path] = first!.split(" ");
    this.method = method!;
    this.path = path!;
    this.headers = new Map(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }));
    this.#socket = socket;
    this.connection = connection;
    this.ended = !this.isChunked && (this.headers.get("content-length") ?? "0") === "0";
  }

  get isChunked(): boolean {
    return this.headers.get("transfer-encoding") === "chunked";
  }

  get body(): string {
    return this.chunks.join("");
  }

  /** `GET /c/5`. */
  get line(): string {
    return `${this.method} ${this.path}`;
  }

  /** Sends bytes as they are. */
  async send(text: string): Promise<void> {
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length;) at += await this.#socket.write(bytes.subarray(at));
  }

  /** Sends a whole answer. */
  async answer(answer: ScriptedAnswer = {}): Promise<void> {
    const body = answer.body ?? "";
    await this.send(head(answer, { "Content-Length": encoder.encode(body).length }) + body);
  }

  /** Sends a head whose chunked body follows. */
  async begin(answer: ScriptedAnswer = {}): Promise<void> {
    await this.send(head(answer, { "Transfer-Encoding": "chunked" }));
    if (answer.body !== undefined) await this.chunk(answer.body);
  }

  /** Sends one piece of a chunked body. */
  async chunk(text: string): Promise<void> {
    await this.send(`${encoder.encode(text).length.toString(16)}\r\n${text}\r\n`);
  }

  /** Ends a chunked body. */
  async end(): Promise<void> {
    await this.send("0\r\n\r\n");
  }

  /** Drops the connection. */
  drop(): void {
    try {
      this.#socket.close();
    } catch {
      // The client was first.
    }
  }

  /** Waits for the body so far. */
  async shows(body: string): Promise<void> {
    await until(() => this.body === body, `body "${body}" of ${this.line}, is "${this.body}"`);
  }

  /** Waits for the clean end of the body. */
  async finished(): Promise<void> {
    await until(() => this.ended, `end of ${this.line}`);
  }

  /** Waits until the client has closed the connection without ending the body. */
  async aborted(): Promise<void> {
    await until(() => this.gone, `abort of ${this.line}`);
    if (this.isChunked) assert.equal(this.ended, false, `${this.line} was ended, not aborted`);
  }
}

function head(answer: ScriptedAnswer, framing: Readonly<Record<string, string | number>>): string {
  const lines = [`HTTP/1.1 ${answer.status ?? 200} ${answer.reason ?? "x"}`.trimEnd()];
  if (answer.reason === "") lines[0] += " ";
  for (const [name, value] of Object.entries({ ...answer.headers, ...framing })) {
    lines.push(`${name}: ${value}`);
  }
  return lines.join("\r\n") + "\r\n\r\n";
}

/** Runs `use` with a scripted server; what it leaves open is closed. */
export async function withScript(use: (server: ScriptedServer) => Promise<void>): Promise<void> {
  await using server = new ScriptedServer();
  await use(server);
}

/** The scripted server. The channel's URL is `url`. */
export class ScriptedServer implements AsyncDisposable {
  /** Every request so far, in order of arrival. */
  readonly requests: ScriptedRequest[] = [];
  /** Set to leave what arrives unread. */
  readsBodies = true;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #sockets: Deno.Conn[] = [];
  readonly #tasks: Promise<void>[] = [];
  #taken = 0;

  constructor() {
    this.#tasks.push(this.#accept());
  }

  /** URL of the channel `c`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}/c`;
  }

  /** The next request, whichever it is; checks its method and path where they are given. */
  async next(line?: string): Promise<ScriptedRequest> {
    const at = this.#taken++;
    await until(() => this.requests.length > at, `request ${at} (${line ?? "any"})`);
    const request = this.requests[at]!;
    if (line !== undefined) assert.equal(request.line, line);
    return request;
  }

  /** The next `count` requests in any order, by method and path. */
  async some(...lines: string[]): Promise<ScriptedRequest[]> {
    const found: ScriptedRequest[] = [];
    for (const _ of lines) found.push(await this.next());
    assert.deepEqual(found.map((request) => request.line).sort(), [...lines].sort());
    return lines.map((line) => found.find((request) => request.line === line)!);
  }

  /** Asserts that no further request comes. */
  async quiet(): Promise<void> {
    for (let count = 0; count < ROUND_TRIPS; count++) await this.#roundTrip();
    assert.deepEqual(this.requests.slice(this.#taken).map((request) => request.line), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const socket of this.#sockets) {
      try {
        socket.close();
      } catch {
        // Closed by the script.
      }
    }
    await Promise.all(this.#tasks);
  }

  /** A request that this answers by itself, on a connection of its own, as a client sends it. */
  async #roundTrip(): Promise<void> {
    const { hostname, port } = this.#listener.addr as Deno.NetAddr;
    const socket = await Deno.connect({ hostname, port });
    await socket.write(encoder.encode(`GET ${ROUND_TRIP_PATH} HTTP/1.1\r\n\r\n`));
    await new Response(socket.readable).body?.pipeTo(new WritableStream());
  }

  async #accept(): Promise<void> {
    for (;;) {
      const socket = await this.#listener.accept().catch(() => undefined);
      if (socket === undefined) return;
      this.#sockets.push(socket);
      this.#tasks.push(this.#serve(socket, this.#sockets.length));
    }
  }

  async #serve(socket: Deno.Conn, connection: number): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    let text = "";
    let request: ScriptedRequest | undefined;
    for (;;) {
      if (request !== undefined && !this.readsBodies) return;
      const count = await socket.read(buffer).catch(() => null);
      if (count === null) break;
      text += new TextDecoder("latin1").decode(buffer.subarray(0, count));
      for (;;) {
        if (request === undefined || request.ended) {
          const end = text.indexOf("\r\n\r\n");
          if (end < 0) break;
          request = new ScriptedRequest(text.slice(0, end), socket, connection);
          text = text.slice(end + 4);
          if (request.path === ROUND_TRIP_PATH) return socket.close();
          this.requests.push(request);
        }
        const rest = takeChunk(request, text);
        if (rest === undefined) break;
        text = rest;
      }
    }
    if (request !== undefined) request.gone = true;
  }
}

/** Takes one chunk of the body off the text; undefined when there is none whole. */
function takeChunk(request: ScriptedRequest, text: string): string | undefined {
  if (!request.isChunked || request.ended) return text.includes("\r\n\r\n") ? text : undefined;
  const lineEnd = text.indexOf("\r\n");
  if (lineEnd < 0) return undefined;
  const size = parseInt(text, 16);
  if (text.length < lineEnd + 2 + size + 2) return undefined;
  if (size === 0) request.ended = true;
  else request.chunks.push(text.slice(lineEnd + 2, lineEnd + 2 + size));
  return text.slice(lineEnd + 2 + size + 2);
}
