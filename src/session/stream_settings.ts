/**
 * The parameters of a stream as they are now, checked against what its processor declares.
 *
 * @module
 */

import { ConfigError } from "../base/mod.ts";
import type { ParamsSchema } from "../processor/mod.ts";
import { MAX_PARAMS_BYTES, paramsBytes } from "./params_size.ts";
import type { StreamParams } from "./types.ts";
import { requestedSize } from "./video/stream_size.ts";

/** Parameters that the session itself understands: no processor's schema is asked about them. */
const STREAM_KEYS: ReadonlySet<string> = new Set([
  "width",
  "height",
  "max_framerate",
  "detect_out_resolution",
  "show_loading",
  "tone_map",
  "program",
]);

/** `program_number` has 16 bits (ISO/IEC 13818-1 section 2.4.4.5). */
export const MAX_PROGRAM_NUMBER = 65_535;

/** A checked update. */
export interface ParamsUpdate {
  /** What changes: the names of the request, with the values that the processor's schema made of them. */
  readonly changed: StreamParams;
  /** Makes it the parameters of the stream. */
  readonly commit: () => void;
}

/** Keeps the parameters of one stream. */
export class StreamSettings {
  readonly #schema: ParamsSchema | undefined;
  /** As they were given: a schema may turn a value into one that it would not take again. */
  #given: StreamParams;
  #values: StreamParams;

  /**
   * Checks the first parameters, and fills in what the schema has defaults for. Throws a `ConfigError`
   * that names the fields that are wrong.
   */
  constructor(schema: ParamsSchema | undefined, params: StreamParams) {
    this.#schema = schema;
    checkStreamParams(params);
    this.#given = params;
    this.#values = this.#check(params);
  }

  /** The parameters now. */
  get values(): StreamParams {
    return this.#values;
  }

  /**
   * Checks an update; nothing changes before its `commit`, and none may be prepared before that. Throws
   * as the constructor does.
   */
  prepare(update: StreamParams): ParamsUpdate {
    checkStreamParams(update);
    const checked = this.#check({ ...this.#given, ...update });
    const changed = Object.fromEntries(
      Object.keys(update).filter((name) => Object.hasOwn(checked, name))
        .map((name) => [name, checked[name]]),
    );
    return {
      changed,
      commit: () => {
        this.#given = { ...this.#given, ...update };
        this.#values = { ...this.#values, ...changed };
      },
    };
  }

  #check(params: StreamParams): StreamParams {
    checkSize(params);
    if (this.#schema === undefined) return params;
    const ofStream = Object.entries(params).filter(([name]) => STREAM_KEYS.has(name));
    const ofProcessor = Object.entries(params).filter(([name]) => !STREAM_KEYS.has(name));
    const result = this.#schema.safeParse(Object.fromEntries(ofProcessor));
    if (result.success) return { ...Object.fromEntries(ofStream), ...result.data };
    const problems = result.error.issues.map(({ path, message }) =>
      `${path.length === 0 ? "params" : path.join(".")}: ${message}`
    );
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot use these parameters: ${problems.join("; ")}`,
      { context: { fields: result.error.issues.map(({ path }) => path.join(".")) } },
    );
  }
}

/** Throws a `ConfigError` for more than a stream keeps: an update may only replace what is there. */
function checkSize(params: StreamParams): void {
  if (paramsBytes(params, MAX_PARAMS_BYTES) <= MAX_PARAMS_BYTES) return;
  throw new ConfigError(
    "CONFIG_INVALID",
    `Cannot use these parameters: with those that the stream has they are more than ` +
      `${MAX_PARAMS_BYTES} bytes; send less, under names that were used before`,
  );
}

/** Throws a `ConfigError` for values that the session could not apply. */
function checkStreamParams(params: StreamParams): void {
  requestedSize(params);
  const { max_framerate, program } = params;
  const isRate = typeof max_framerate === "number" && max_framerate > 0;
  if (max_framerate !== undefined && !isRate) {
    throw unusable("max_framerate", max_framerate, "a number above zero");
  }
  const isProgram = Number.isInteger(program) && program! >= 1 && program! <= MAX_PROGRAM_NUMBER;
  if (program !== undefined && !isProgram) {
    throw unusable("program", program, `a whole number from 1 to ${MAX_PROGRAM_NUMBER}`);
  }
  for (const name of ["detect_out_resolution", "show_loading", "tone_map"]) {
    const value = params[name];
    if (value === undefined || typeof value === "boolean") continue;
    throw unusable(name, value, "true or false");
  }
}

function unusable(name: string, value: unknown, wanted: string): ConfigError {
  return new ConfigError(
    "CONFIG_INVALID",
    `Cannot use ${name} ${value}: it must be ${wanted}`,
    { context: { fields: [name] } },
  );
}
