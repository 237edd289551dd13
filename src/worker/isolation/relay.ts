/**
 * The way from the process of a stream to its channels. The process itself may connect to nothing else:
 * the server sends its requests on, to the channels of its stream and nowhere else.
 *
 * Both ends speak HTTP on 127.0.0.1. Others may connect to the port, too, but do not know the token.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";
import { describeError, roomLogger, UrlPolicy, type UrlRules } from "../../base/mod.ts";
import {
  createTransport,
  NotConnectedError,
  type TlsOptions,
  type Transport,
} from "../../session/mod.ts";

const log = roomLogger("worker");

/** Headers that the two ends tell each other things in. */
export const RELAY_HEADERS = {
  token: "x-runnel-relay-token",
  /** URL to send the request to. */
  url: "x-runnel-relay-url",
  /** Asks for a fresh connection. */
  renew: "x-runnel-relay-renew",
  /** In an answer, where it comes from. */
  outcome: "x-runnel-relay-outcome",
} as const;

/** Where the answer of a relay comes from; only `answered` is that of the server that was asked. */
export type RelayOutcome = "answered" | "refused" | "not-connected" | "failed";

/** Where a relay is. */
export interface RelayAddress {
  readonly url: string;
  readonly token: string;
}

/** What one stream may reach. */
export interface RelayTargets {
  /** Its channels. */
  readonly urls: readonly (string | undefined)[];
  readonly tls?: TlsOptions | undefined;
  /** Where they may lead. @default {everywhere} */
  readonly urlRules?: UrlRules | undefined;
}

/** Of one connection alone (RFC 9110 section 7.6.1), or of the relay. */
const OWN_HEADERS = [
  "connection",
  "keep-alive",
  "transfer-encoding",
  "host",
  ...Object.values(RELAY_HEADERS),
];

/** Passes requests of one process on while it has a stream. */
export class Relay implements AsyncDisposable {
  /** For the process. */
  readonly address: RelayAddress;
  /** `host:port`, for its permissions. */
  readonly host: string;
  readonly #http: Deno.HttpServer<Deno.NetAddr>;
  readonly #cut = new AbortController();
  readonly #token: Uint8Array;
  #targets: readonly URL[] = [];
  #transports: { readonly up: Transport; readonly down: Transport } | undefined;

  /** Listens on a free port. Nothing can be reached before {@linkcode open}. */
  constructor() {
    const token = crypto.randomUUID() + crypto.randomUUID();
    this.#token = new TextEncoder().encode(token);
    const options = {
      hostname: "127.0.0.1",
      port: 0,
      signal: this.#cut.signal,
      onListen: (): void => {},
      onError: (error: unknown): Response => failed("failed", describeError(error)),
    };
    this.#http = Deno.serve(options, (request) => this.#answer(request));
    this.host = `127.0.0.1:${this.#http.addr.port}`;
    this.address = { url: `http://${this.host}/`, token };
  }

  /** Lets requests through to the channels of a stream, and no longer to those of the one before. */
  open({ urls, tls, urlRules }: RelayTargets): void {
    this.close();
    const policy = urlRules === undefined ? undefined : new UrlPolicy(urlRules);
    this.#targets = urls.flatMap((url) => (url === undefined ? undefined : URL.parse(url)) ?? []);
    this.#transports = {
      up: createTransport(tls, { uploads: true, urls: policy }),
      down: createTransport(tls, { urls: policy }),
    };
  }

  /** Lets nothing through. */
  close(): void {
    this.#targets = [];
    this.#transports?.up[Symbol.dispose]();
    this.#transports?.down[Symbol.dispose]();
    this.#transports = undefined;
  }

  /** Cuts everything off. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    this.#cut.abort();
    await this.#http.finished;
  }

  async #answer(request: Request): Promise<Response> {
    const { headers, method } = request;
    const url = URL.parse(headers.get(RELAY_HEADERS.url) ?? "");
    if (!this.#isOurs(headers) || url === null || !isMethod(method)) {
      return failed("refused", "the request is not one of the stream's process");
    }
    if (this.#transports === undefined || !this.#targets.some((base) => isBelow(url, base))) {
      log.warn("The process of a stream asked for {host}, which is not one of its channels", {
        host: url.host,
      });
      return failed("refused", "it is not one of the stream's channels");
    }
    const transport = method === "POST" ? this.#transports.up : this.#transports.down;
    if (headers.has(RELAY_HEADERS.renew)) transport.renew();
    try {
      const response = await transport.request({
        method,
        url: url.href,
        headers: Object.fromEntries(passedHeaders(headers)),
        signal: request.signal,
        ...(request.body === null ? {} : { body: request.body }),
      });
      const { status } = response;
      const answer = passedHeaders(response.headers);
      answer.set(RELAY_HEADERS.outcome, "answered" satisfies RelayOutcome);
      return new Response(response.body, { status, headers: answer });
    } catch (error) {
      const outcome = error instanceof NotConnectedError ? "not-connected" : "failed";
      return failed(outcome, describeError(error));
    }
  }

  #isOurs(headers: Headers): boolean {
    const token = new TextEncoder().encode(headers.get(RELAY_HEADERS.token) ?? "");
    return token.length === this.#token.length && timingSafeEqual(token, this.#token);
  }
}

function isMethod(method: string): method is "GET" | "POST" | "DELETE" {
  return method === "GET" || method === "POST" || method === "DELETE";
}

/** Whether a URL is that of a channel or of something in it. */
function isBelow(url: URL, base: URL): boolean {
  const path = base.pathname.replace(/\/+$/, "");
  return url.origin === base.origin &&
    (url.pathname === path || url.pathname.startsWith(`${path}/`));
}

function passedHeaders(headers: Headers): Headers {
  const passed = new Headers(headers);
  for (const name of OWN_HEADERS) passed.delete(name);
  return passed;
}

function failed(outcome: RelayOutcome, reason: string): Response {
  const status = outcome === "refused" ? 403 : 502;
  return new Response(reason, { status, headers: { [RELAY_HEADERS.outcome]: outcome } });
}
