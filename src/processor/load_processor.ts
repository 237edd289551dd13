/**
 * Processors by name or file, as the commands take them.
 *
 * @module
 */

import { ConfigError, describeError } from "../base/mod.ts";
import { Gain } from "./builtin/gain.ts";
import { Passthrough } from "./builtin/passthrough.ts";
import { Grayscale, Invert, Mirror } from "./builtin/picture_filters.ts";
import { Timestamp } from "./builtin/timestamp.ts";
import type { FrameProcessor } from "./frame_processor.ts";
import { processorFrom } from "./resolve_processor.ts";

/** The processors that come with Runnel, by name. */
export const BUILTIN_PROCESSORS: Readonly<Record<string, () => FrameProcessor>> = Object.freeze({
  passthrough: () => new Passthrough(),
  grayscale: () => new Grayscale(),
  invert: () => new Invert(),
  mirror: () => new Mirror(),
  timestamp: () => new Timestamp(),
  gain: () => new Gain(),
});

/**
 * Finds a processor: the name of a built-in one, or a TypeScript or JavaScript file, relative to the
 * working directory, whose default export is a `FrameProcessor` instance, a class, or a factory such as
 * `defineProcessor` gives. Returns the instance, or a factory.
 *
 * Throws a {@linkcode ConfigError} `CONFIG_PROCESSOR` that says what is wrong with the name or file.
 */
export async function loadProcessor(
  nameOrFile: string,
): Promise<FrameProcessor | (() => FrameProcessor)> {
  const builtin = Object.hasOwn(BUILTIN_PROCESSORS, nameOrFile)
    ? BUILTIN_PROCESSORS[nameOrFile]
    : undefined;
  if (builtin !== undefined) return builtin;
  if (!looksLikeFile(nameOrFile)) throw unknownName(nameOrFile);
  const url = fileUrl(nameOrFile);
  await assertFile(nameOrFile, url);
  const exported = await importDefault(nameOrFile, url);
  return toSource(nameOrFile, exported);
}

function looksLikeFile(nameOrFile: string): boolean {
  return /[\\/]|\.[cm]?[jt]sx?$/.test(nameOrFile);
}

function fileUrl(file: string): URL {
  if (file.startsWith("file:")) return new URL(file);
  const base = new URL(`file://${encodePath(Deno.cwd())}/`);
  return new URL(encodePath(file), base);
}

/** A path may hold characters that mean something in URLs. */
function encodePath(path: string): string {
  return encodeURI(path.replaceAll("\\", "/")).replaceAll("?", "%3F").replaceAll("#", "%23");
}

async function assertFile(file: string, url: URL): Promise<void> {
  try {
    if ((await Deno.stat(url)).isFile) return;
  } catch (error) {
    throw new ConfigError(
      "CONFIG_PROCESSOR",
      `Cannot load processor ${file}: there is no such file (looked for ${url.pathname}); ` +
        "check the path, relative to the working directory",
      { cause: error, context: { file } },
    );
  }
  throw new ConfigError(
    "CONFIG_PROCESSOR",
    `Cannot load processor ${file}: it is not a file; name a .ts or .js file`,
    { context: { file } },
  );
}

async function importDefault(file: string, url: URL): Promise<unknown> {
  let module: { readonly default?: unknown };
  try {
    module = await import(url.href);
  } catch (error) {
    const stack = error instanceof Error ? error.stack ?? "" : "";
    const place = stack.split("\n").find((line) => line.includes(url.pathname))?.trim();
    throw new ConfigError(
      "CONFIG_PROCESSOR",
      `Cannot load processor ${file}: ${describeError(error)}` +
        (place === undefined ? "" : ` (${place})`),
      { cause: error, context: { file } },
    );
  }
  if (module.default !== undefined) return module.default;
  throw new ConfigError(
    "CONFIG_PROCESSOR",
    `Cannot load processor ${file}: it has no default export; ` +
      "write `export default defineProcessor({ … })` or export a class that extends FrameProcessor",
    { context: { file, exports: Object.keys(module) } },
  );
}

/** Anything but a function is judged at once; a function only when it is called. */
function toSource(file: string, exported: unknown): FrameProcessor | (() => FrameProcessor) {
  const described = `the default export of ${file}`;
  if (typeof exported === "function") return () => processorFrom(exported, described);
  return processorFrom(exported, described);
}

function unknownName(name: string): ConfigError {
  return new ConfigError(
    "CONFIG_PROCESSOR",
    `Cannot find processor "${name}": use one of ${
      Object.keys(BUILTIN_PROCESSORS).join(", ")
    }, or a file such as ./my_processor.ts`,
    { context: { name } },
  );
}
