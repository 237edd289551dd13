/**
 * One HTTP/1.1 exchange on a socket of its own, so that a test sees and sends exactly what it
 * means: heads without bodies, half-sent bodies, interim answers, the `Connection` header.
 *
 * @module
 */

import assert from "node:assert/strict";
import { until } from "../waiting.ts";

/** After so many whole exchanges with a server it has done all that it was going to do before them. */
export const ROUND_TRIPS = 4;

/** A response as it stands at some moment. */
export interface RawResponse {
  readonly status: number;
  /** Lower-cased names; repeated headers are joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  readonly interims: number;
}

/** What a request consists of. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent whole, with a `Content-Length`. */
  readonly body?: string | Uint8Array;
  /** A chunked body that the test goes on sending. */
  readonly open?: boolean;
  /** Announces a body of this length that the test sends itself. */
  readonly contentLength?: number;
  readonly version?: "1.0" | "1.1";
}

const encoder = new TextEncoder();

/** How a {@linkcode RawExchange} goes. */
export interface RawExchangeOptions {
  /** Nothing is read before this. @default at once */
  readonly reading?: Promise<void>;
  /** Another exchange with the same server, which runs in this process, to its end. */
  readonly roundTrip: () => Promise<unknown>;
}

/** One request and its answer. */
export class RawExchange implements Disposable {
  readonly #connection: Deno.Conn;
  readonly #what: string;
  #raw: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #ended = false;
  readonly #options: RawExchangeOptions;
  #response: RawResponse | undefined;
  #interims = 0;
  #bodyText = "";
  #bodyBytes = 0;
  #complete = false;

  private constructor(connection: Deno.Conn, request: RawRequest, options: RawExchangeOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#what = `${request.method} ${request.path}`;
  }

  /** Connects and sends the head, and the body where there is one. */
  static async open(
    address: Deno.NetAddr,
    request: RawRequest,
    options: RawExchangeOptions,
  ): Promise<RawExchange> {
    const connection = await Deno.connect({ hostname: address.hostname, port: address.port });
    connection.setNoDelay(true);
    const exchange = new RawExchange(connection, request, options);
    void exchange.#read(request.method === "HEAD");
    const head = encoder.encode(headOf(request));
    const body = bytesOf(request.body ?? "");
    const whole = new Uint8Array(head.length + body.length);
    whole.set(head);
    whole.set(body, head.length);
    await exchange.send(whole);
    return exchange;
  }

  /** Whether the server closed the connection. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the body ended cleanly. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Interim answers so far. */
  get interims(): number {
    return this.#interims;
  }

  /** The body so far, as text. */
  get body(): string {
    return this.#bodyText;
  }

