/**
 * Processors by name or file, as the commands take them.
 *
 * @module
 */

import { callUserCode, ConfigError, describeError } from "../base/mod.ts";
import { Gain, Grayscale, Invert, Mirror, Passthrough, Timestamp } from "./builtin.ts";
import type { FrameProcessor } from "./frame_processor.ts";
import { isFrameProcessor, processorFrom } from "./resolve_processor.ts";

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

/** The URL of a processor's file, relative to the working directory; undefined for a built-in one. */
export function processorFileUrl(nameOrFile: string): string | undefined {
  const isFile = !Object.hasOwn(BUILTIN_PROCESSORS, nameOrFile) && looksLikeFile(nameOrFile);
  return isFile ? fileUrl(nameOrFile).href : undefined;
}

/** A module whose default export is a processor, or gives one. */
export interface ProcessorModuleSpec {
  /** URL of the module. */
  readonly module: string;
  /** Given to a default export that is a function. @default none */
  readonly options?: unknown;
}

/**
 * Imports a module and makes a processor of its default export: an instance, a class, or a function that
 * makes one, also later, from the options.
 *
 * Rejects with a {@linkcode ConfigError} `CONFIG_PROCESSOR` that says what is wrong with the module.
 */
export async function importProcessor(spec: ProcessorModuleSpec): Promise<FrameProcessor> {
  const { module, options } = spec;
  const url = URL.parse(module);
  if (url === null) {
    throw new ConfigError(
      "CONFIG_PROCESSOR",
      `Cannot load processor ${module}: it is no URL; use import.meta.resolve("./processor.ts")`,
      { context: { module } },
    );
  }
  const exported = await importDefault(module, url);
  const described = `the default export of ${module}`;
  if (options === undefined || typeof exported !== "function" || isClass(exported)) {
    return processorFrom(exported, described);
  }
  const made: unknown = await callUserCode(() => exported(options));
  return processorFrom(made, described);
}

function isClass(exported: { readonly prototype?: unknown }): boolean {
  return isFrameProcessor(exported.prototype);
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
    module = await callUserCode(() => import(url.href));
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
