/**
 * A session of a live runner, as its requests name it: LIVEPEER.md section 5.
 *
 * @module
 */

import { ConfigError, type UrlPolicy } from "../base/mod.ts";
import type { TlsOptions } from "../trickle/mod.ts";
import { withoutSecrets } from "./capability.ts";
import { describeAnswer, OrchestratorClient } from "./orchestrator_client.ts";

/** A channel that a runner asks for. */
export interface SessionChannel {
  readonly name: string;
  readonly mime_type: string;
}

/** What the headers of a proxied request say. */
export interface LiveRunnerHeaders {
  /** `Livepeer-Session-Id`. */
  readonly sessionId: string;
  /** `Livepeer-Session-Token`: a secret. */
  readonly token: string;
  /** `Livepeer-Session-Control`: where callbacks go. */
  readonly controlUrl: string;
  /** `Livepeer-Runner-Route`. */
  readonly route: string | undefined;
}

/** Reads the headers of a proxied request; undefined where it is none of a live runner. */
export function readLiveRunnerHeaders(headers: Headers): LiveRunnerHeaders | undefined {
  const sessionId = headers.get("Livepeer-Session-Id");
  const token = headers.get("Livepeer-Session-Token");
  const controlUrl = headers.get("Livepeer-Session-Control");
  if (sessionId === null || token === null || controlUrl === null) return undefined;
  const protocol = URL.parse(controlUrl)?.protocol;
  if (protocol !== "http:" && protocol !== "https:") return undefined;
  return { sessionId, token, controlUrl, route: headers.get("Livepeer-Runner-Route") ?? undefined };
}

/** Calls back about one session: asks for channels, a proxy, or its end. */
export class LiveRunnerSession implements Disposable {
  readonly #headers: LiveRunnerHeaders;
  readonly #client: OrchestratorClient;

  /** Requests nothing yet. `urls` says where they may lead, since a request names the address. */
  constructor(
    headers: LiveRunnerHeaders,
    { tls, urls }: { readonly tls?: TlsOptions; readonly urls?: UrlPolicy } = {},
  ) {
    this.#headers = headers;
    this.#client = new OrchestratorClient({ url: headers.controlUrl, tls, urls });
  }

  /** Id of the session. */
  get id(): string {
    return this.#headers.sessionId;
  }

  /** Creates channels; resolves to what the orchestrator answered. Rejects with a `ConfigError`. */
  async createChannels(channels: readonly SessionChannel[]): Promise<unknown> {
    return await this.#call("/channels", { channels });
  }

  /** Asks for the session to be proxied. Rejects with a `ConfigError`. */
  async proxy(request: unknown): Promise<unknown> {
    return await this.#call("/proxy", request);
  }

  /** Ends the session. Rejects with a `ConfigError`. */
  async stop(): Promise<void> {
    await this.#call("/stop", {});
  }

  /** Closes what is open. */
  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  async #call(path: string, body: unknown): Promise<unknown> {
    const { token, sessionId } = this.#headers;
    const answer = await this.#client.post({
      path,
      headers: { "Livepeer-Session-Token": token },
      body,
    });
    if (answer.status >= 200 && answer.status < 300) return parseJson(answer.text);
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot call ${path} of session ${sessionId}: ` +
        withoutSecrets(describeAnswer(answer), [token]),
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // some answers are a bare word
  }
}
