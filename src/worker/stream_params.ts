/**
 * The parameters of a stream, as gateways and control channels send them: one schema, and nothing else
 * validates them.
 *
 * @module
 */

import { z } from "zod";
import { ConfigError, withoutCredentials } from "../base/mod.ts";
import { depthProblem } from "../base/json.ts";
import { MAX_PICTURE_SIDE } from "../frames/mod.ts";
import { MAX_PROGRAM_NUMBER } from "../session/mod.ts";

/** Highest `max_framerate`. */
const MAX_FRAMERATE = 60;

/** The words that `detect_out_resolution` may be, in any case. */
const WORDS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["false", false],
  ["0", false],
  ["no", false],
]);

function show(value: unknown): string {
  const text = withoutCredentials(JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Refuses a value inside a transform; the message continues the field's name. */
export function refuse(context: z.RefinementCtx, input: unknown, expected: string): never {
  context.issues.push({ code: "custom", input, message: notExpected(expected)({ input }) });
  return z.NEVER;
}

export function notExpected(expected: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => `must be ${expected}, not ${show(input)}`;
}

function integerBetween(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return z.union([z.number(), z.string()], { error: notExpected(expected) })
    .transform((value, context): number => {
      const isText = typeof value === "string";
      const integer = isText && !/^\s*\+?\d{1,15}\s*$/.test(value) ? NaN : Number(value);
      if (Number.isSafeInteger(integer) && integer >= min && integer <= max) return integer;
      return refuse(context, value, expected);
    });
}

/** `true`, `"Yes"`, `"0"`, `1`…: what clients in several languages send for a flag. */
const lenientFlag = () => {
  const expected = `true, false, "yes", "no", or a whole number`;
  return z.union([z.boolean(), z.string(), z.number()], { error: notExpected(expected) })
    .transform((value, context): boolean => {
      if (typeof value === "boolean") return value;
      const flag = typeof value === "string" ? WORDS.get(value.trim().toLowerCase()) : value !== 0;
      const usable = typeof value === "string" || Number.isInteger(value);
      return flag !== undefined && usable ? flag : refuse(context, value, expected);
    });
};

const strictFlag = () => {
  const expected = "true or false";
  return z.union([z.boolean(), z.string()], { error: notExpected(expected) })
    .transform((value, context): boolean => {
      if (typeof value === "boolean") return value;
      const word = value.trim().toLowerCase();
      return word === "true" || word === "false"
        ? word === "true"
        : refuse(context, value, expected);
    });
};

/**
 * The parameters of a stream: unknown keys are the application's. Normalised: numbers are numbers
 * and flags are booleans afterwards.
 */
export const streamParams = z.looseObject({
  width: integerBetween(1, MAX_PICTURE_SIDE).optional()
    .describe(
      "Width in pixels that the processor gets; together with height. From the next keyframe on.",
    ),
  height: integerBetween(1, MAX_PICTURE_SIDE).optional()
    .describe("Height in pixels that the processor gets; together with width."),
  max_framerate: integerBetween(1, MAX_FRAMERATE).optional()
    .describe("Frames per second that reach the processor, 1 to 60."),
  detect_out_resolution: lenientFlag().optional()
    .describe("Whether the output takes the size of the processor's frames. Default: true."),
  show_loading: strictFlag().optional()
    .describe("Shows the loading overlay."),
  tone_map: strictFlag().optional()
    .describe(
      "Whether pictures of a high dynamic range (PQ, HLG) are mapped to BT.709. Default: true.",
    ),
  program: integerBetween(1, MAX_PROGRAM_NUMBER).optional()
    .describe(
      "Number of the program that is read of an MPEG-TS with several. Default: the first with video.",
    ),
}, { error: notExpected("a JSON object") }).check((context) => {
  const { width, height } = context.value;
  if ((width === undefined) === (height === undefined)) return;
  const [missing, given] = width === undefined ? ["width", "height"] : ["height", "width"];
  context.issues.push({
    code: "custom",
    input: context.value,
    path: [missing],
    message: `must be given together with ${given}`,
  });
}).meta({ title: "Params" });

/** The parameters of a stream after validation. */
export type ValidStreamParams = z.output<typeof streamParams>;

/**
 * Parameters as gateways pass them through: an object, a string that holds one as JSON, or null or
 * "" for none.
 */
export const passedParams = z.preprocess((value, context) => {
  if (value === undefined || value === null) return {};
  if (typeof value !== "string") return value;
  if (value.trim() === "") return {};
  const tooDeep = depthProblem(value);
  if (tooDeep !== undefined) {
    context.issues.push({ code: "custom", input: value, message: tooDeep });
    return z.NEVER;
  }
  try {
    return JSON.parse(value) ?? {};
  } catch {
    return value; // the object schema then says what it should have been
  }
}, streamParams);

/** What came of checking a body or message. */
export type Validated<T> =
  | { readonly ok: true; readonly value: T }
  /** `problem` names every field that is wrong and what it should be. */
  | { readonly ok: false; readonly problem: string };

/** Checks the body of a parameter update: the parameters themselves, or `{"params": {…}}`. */
export function validateParams(body: unknown): Validated<ValidStreamParams> {
  const isWrapped = typeof body === "object" && body !== null && Object.hasOwn(body, "params");
  return isWrapped
    ? toValidated(passedParams.safeParse((body as { params?: unknown }).params), "params")
    : toValidated(streamParams.safeParse(body), "body");
}

/** The parameters of an update; throws a `ConfigError` that says what is wrong with them. */
export function paramsOrThrow(message: unknown): ValidStreamParams {
  const checked = validateParams(message);
  if (checked.ok) return checked.value;
  throw new ConfigError("CONFIG_INVALID", `Cannot update the parameters: ${checked.problem}`);
}

export function toValidated<T>(result: z.ZodSafeParseResult<T>, root: string): Validated<T> {
  if (result.success) return { ok: true, value: result.data };
  const problems = result.error.issues.map(({ path, message }) =>
    `${path.length === 0 ? root : path.join(".")} ${message}`
  );
  return { ok: false, problem: problems.join("; ") };
}
