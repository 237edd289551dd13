/**
 * Requests to an orchestrator: bounded in time and size, with its certificate usually self-signed, and
 * without a word of the secrets in what goes wrong.
 *
 * @module
 */

import { withoutCredentials } from "../base/credentials.ts";
import { describeError, type UrlPolicy } from "../base/mod.ts";
import {
  type Clock,
  createTransport,
  systemClock,
  type TlsOptions,
  type Transport,
} from "../trickle/mod.ts";

/** Most bytes of an answer that are read. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** How long an answer may take. */
const TIMEOUT_MS = 10_000;
/** Most characters of an answer's text in an error. */
const MAX_SHOWN = 200;

/** Options of an {@linkcode OrchestratorClient}. */
export interface OrchestratorClientOptions {
  /** URL of the orchestrator, such as `https://orchestrator:8935`. */
  readonly url: string;
  /** What is demanded of its certificate. @default {{ mode: "system" }} */
  readonly tls?: TlsOptions | undefined;
  /** Where requests may lead. @default {everywhere} */
  readonly urls?: UrlPolicy | undefined;
  /** The time that answers take. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** One request. */
export interface OrchestratorRequest {
  /** Path below the orchestrator's URL, or a whole URL. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Text, or what becomes JSON. */
  readonly body: unknown;
  readonly signal?: AbortSignal;
  /** Longest time for an answer in milliseconds. @default {10_000} */
  readonly timeoutMs?: number;
}

/** An answer, whatever its status. */
export interface OrchestratorAnswer {
  readonly status: number;
  readonly text: string;
}

/** Sends requests to one orchestrator. */
export class OrchestratorClient implements Disposable {
  readonly #options: OrchestratorClientOptions;
  readonly #transport: Transport;

  /** Opens no connection before the first request. */
  constructor(options: OrchestratorClientOptions) {
    this.#options = options;
    this.#transport = createTransport(options.tls, { urls: options.urls });
  }

  /** Sends a POST. Rejects when there is no answer in time, or it is larger than 64 KiB. */
  async post(request: OrchestratorRequest): Promise<OrchestratorAnswer> {
    const { path, headers, body, signal: stop, timeoutMs = TIMEOUT_MS } = request;
    const { url, clock = systemClock } = this.#options;
    const target = /^https?:/.test(path) ? path : url.replace(/\/+$/, "") + path;
    const isText = typeof body === "string";
    const bytes = new TextEncoder().encode(isText ? body : JSON.stringify(body));
    const timeout = new AbortController();
    const cancel = clock.schedule(timeoutMs, () => timeout.abort());
    const { signal } = timeout;
    try {
      const response = await this.#transport.request({
        method: "POST",
        url: target,
        headers: { "Content-Type": isText ? "text/plain" : "application/json", ...headers },
        body: new Blob([bytes]).stream(),
        signal: stop === undefined ? signal : AbortSignal.any([signal, stop]),
      });
      return { status: response.status, text: await readBounded(response.body) };
    } catch (error) {
      const reason = signal.aborted ? `no answer within ${timeoutMs} ms` : describeError(error);
      throw new Error(withoutCredentials(`Cannot reach ${target}: ${reason}`), { cause: error });
    } finally {
      cancel();
    }
  }

  /** Closes what is open. */
  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }
}

/** What an answer that says no is, in one line. */
export function describeAnswer({ status, text }: OrchestratorAnswer): string {
  const shown = text.trim().replaceAll(/\s+/g, " ").slice(0, MAX_SHOWN);
  return shown === "" ? `it answered ${status}` : `it answered ${status}: ${shown}`;
}

async function readBounded(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let byteCount = 0;
  for await (const chunk of body ?? []) {
    byteCount += chunk.length;
    if (byteCount > MAX_ANSWER_BYTES) {
      throw new Error(`its answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
