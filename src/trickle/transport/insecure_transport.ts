/**
 * HTTPS without a look at the certificate, which `fetch` cannot do: through `node:https`.
 *
 * @module
 */

import { Agent, request as httpsRequest } from "node:https";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Buffer } from "node:buffer";
import { FetchTransport } from "./fetch_transport.ts";
import {
  NotConnectedError,
  type Transport,
  type TransportOptions,
  type TransportRequest,
  type TransportResponse,
} from "./transport.ts";

/** Sends `https:` requests to whoever answers, and the others with `fetch`. */
export class InsecureTransport implements Transport {
  readonly #plain: FetchTransport;
  readonly #options: TransportOptions;
  #agent: Agent;

  /** Creates a transport; connections are opened as requests need them. */
  constructor(options: TransportOptions = {}) {
    this.#options = options;
    this.#plain = new FetchTransport({ mode: "system" }, options);
    this.#agent = createAgent(options);
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    if (!request.url.startsWith("https:")) return await this.#plain.request(request);
    request.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
    const outgoing = httpsRequest(request.url, {
      method: request.method,
      agent: this.#agent,
      headers: {
        "Accept-Encoding": "identity",
        ...request.headers,
        ...lengthHeader(request),
      },
    });
    const onAbort = (): void => void outgoing.destroy(abortError(request.signal));
    request.signal.addEventListener("abort", onAbort, { once: true });
    outgoing.on("close", () => request.signal.removeEventListener("abort", onAbort));
    let isConnected = false;
    outgoing.on("error", (error) => reject(isConnected ? error : new NotConnectedError(error)));
    outgoing.on("response", (incoming) => resolve(toResponse(incoming, outgoing)));
    onConnected(outgoing, () => {
      isConnected = true;
      if (request.body !== undefined) sendBody(request.body, outgoing);
    });
    outgoing.flushHeaders();
    if (request.body === undefined) outgoing.end();
    return await promise;
  }

  renew(): void {
    const old = this.#agent;
    this.#agent = createAgent(this.#options);
    for (const sockets of Object.values(old.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
    this.#plain.renew();
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
    this.#plain[Symbol.dispose]();
  }
}

function createAgent(options: TransportOptions): Agent {
  // Not "keepAlive: false", which would ask the server to close: that answer has a meaning of its own.
  const idle = options.reuseConnections === false ? { maxFreeSockets: 0 } : {};
  return new Agent({ keepAlive: true, rejectUnauthorized: false, ...idle });
}

/** Calls back once the request has a connection with TLS up: what is written before that is only held. */
function onConnected(outgoing: ClientRequest, run: () => void): void {
  outgoing.once("socket", (socket) => {
    if (outgoing.reusedSocket) run();
    else socket.once("secureConnect", run);
  });
}

function lengthHeader(request: TransportRequest): Record<string, string> {
  if (request.body !== undefined) return { "Transfer-Encoding": "chunked" };
  return request.method === "POST" ? { "Content-Length": "0" } : {};
}

function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("The request was given up");
}

/** Sends a body as it comes. It ends with the request: a body that errors destroys it. */
function sendBody(body: ReadableStream<Uint8Array>, outgoing: ClientRequest): void {
  const reader = body.getReader();
  outgoing.on("close", () => void reader.cancel().catch(() => {}));
  const send = async (): Promise<void> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (outgoing.destroyed) return;
      if (done) return void outgoing.end();
      if (!outgoing.write(value)) await drained(outgoing);
    }
  };
  send().catch((error: unknown) => {
    outgoing.destroy(error instanceof Error ? error : new Error(String(error)));
  });
}

function drained(outgoing: ClientRequest): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    outgoing.off("drain", done);
    outgoing.off("close", done);
    resolve();
  };
  outgoing.on("drain", done);
  outgoing.on("close", done);
  return promise;
}

function toResponse(incoming: IncomingMessage, outgoing: ClientRequest): TransportResponse {
  const headers = new Headers();
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2) {
    headers.append(incoming.rawHeaders[at]!, incoming.rawHeaders[at + 1]!);
  }
  return { status: incoming.statusCode ?? 0, headers, body: toStream(incoming, outgoing) };
}

function toStream(
  incoming: IncomingMessage,
  outgoing: ClientRequest,
): ReadableStream<Uint8Array> {
  let isOver = false;
  return new ReadableStream<Uint8Array>({
    start(controller): void {
      const over = (finish: () => void): void => {
        if (isOver) return;
        isOver = true;
        finish();
      };
      incoming.on("data", (chunk: Buffer) => {
        if (isOver) return;
        controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      incoming.on("end", () => over(() => controller.close()));
      incoming.on("error", (error) => over(() => controller.error(error)));
      incoming.on("close", () => over(() => controller.error(new Error("The body was cut off"))));
    },
    pull(): void {
      incoming.resume();
    },
    cancel(): void {
      isOver = true;
      outgoing.destroy();
    },
  });
}
