/**
 * Secrets that are kept in files: a command line is seen by every user of the machine, and an environment by
 * every child.
 *
 * @module
 */

import { ConfigError, describeError } from "../errors.ts";

/** Longest secret in bytes. */
const MAX_SECRET_BYTES = 64 * 1024;

/** How a file with secrets is read. */
export interface SecretFileOptions {
  /** Longest file in bytes. @default {65536} */
  readonly maxBytes?: number;
}

/**
 * Reads a secret, without white space around it. `name` is what named the file, such as `--token-file`.
 * Throws a `ConfigError` where there is none, which never has any of the file's content.
 */
export function readSecretFile(
  path: string,
  name: string,
  { maxBytes = MAX_SECRET_BYTES }: SecretFileOptions = {},
): string {
  let text: string;
  try {
    const { size, isFile } = Deno.statSync(path);
    if (isFile && size > maxBytes) throw new Error(`it has ${size} bytes`);
    text = Deno.readTextFileSync(path).trim();
  } catch (cause) {
    throw unusable(path, name, describeError(cause), cause);
  }
  if (text === "") throw unusable(path, name, "it is empty");
  return text;
}

function unusable(path: string, name: string, reason: string, cause?: unknown): ConfigError {
  return new ConfigError(
    "CONFIG_INVALID",
    `Cannot read the secret of ${name} from ${path}: ${reason}`,
    { cause, context: { path } },
  );
}
