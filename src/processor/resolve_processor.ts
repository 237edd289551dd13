/**
 * From what may be passed as `processor` to a processor.
 *
 * @module
 */

import { callUserCode, ConfigError, describeError } from "../base/mod.ts";
import { FrameProcessor } from "./frame_processor.ts";

/**
 * What may be passed as `processor`: an instance, which serves one stream at a time, or a factory or
 * class, which makes one for each stream.
 */
export type ProcessorSource = FrameProcessor | (() => FrameProcessor) | (new () => FrameProcessor);

/**
 * The processor of a source: an instance is itself, a class is constructed, a factory called.
 *
 * Throws a {@linkcode ConfigError} `CONFIG_PROCESSOR` for a value that is not and does not make a
 * processor, and when making it fails.
 */
export function resolveProcessor(source: ProcessorSource): FrameProcessor {
  return processorFrom(source, "the option processor");
}

/** Like {@linkcode resolveProcessor}, for a value of unknown type; errors show `name`. */
export function processorFrom(source: unknown, described: string): FrameProcessor {
  if (isFrameProcessor(source)) return source;
  if (typeof source !== "function") throw wrongSource(described, source);
  const create = source as (() => unknown) & (new () => unknown);
  let made: unknown;
  try {
    made = callUserCode(() => isFrameProcessor(create.prototype) ? new create() : create());
  } catch (error) {
    throw new ConfigError(
      "CONFIG_PROCESSOR",
      `Cannot create a processor from ${described}: ${describeError(error)}`,
      { cause: error, context: { source: described } },
    );
  }
  if (!isFrameProcessor(made)) throw wrongSource(described, made);
  return made;
}

/**
 * Whether a value is a processor, judged by its methods: a user's file may import another copy of Runnel,
 * which has other classes.
 */
export function isFrameProcessor(value: unknown): value is FrameProcessor {
  if (value instanceof FrameProcessor) return true;
  if (typeof value !== "object" || value === null) return false;
  const candidate = value as Partial<Record<keyof FrameProcessor, unknown>>;
  return typeof candidate.processVideo === "function" &&
    typeof candidate.initialize === "function" && typeof candidate.updateParams === "function";
}

function wrongSource(described: string, found: unknown): ConfigError {
  const type = typeName(found);
  return new ConfigError(
    "CONFIG_PROCESSOR",
    `Cannot use ${described} as a processor: it gives ${type}; ` +
      "give a FrameProcessor, a class that extends it, or what defineProcessor returns",
    { context: { source: described, type } },
  );
}

function typeName(found: unknown): string {
  if (found === null) return "null";
  if (typeof found === "object") return found.constructor?.name ?? "object";
  return typeof found === "function"
    ? "another function or class, not what that makes"
    : typeof found;
}