  /** Bytes of the body so far. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** Sends bytes as they are. */
  async send(data: string | Uint8Array): Promise<void> {
    let rest = bytesOf(data);
    while (rest.length > 0) rest = rest.subarray(await this.#connection.write(rest));
  }

  /** Sends one chunk of an open body. */
  async chunk(text: string): Promise<void> {
    await this.send(`${encoder.encode(text).length.toString(16)}\r\n${text}\r\n`);
  }

  /** Ends an open body cleanly. */
  async end(): Promise<void> {
    await this.send("0\r\n\r\n");
  }

  /** Ends the sending side of the connection, leaving the other open. */
  async halfClose(): Promise<void> {
    await (this.#connection as Deno.TcpConn).closeWrite();
  }

  /** Drops the connection. */
  drop(): void {
    try {
      this.#connection.close();
    } catch {
      // Closed already.
    }
  }

  /** The final head. */
  async response(): Promise<RawResponse> {
    await until(() => this.#response !== undefined, `head of ${this.#what}`);
    return this.#response!;
  }

  /** The status and the whole body, once it has ended cleanly. */
  async whole(): Promise<RawResponse & { readonly body: string }> {
    const response = await this.response();
    await until(() => this.#complete, `end of ${this.#what}, so far "${this.body}"`);
    return { ...response, body: this.body };
  }

  /** Waits for these bytes at the end of the body so far. */
  async shows(text: string): Promise<void> {
    await until(() => this.body === text, `body "${text}" of ${this.#what}`);
  }

  /** Asserts that nothing of the answer comes. */
  async waits(): Promise<void> {
    await this.#serverIsDone();
    assert.equal(this.#response, undefined, `${this.#what} was answered`);
    assert.equal(this.#ended, false, `the connection of ${this.#what} was closed`);
  }

  /** Asserts that the body does not end. */
  async staysOpen(): Promise<void> {
    await this.#serverIsDone();
    assert.equal(this.#complete, false, `the body of ${this.#what} ended`);
    assert.equal(this.#ended, false, `the connection of ${this.#what} was closed`);
  }

  [Symbol.dispose](): void {
    this.drop();
  }

  async #serverIsDone(): Promise<void> {
    for (let count = 0; count < ROUND_TRIPS; count++) await this.#options.roundTrip();
  }

  async #read(isHead: boolean): Promise<void> {
    await this.#options.reading;
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const count = await this.#connection.read(buffer).catch(() => null);
      if (count === null) break;
      const joined = new Uint8Array(this.#raw.length + count);
      joined.set(this.#raw);
      joined.set(buffer.subarray(0, count), this.#raw.length);
      this.#raw = joined;
      this.#parse(isHead);
    }
    this.#ended = true;
    const headers = this.#response?.headers;
    const isUntilClose = headers !== undefined && !headers.has("content-length") &&
      headers.get("transfer-encoding") === undefined;
    if (isUntilClose) this.#complete = true;
  }

  #parse(isHead: boolean): void {
    while (this.#response === undefined) {
      const end = find(this.#raw, "\r\n\r\n", 0);
      if (end < 0) return;
      const head = new TextDecoder().decode(this.#raw.subarray(0, end));
      this.#raw = this.#raw.slice(end + 4);
      const status = Number(head.split(" ")[1]);
      if (status < 200) this.#interims++;
      else this.#response = { status, headers: parseHeaders(head), interims: this.#interims };
    }
    if (this.#complete) return;
    if (isHead) this.#complete = true;
    else this.#parseBody(this.#response.headers);
  }

  #parseBody(headers: ReadonlyMap<string, string>): void {
    if (headers.get("transfer-encoding") === "chunked") return this.#parseChunks();
    this.#take(this.#raw.length);
    const length = headers.get("content-length");
    if (length !== undefined && this.#bodyBytes >= Number(length)) this.#complete = true;
  }

  #parseChunks(): void {
    for (;;) {
      const lineEnd = find(this.#raw, "\r\n", 0);
      if (lineEnd < 0) return;
      const size = parseInt(new TextDecoder().decode(this.#raw.subarray(0, lineEnd)), 16);
      if (this.#raw.length < lineEnd + 2 + size + 2) return;
      this.#raw = this.#raw.subarray(lineEnd + 2);
      if (size === 0) {
        this.#complete = true;
        return;
      }
      this.#take(size);
      this.#raw = this.#raw.subarray(2);
    }
  }

  #take(count: number): void {
    this.#bodyBytes += count;
    this.#bodyText += new TextDecoder("latin1").decode(this.#raw.subarray(0, count));
    this.#raw = this.#raw.subarray(count);
  }
}

function headOf(request: RawRequest): string {
  const lines = [
    `${request.method} ${request.path} HTTP/${request.version ?? "1.1"}`,
  ];
  for (const [name, value] of Object.entries({ Host: "test", ...request.headers })) {
    lines.push(`${name}: ${value}`);
  }
  if (request.open === true) lines.push("Transfer-Encoding: chunked");
  const bodyLength = request.body === undefined ? undefined : bytesOf(request.body).length;
  const length = request.contentLength ?? bodyLength;
  if (length !== undefined) lines.push(`Content-Length: ${length}`);
  return lines.join("\r\n") + "\r\n\r\n";
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

function parseHeaders(head: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of head.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

function find(bytes: Uint8Array, text: string, from: number): number {
  const wanted = encoder.encode(text);
  outer: for (let at = from; at + wanted.length <= bytes.length; at++) {
    for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) continue outer;
    return at;
  }
  return -1;
}
