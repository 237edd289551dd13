/**
 * Registrations from environment variables: LIVEPEER.md section 4.
 *
 * @module
 */

import { z } from "zod";
import { ConfigError, type UrlPolicy } from "../base/mod.ts";
import { readSecretFile } from "../base/process/secret_file.ts";
import type { TlsOptions } from "../trickle/mod.ts";
import { ByocRegistration } from "./byoc_registration.ts";
import { LiveRunnerRegistration } from "./live_runner_registration.ts";
import type { Registration } from "./registration.ts";

/** How a worker registers. */
export type RegistrationKind = "byoc" | "live-runner" | "none";

/** Where {@linkcode registrationFromEnvironment} looks, and what it cannot find there. */
export interface RegistrationEnvironment {
  /** Reads a variable. */
  readonly get: (name: string) => string | undefined;
  /** Where the variables name none: the worker's own. */
  readonly defaults: {
    readonly name: string;
    readonly capacity: number;
    readonly pipeline: string;
    readonly modelId: string;
    readonly version: string;
  };
  /** Token that requests to the worker must carry. */
  readonly token?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Where requests to orchestrators may lead. @default {everywhere} */
  readonly urls?: UrlPolicy | undefined;
}

const httpUrl = z.string().refine(
  (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""),
  { error: "must be an absolute http or https URL" },
);
const wholeNumber = z.string().regex(/^\d{1,15}$/, { error: "must be a whole number" })
  .transform(Number);
const price = z.string().regex(/^\d+(\.\d+)?$/, { error: "must be a number" }).transform(Number);
const required = z.string({ error: "is not set" }).min(1, { error: "is empty" });

const variables = z.object({
  ORCH_URL: required.pipe(httpUrl),
  ORCH_SECRET: required,
  CAPABILITY_NAME: z.string().optional(),
  CAPABILITY_DESCRIPTION: z.string().optional(),
  CAPABILITY_URL: httpUrl.optional(),
  CAPABILITY_PRICE_PER_UNIT: price.optional(),
  CAPABILITY_PRICE_SCALING: wholeNumber.optional(),
  CAPABILITY_CURRENCY: z.string().optional(),
});

/**
 * The registration that the environment describes; undefined for `none`. Throws a `ConfigError` that names
 * the variables that are missing or wrong, never their values.
 */
export function registrationFromEnvironment(
  kind: RegistrationKind,
  environment: RegistrationEnvironment,
): Registration | undefined {
  if (kind === "none") return undefined;
  const { defaults, token, tls, urls } = environment;
  const values = readVariables(kind, environment);
  const orchestrator = {
    orchestratorUrl: values.ORCH_URL,
    orchestratorSecret: values.ORCH_SECRET,
    tls,
    urls,
  };
  const url = values.CAPABILITY_URL ?? "http://localhost:8000";
  if (kind === "live-runner") {
    return new LiveRunnerRegistration({
      ...orchestrator,
      runnerUrl: url,
      app: `${defaults.pipeline}/${defaults.modelId}`,
      version: defaults.version,
      capacity: defaults.capacity,
      price: { price: values.CAPABILITY_PRICE_PER_UNIT ?? 0 },
    });
  }
  return new ByocRegistration({
    ...orchestrator,
    name: values.CAPABILITY_NAME ?? defaults.name,
    description: values.CAPABILITY_DESCRIPTION,
    url,
    capacity: defaults.capacity,
    pricePerUnit: values.CAPABILITY_PRICE_PER_UNIT,
    priceScaling: values.CAPABILITY_PRICE_SCALING,
    currency: values.CAPABILITY_CURRENCY,
    token,
  });
}

/** `ORCH_SECRET` may be in a file. */
function readVariable(name: string, get: RegistrationEnvironment["get"]): string | undefined {
  const value = get(name) || undefined;
  const path = name === "ORCH_SECRET" ? get("ORCH_SECRET_FILE") || undefined : undefined;
  if (path === undefined) return value;
  if (value === undefined) return readSecretFile(path, "ORCH_SECRET_FILE");
  throw new ConfigError(
    "CONFIG_INVALID",
    "Cannot choose between ORCH_SECRET and ORCH_SECRET_FILE: set one of them",
  );
}

function readVariables(
  kind: RegistrationKind,
  { get }: RegistrationEnvironment,
): z.output<typeof variables> {
  const names = Object.keys(variables.shape);
  const found = names.map((name) => [name, readVariable(name, get)]);
  const result = variables.safeParse(Object.fromEntries(found));
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
  throw new ConfigError(
    "CONFIG_INVALID",
    `Cannot register as ${kind}: ${problems.join("; ")}`,
    { context: { variables: result.error.issues.map(({ path }) => path.join(".")) } },
  );
}
