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

/**
 * Sends `https:` requests to whoever answers, and the others with `fetch`. Each request has a connection
 * of its own: on one that is used again, Deno's `node:https` neither reports an abort nor keeps from
 * sending the request a second time.
 */
export class InsecureTransport implements Transport {
  readonly #plain: FetchTransport;
  readonly #agents = new Set<Agent>();

  /** Creates a transport; connections are opened as requests need them. */
  constructor(options: TransportOptions = {}) {
    this.#plain = new FetchTransport({ mode: "system" }, options);
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    if (!request.url.startsWith("https:")) return await this.#plain.request(request);
    request.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
    const agent = this.#createAgent();
    const outgoing = httpsRequest(request.url, {
      method: request.method,
      agent,
      headers: {
        "Accept-Encoding": "identity",
        ...request.headers,
        ...lengthHeader(request),
      },
    });
    let isConnected = false;
    const fail = (error: unknown): void => {
      reject(isConnected ? error : new NotConnectedError(error));
    };
    const onAbort = (): void => {
      outgoing.destroy();
      reject(request.signal.reason);
    };
    request.signal.addEventListener("abort", onAbort, { once: true });
    outgoing.on("error", fail);
    outgoing.on("close", () => {
      request.signal.removeEventListener("abort", onAbort);
      this.#dropAgent(agent);
      fail(new Error("The connection was closed before an answer came"));
    });
    outgoing.on("response", (incoming) => resolve(toResponse(incoming, outgoing)));
    outgoing.once("socket", (socket) => {
      // What is written before there is a connection is only held, and would count as sent.
      socket.once("secureConnect", () => {
        isConnected = true;
        if (request.body !== undefined) sendBody(request.body, outgoing);
      });
    });
    outgoing.flushHeaders();
    if (request.body === undefined) outgoing.end();
    return await promise;
  }

  renew(): void {
    this.#plain.renew();
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents) this.#dropAgent(agent);
    this.#plain[Symbol.dispose]();
  }

  /** "keepAlive", because without it the request would ask the server to close: that has a meaning. */
  #createAgent(): Agent {
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
    this.#agents.add(agent);
    return agent;
  }

  #dropAgent(agent: Agent): void {
    this.#agents.delete(agent);
    agent.destroy();
  }
}

function lengthHeader(request: TransportRequest): Record<string, string> {
  if (request.body !== undefined) return { "Transfer-Encoding": "chunked" };
  return request.method === "POST" ? { "Content-Length": "0" } : {};
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
