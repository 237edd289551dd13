/**
 * Registering a capability with an orchestrator: LIVEPEER.md section 4.
 *
 * @module
 */

import { ConfigError, type UrlPolicy } from "../base/mod.ts";
import type { Clock, TlsOptions } from "../trickle/mod.ts";
import {
  describeAnswer,
  type OrchestratorAnswer,
  OrchestratorClient,
} from "./orchestrator_client.ts";

/** What an orchestrator is told of a worker. */
export interface CapabilityOptions {
  /** URL of the orchestrator. */
  readonly orchestratorUrl: string;
  /** The orchestrator's secret. Never logged. */
  readonly orchestratorSecret: string;
  /** Name of the capability. */
  readonly name: string;
  /** @default {""} */
  readonly description?: string | undefined;
  /** URL of the worker, as the orchestrator reaches it. @default {"http://localhost:8000"} */
  readonly url?: string | undefined;
  /** Streams at once. @default 1 */
  readonly capacity?: number | undefined;
  /** @default 0 */
  readonly pricePerUnit?: number | undefined;
  /** @default 1 */
  readonly priceScaling?: number | undefined;
  /** @default {"wei"} */
  readonly currency?: string | undefined;
  /** Token that the orchestrator sends to the worker. Never logged. @default none */
  readonly token?: string | undefined;
  /** What is demanded of the orchestrator's certificate. @default {{ mode: "system" }} */
  readonly tls?: TlsOptions | undefined;
  /** Where requests may lead. @default {everywhere} */
  readonly urls?: UrlPolicy | undefined;
}

/** What came of a registration. */
export type RegistrationOutcome =
  | { readonly kind: "registered" }
  /** Asking again would be answered the same. */
  | { readonly kind: "refused"; readonly reason: string }
  /** The orchestrator cannot be reached, or is not well. */
  | { readonly kind: "failed"; readonly reason: string };

/**
 * Registers a worker once. Rejects with a `ConfigError` when the orchestrator refuses it, or cannot be
 * reached: a `ByocRegistration` keeps trying, and keeps the registration alive.
 */
export async function registerCapability(options: CapabilityOptions): Promise<void> {
  using client = clientFor(options);
  const outcome = await sendRegistration(client, options);
  if (outcome.kind === "registered") return;
  throw new ConfigError(
    "CONFIG_INVALID",
    `Cannot register ${options.name} with the orchestrator: ${outcome.reason}`,
  );
}

/** Takes a registration back. Rejects with a `ConfigError` where that was not possible. */
export async function unregisterCapability(
  options: Pick<
    CapabilityOptions,
    "orchestratorUrl" | "orchestratorSecret" | "name" | "tls" | "urls"
  >,
): Promise<void> {
  using client = clientFor(options);
  const outcome = await sendUnregistration(client, options);
  if (outcome.kind === "registered") return;
  throw new ConfigError(
    "CONFIG_INVALID",
    `Cannot unregister ${options.name} from the orchestrator: ${outcome.reason}`,
  );
}

/** A client for the orchestrator of a capability. */
export function clientFor(
  { orchestratorUrl: url, tls, urls }: Pick<CapabilityOptions, "orchestratorUrl" | "tls" | "urls">,
  clock?: Clock,
): OrchestratorClient {
  return new OrchestratorClient({ url, tls, urls, clock });
}

/** Sends one registration; does not reject. */
export async function sendRegistration(
  client: OrchestratorClient,
  options: CapabilityOptions,
  signal?: AbortSignal,
): Promise<RegistrationOutcome> {
  const { token } = options;
  return await send(client, options, {
    path: "/capability/register",
    body: {
      name: options.name,
      description: options.description ?? "",
      url: options.url ?? "http://localhost:8000",
      capacity: options.capacity ?? 1,
      price_per_unit: options.pricePerUnit ?? 0,
      price_scaling: options.priceScaling ?? 1,
      currency: options.currency ?? "wei",
      ...(token === undefined ? {} : { token }),
    },
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Takes a registration back; does not reject. The body is the bare name. */
export async function sendUnregistration(
  client: OrchestratorClient,
  options: Pick<CapabilityOptions, "orchestratorSecret" | "name">,
  limits: { readonly timeoutMs?: number } = {},
): Promise<RegistrationOutcome> {
  return await send(client, options, {
    path: "/capability/unregister",
    body: options.name,
    ...limits,
  });
}

interface CapabilityRequest {
  readonly path: string;
  readonly body: unknown;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

async function send(
  client: OrchestratorClient,
  { orchestratorSecret, ...rest }: Pick<CapabilityOptions, "orchestratorSecret" | "token">,
  request: CapabilityRequest,
): Promise<RegistrationOutcome> {
  const hide = (text: string): string => withoutSecrets(text, [orchestratorSecret, rest.token]);
  let answer: OrchestratorAnswer;
  try {
    answer = await client.post({ ...request, headers: { Authorization: orchestratorSecret } });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: "failed", reason: hide(reason) };
  }
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: "registered" };
  const reason = hide(describeAnswer(answer));
  if (status >= 500 || status === 408 || status === 429) return { kind: "failed", reason };
  return {
    kind: "refused",
    reason: `${reason}; check ORCH_SECRET and the capability's settings`,
  };
}

/** An orchestrator may echo what it was sent. */
export function withoutSecrets(
  text: string,
  secrets: readonly (string | undefined)[],
): string {
  return secrets.reduce<string>(
    (hidden, secret) =>
      secret === undefined || secret === "" ? hidden : hidden.replaceAll(secret, "***"),
    text,
  );
}
