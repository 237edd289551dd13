/**
 * What files of the published package may not do: JSR's analyser refuses imports of text and bytes,
 * and a file that is reached by its URL is not seen by it, nor by `deno compile`.
 *
 * @module
 */

/** What one line of a file breaks. */
export interface PackageViolation {
  /** From 1. */
  readonly line: number;
  /** What is wrong, and what to do. */
  readonly rule: string;
}

/** Files that read where a module is, with the reason why an import cannot take its place. */
export const READS_MODULE_URLS: Readonly<Record<string, string>> = {
  "src/worker/isolation/link.ts": "a thread starts from the URL of its entry module",
  "src/worker/isolation/process/process_link.ts":
    "a process starts from the URL of its entry module",
  "src/worker/isolation/process/module_files.ts":
    "a confined process may read the files of the package, wherever they are",
  "src/cli/error_origin.ts": "stacks name modules by their URLs",
  "src/cli/options/processor_options.ts": "an isolated host is given its processor's module by URL",
  "src/cli/options/serve_permissions.ts": "an isolated host may read its processor's module",
  "src/cli/commands/bench.ts": "the benches are in a checkout only: they are not published",
  "src/inference/runtime/ort_runtime.ts":
    "a second copy of onnxruntime needs a URL of its own, in the same npm package",
};

/** Comments, strings and templates: what stands in them is not code. */
const NOT_CODE =
  /\/\/.*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;

const TEXT_IMPORT = /\bwith\s*:?\s*\{\s*["']?type["']?\s*:\s*["'](text|bytes)["']/g;

const MODULE_URL = /\bimport\.meta\.(?:url|resolve|dirname|filename)\b/g;

/** What a published file breaks, in the order of its lines; `path` is below the project's root. */
export function packageViolations(path: string, text: string): PackageViolation[] {
  // Line breaks stay, so that lines keep their numbers.
  const withoutComments = text.replaceAll(
    NOT_CODE,
    (found) => found.startsWith("/") ? blank(found) : found,
  );
  const code = text.replaceAll(NOT_CODE, blank);
  const violations = [...withoutComments.matchAll(TEXT_IMPORT)].map(({ index, 1: type }) => ({
    line: lineAt(text, index),
    rule: `a published file may not import ${type}: JSR refuses it; use a template in a .ts module`,
  }));
  if (path in READS_MODULE_URLS) return violations;
  const urls = [...code.matchAll(MODULE_URL)].map(({ index, 0: found }) => ({
    line: lineAt(text, index),
    rule: `a published file may not use ${found}: import the module, or give the reason in ` +
      "READS_MODULE_URLS",
  }));
  return [...violations, ...urls].sort((a, b) => a.line - b.line);
}

/**
 * Says which packages of deno.lock are not in deno.json; undefined where all are. Deno fetches each
 * package of the lockfile, and what only tests, scripts and examples need belongs into tests/deno.lock.
 */
export function lockViolation(config: string, lock: string): string | undefined {
  const { imports } = JSON.parse(config) as { imports: Readonly<Record<string, string>> };
  const { specifiers } = JSON.parse(lock) as { specifiers: Readonly<Record<string, string>> };
  const named = new Set(Object.values(imports));
  const others = Object.keys(specifiers).filter((specifier) => !named.has(specifier));
  if (others.length === 0) return undefined;
  return `deno.lock: every clone would fetch ${
    others.join(", ")
  }, which deno.json does not name: ` +
    "git checkout deno.lock, and use ./runnel test, or --lock=tests/deno.lock";
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, " ");
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
