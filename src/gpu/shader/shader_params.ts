/**
 * The parameters of a shader: what they may be, where they are in the uniforms, and how they become
 * the fields of its `struct Params`.
 *
 * @module
 */

/** A parameter of a shader: a number, or a vector of two to four. */
export interface ShaderParam {
  /** Its type in the shader. */
  readonly type: "f32" | "i32" | "u32" | "vec2f" | "vec3f" | "vec4f";
  /** Its value until it is changed: a number, or for a vector a list of its numbers. */
  readonly default: number | readonly number[];
  /** The smallest value of each number. @default the smallest of its type */
  readonly min?: number;
  /** The largest value of each number. @default the largest of its type */
  readonly max?: number;
}

/** Parameters by their names. */
export type ShaderParams = Readonly<Record<string, ShaderParam>>;

/** Values by the names of their parameters. */
export type ShaderValues = Readonly<Record<string, number | readonly number[]>>;

interface TypeLayout {
  /** How many numbers it has. */
  readonly count: number;
  /** What its offset is a multiple of, by WGSL's rules for uniforms. */
  readonly alignBytes: number;
  /** The range of its whole numbers; absent where it takes fractions. */
  readonly whole?: readonly [min: number, max: number];
}

const TYPES: Readonly<Record<ShaderParam["type"], TypeLayout>> = {
  f32: { count: 1, alignBytes: 4 },
  i32: { count: 1, alignBytes: 4, whole: [-(2 ** 31), 2 ** 31 - 1] },
  u32: { count: 1, alignBytes: 4, whole: [0, 2 ** 32 - 1] },
  vec2f: { count: 2, alignBytes: 8 },
  vec3f: { count: 3, alignBytes: 16 },
  vec4f: { count: 4, alignBytes: 16 },
};

/** The greatest f32. */
const MAX_F32 = 3.4028234663852886e38;

/** A struct may not be empty: this stands in one without parameters. */
const PLACEHOLDER = "runnel_unused";

/**
 * Throws a `TypeError` or `RangeError` that names the parameter where a name is no identifier, a
 * type is unknown, a range is empty or a default is not in it.
 */
export function checkShaderParams(params: ShaderParams): void {
  for (const [name, param] of Object.entries(params)) {
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) {
      throw new TypeError(
        `Cannot name a parameter of a shader "${name}": use ASCII letters, digits and _`,
      );
    }
    if (!Object.hasOwn(TYPES, param.type)) {
      throw new TypeError(
        `Cannot make the parameter ${name} a "${param.type}": use ${Object.keys(TYPES).join(", ")}`,
      );
    }
    const { min, max } = rangeOf(param);
    if (!(min <= max)) {
      throw new RangeError(`Cannot take the parameter ${name} from ${min} to ${max}: swap them`);
    }
    checkShaderValue(name, param, param.default);
  }
}

/**
 * The values with those that are given under the names of parameters in their places; other names
 * are others' parameters. Throws a `TypeError` for what is not of a parameter's type, a
 * `RangeError` for what is out of its range; `current` is never changed.
 */
export function readShaderValues(
  params: ShaderParams,
  given: Readonly<Record<string, unknown>>,
  current: ShaderValues,
): ShaderValues {
  const values = { ...current };
  for (const [name, param] of Object.entries(params)) {
    if (Object.hasOwn(given, name) && given[name] !== undefined) {
      values[name] = checkShaderValue(name, param, given[name]);
    }
  }
  return values;
}

/** The values until others come. */
export function defaultShaderValues(params: ShaderParams): ShaderValues {
  return Object.fromEntries(Object.entries(params).map(([name, param]) => [name, param.default]));
}

/** The fields of the parameters, a line each, in WGSL. */
export function paramsStruct(params: ShaderParams): string {
  const fields = Object.entries(params).map(([name, { type }]) => `  ${name}: ${type},`);
  return ["struct Params {", ...fields.length > 0 ? fields : [`  ${PLACEHOLDER}: u32,`], "}"]
    .join("\n");
}

/** The bytes that `struct Params` takes. */
export function paramsBytes(params: ShaderParams): number {
  return Math.ceil(placeParams(params, () => {}) / 16) * 16 || 16;
}

/** Writes the values where `struct Params` has them, `offset` bytes into the uniforms. */
export function writeShaderValues(
  params: ShaderParams,
  values: ShaderValues,
  uniforms: { readonly view: DataView; readonly offset: number },
): void {
  const { view, offset } = uniforms;
  placeParams(params, (name, { type }, at) => {
    const value = values[name] ?? params[name]!.default;
    const numbers = typeof value === "number" ? [value] : value;
    numbers.forEach((number, index) => {
      const place = offset + at + index * 4;
      if (type === "i32") view.setInt32(place, number, true);
      else if (type === "u32") view.setUint32(place, number, true);
      else view.setFloat32(place, number, true);
    });
  });
}

/** Visits the parameters with their offsets, and returns the end of the last one. */
function placeParams(
  params: ShaderParams,
  visit: (name: string, param: ShaderParam, offset: number) => void,
): number {
  let end = 0;
  for (const [name, param] of Object.entries(params)) {
    const { alignBytes, count } = TYPES[param.type];
    const offset = Math.ceil(end / alignBytes) * alignBytes;
    visit(name, param, offset);
    end = offset + count * 4;
  }
  return end;
}

function checkShaderValue(
  name: string,
  param: ShaderParam,
  value: unknown,
): number | readonly number[] {
  const { count, whole } = TYPES[param.type];
  const numbers: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isShape = Array.isArray(value) === (count > 1) && numbers.length === count;
  if (!isShape || !numbers.every((number) => isNumber(number, whole !== undefined))) {
    throw new TypeError(
      `Cannot set ${name} to ${JSON.stringify(value)}: use ${describeParam(param)}`,
    );
  }
  const { min, max } = rangeOf(param);
  if (!numbers.every((number) => Number(number) >= min && Number(number) <= max)) {
    throw new RangeError(
      `Cannot set ${name} to ${JSON.stringify(value)}: use ${describeParam(param)}`,
    );
  }
  return count === 1 ? Number(value) : Object.freeze(numbers.map(Number));
}

function isNumber(value: unknown, whole: boolean): boolean {
  return whole ? Number.isInteger(value) : Number.isFinite(value);
}

function rangeOf(param: ShaderParam): { readonly min: number; readonly max: number } {
  const [least, greatest] = TYPES[param.type].whole ?? [-MAX_F32, MAX_F32];
  return {
    min: Math.max(param.min ?? least, least),
    max: Math.min(param.max ?? greatest, greatest),
  };
}

/** For errors, such as "three numbers from 0 to 1". */
function describeParam(param: ShaderParam): string {
  const { count, whole } = TYPES[param.type];
  const noun = count === 1
    ? `a ${whole === undefined ? "" : "whole "}number`
    : `a list of ${count} numbers`;
  const { min, max } = param;
  const least = min ?? whole?.[0];
  const greatest = max ?? whole?.[1];
  return noun + (least === undefined ? "" : ` from ${least}`) +
    (greatest === undefined ? "" : ` ${least === undefined ? "up " : ""}to ${greatest}`);
}
