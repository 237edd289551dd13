/**
 * The code of a pixel shader: the user's own first, so that the compiler counts its lines as the
 * user does, then what calls it.
 *
 * @module
 */

import { GpuError } from "../../base/errors.ts";
import { PIXEL_SHADER_WGSL, PIXELS_WGSL } from "./pixel_shader_wgsl.ts";
import { paramsStruct, type ShaderParams } from "./shader_params.ts";
import { type Declaration, scanWgsl, type TextPlace } from "./wgsl.ts";

/** The code of a user's shader. */
export interface ShaderCode {
  /** Its name in errors. */
  readonly name: string;
  /** The user's code. */
  readonly wgsl: string;
  /** The fields of `struct Params`. */
  readonly params: ShaderParams;
}

/** The signature that a shader's function must have. */
export const PROCESS_SIGNATURE =
  "fn process(pixel: vec4f, position: vec2f, params: Params) -> vec4f";

/** Names that are declared for user code. */
const HELPERS: ReadonlySet<string> = new Set(["Params", "Frame", "frame", "load", "sample"]);

/** Built-in names that Runnel's part of the shader uses: user code must not redefine them. */
const BUILT_IN: ReadonlySet<string> = new Set(
  ("array bitcast bool clamp extractBits f32 floor i32 mix select u32 vec2f vec2i vec2u vec3i " +
    "vec3u vec4f vec4i vec4u").split(" "),
);

/** The most characters of the compiler's notes that an error shows. */
const MAX_REASON = 400;

/** The whole module. */
export function shaderModuleCode({ wgsl, params }: ShaderCode): string {
  return [wgsl, paramsStruct(params), PIXELS_WGSL, PIXEL_SHADER_WGSL].join("\n");
}

/**
 * Throws a {@linkcode GpuError} of code `GPU_SHADER` for what is wrong with the code before it is
 * compiled: no `process`, a name that is taken, a binding of its own.
 */
export function checkShaderCode(code: ShaderCode): void {
  const { declarations, attributes, unclosed } = scanWgsl(code.wgsl);
  if (unclosed !== undefined) {
    throw shaderError(code, `this "${unclosed.text}" is never closed`, unclosed);
  }
  for (const declaration of declarations) checkDeclaration(code, declaration);
  const binding = attributes.find(({ name }) => name === "group" || name === "binding");
  if (binding !== undefined) {
    throw shaderError(
      code,
      "it binds a resource, but a shader may only use the picture and its params",
      binding,
    );
  }
  if (findProcess(declarations) === undefined) {
    throw shaderError(code, `it has no function process; declare ${PROCESS_SIGNATURE}`);
  }
}

function checkDeclaration(code: ShaderCode, declaration: Declaration): void {
  const { keyword, name } = declaration;
  if (HELPERS.has(name) || /^runnel/i.test(name)) {
    throw shaderError(code, `the name ${name} is Runnel's; choose another`, declaration);
  }
  if (BUILT_IN.has(name)) {
    throw shaderError(code, `the name ${name} is built into WGSL; choose another`, declaration);
  }
  if (keyword === "override") {
    throw shaderError(
      code,
      `nothing sets the override ${name}; make it a const, or a parameter`,
      declaration,
    );
  }
}

/** Turns a message of the compiler into an error about the user's code. */
export function compileError(code: ShaderCode, message: GPUCompilationMessage): GpuError {
  const drawing = message.message;
  const reason = describeMessage(drawing);
  const userLines = code.wgsl.split("\n");
  if (message.lineNum <= userLines.length) {
    const place = message.lineNum === 0 ? undefined : innermostPlace(drawing, userLines) ??
      { line: message.lineNum, column: message.linePos };
    return shaderError(code, reason, place, drawing);
  }
  // The fields of struct Params are a line each, after the user's code and the struct's first line.
  const param = Object.keys(code.params)[message.lineNum - userLines.length - 2];
  if (param !== undefined) {
    return shaderError(
      code,
      `a parameter cannot be named ${param} in WGSL (${reason})`,
      undefined,
      drawing,
    );
  }
  return shaderError(
    code,
    `process has to be ${PROCESS_SIGNATURE} (${reason})`,
    findProcess(scanWgsl(code.wgsl).declarations),
    drawing,
  );
}

/** An error of code `GPU_SHADER` that shows the line it is in. */
export function shaderError(
  { name, wgsl }: ShaderCode,
  reason: string,
  place?: TextPlace,
  details: string = reason,
): GpuError {
  const text = place && wgsl.split("\n")[place.line - 1]?.trim();
  const where = place === undefined
    ? ""
    : ` (line ${place.line}, column ${place.column}: ${JSON.stringify(text)})`;
  return new GpuError("GPU_SHADER", `Cannot compile the shader ${name}: ${reason}${where}`, {
    context: {
      shader: name,
      ...place && { line: place.line, column: place.column, text },
      details,
    },
  });
}

function findProcess(declarations: readonly Declaration[]): Declaration | undefined {
  return declarations.find(({ keyword, name }) => keyword === "fn" && name === "process");
}

/** The first line of the compiler's message and its notes, without the drawing between. */
function describeMessage(drawing: string): string {
  const lines = drawing.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const headline = (lines[0] ?? "unknown").replace(/^Shader (?:'.*?' )?\w+ error: /, "");
  const notes = lines.filter((line) => line.startsWith("= "))
    .map((line) => line.slice(2).replace(/^note: /, ""));
  const isOfWhole = /^(?:Function|Entry point) .* is invalid$/.test(headline);
  return (isOfWhole && notes.length > 0 ? notes : [headline, ...notes]).join("; ")
    // The compiler's own numbers of types and functions.
    .replaceAll(/ Some\(\[\d+\]\)/g, "").replaceAll(/Call to \[\d+\]/g, "the call")
    .slice(0, MAX_REASON);
}

/**
 * The exact place that a message about a whole function means: its drawing underlines that place with
 * carets, while the position of the message is that of the function.
 */
function innermostPlace(drawing: string, userLines: readonly string[]): TextPlace | undefined {
  const lines = drawing.split("\n");
  if (!lines.some((line) => line.includes("╭"))) return undefined;
  for (const [index, line] of lines.entries()) {
    const number = /^\s*(\d+) │/.exec(line)?.[1];
    const caret = lines[index + 1]?.indexOf("^") ?? -1;
    if (number === undefined || caret < 0 || lines[index + 1]!.includes("╰")) continue;
    const text = userLines[Number(number) - 1];
    if (text === undefined) return undefined;
    // The drawing may have replaced tabs: then its carets do not give the column.
    const column = line.endsWith(text)
      ? caret - (line.length - text.length) + 1
      : text.length - text.trimStart().length + 1;
    return { line: Number(number), column };
  }
  return undefined;
}
