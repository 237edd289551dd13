/**
 * The transport for what `fetch` cannot do: through `node:http` and `node:https`.
 *
 * @module
 */

import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { rootCertificates, TLSSocket } from "node:tls";
import type { Buffer } from "node:buffer";
import { hostOf, isAddress, type UrlPolicy } from "../../base/mod.ts";
import { isPinned, isUnchecked, type TlsOptions } from "./tls.ts";
import {
  CertificateError,
  NotConnectedError,
  RefusedAddressError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from "./transport.ts";

/**
 * Sends requests with `node:http`. It can accept any certificate. Its connections have TCP_NODELAY,
 * which those of `fetch` lack: with Nagle's algorithm the end of every picture would wait for the
 * round trip of its beginning. And it takes no more of a body than the network does, where `fetch`
 * takes a megabyte.
 *
 * Each request has a connection of its own: on one that is used again, Deno's `node:http` neither
 * reports an abort nor keeps from sending the request a second time.
 */
export class NodeTransport implements Transport {
  readonly #tls: TlsOptions;
  readonly #urls: UrlPolicy | undefined;
  readonly #agents = new Set<HttpAgent>();

  /** Creates a transport; connections are opened as requests need them. `urls` says where they may lead. */
  constructor(tls: TlsOptions, urls?: UrlPolicy) {
    this.#tls = tls;
    this.#urls = urls;
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    request.signal.throwIfAborted();
    const refusal = isAddress(request.url) && this.#refusal(request.url, hostOf(request.url));
    if (refusal) throw new NotConnectedError(refusal);
    const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
    const agent = this.#createAgent(request.url);
    const outgoing = start(request, agent);
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
      // What the name means now, whatever it meant when it was checked.
      const isRefused = (): boolean => {
        const refusal = this.#refusal(request.url, socket.remoteAddress);
        if (refusal) outgoing.destroy(refusal);
        return outgoing.destroyed;
      };
      const isTls = request.url.startsWith("https:");
      if (isTls) socket.once("connect", isRefused); // before the other side hears the name
      // What is written before there is a connection is only held, and would count as sent.
      socket.once(isTls ? "secureConnect" : "connect", () => {
        if (isRefused()) return;
        if (this.#isImpostor(socket)) return void outgoing.destroy(impostor(request.url));
        isConnected = true;
        outgoing.flushHeaders();
        socket.setNoDelay(true);
        if (request.body === undefined) outgoing.end();
        else sendBody(request.body, outgoing);
      });
    });
    return await promise;
  }

  /** Why nothing is sent to an address. One that is not known is that of a connection that is lost. */
  #refusal(url: string, address: string | undefined): RefusedAddressError | undefined {
    if (this.#urls === undefined) return undefined;
    const isAllowed = address !== undefined && this.#urls.allowsAt(url, address);
    return isAllowed ? undefined : new RefusedAddressError(url, address ?? "nowhere");
  }

  /** Nothing was sent yet, no secret of the headers either. */
  #isImpostor(socket: Socket): boolean {
    if (this.#tls.mode !== "pinned" || !(socket instanceof TLSSocket)) return false;
    return !isPinned(this.#tls.sha256, socket.getPeerCertificate().fingerprint256);
  }

  /** Every request has a fresh connection as it is. */
  renew(): void {}

  [Symbol.dispose](): void {
    for (const agent of this.#agents) this.#dropAgent(agent);
  }

  /**
   * "keepAlive", because without it the request would ask the server to close: that has a meaning.
   */
  #createAgent(url: string): HttpAgent {
    const agent = url.startsWith("https:")
      ? new HttpsAgent({ keepAlive: true, ...verification(this.#tls, url) })
      : new HttpAgent({ keepAlive: true });
    this.#agents.add(agent);
    return agent;
  }

  #dropAgent(agent: HttpAgent): void {
    this.#agents.delete(agent);
    agent.destroy();
  }
}

/** Without a list of authorities Deno looks for the system's, which it may not have the permission for. */
const UNCHECKED = { rejectUnauthorized: false, ca: [] };

function verification(
  tls: TlsOptions,
  url: string,
): { ca?: string[]; rejectUnauthorized?: boolean } {
  switch (tls.mode) {
    case "system":
      return {};
    case "caCerts":
      return { ca: [...rootCertificates, ...tls.caCerts] };
    case "pinned":
      return UNCHECKED; // it is compared before anything is sent
    case "insecure":
      return isUnchecked(tls, url) ? UNCHECKED : {};
  }
}

function impostor(url: string): CertificateError {
  return new CertificateError(
    `the certificate of ${new URL(url).host} is none of those that are pinned; compare its SHA-256`,
  );
}

function start(request: TransportRequest, agent: HttpAgent): ClientRequest {
  const send = request.url.startsWith("https:") ? httpsRequest : httpRequest;
  return send(request.url, {
    method: request.method,
    agent,
    headers: { "Accept-Encoding": "identity", ...request.headers, ...lengthHeader(request) },
  });
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
