// deno-lint-ignore-file no-console -- a script speaks to the terminal
/**
 * Checks that imports between rooms follow DESIGN's table, that no files import each other in a circle,
 * that published files are fit for JSR, and that deno.lock has no package that only tests need:
 * `deno run -A scripts/check_imports.ts`. Prints each violation with file, line and rule.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Import, readImports, sourceFiles } from "./import_graph.ts";
import { brokenRule } from "./import_rules.ts";
import { lockViolation, packageViolations } from "./package_rules.ts";

/** The violations of a project, one line each; empty when there is none. */
export async function checkImports(root: string): Promise<string[]> {
  const imports = await readImports(root);
  const violations = imports.flatMap(({ from, to, line }) => {
    const rule = brokenRule(from, to);
    return rule === undefined ? [] : [`${from}:${line}: ${rule}`];
  });
  return [...violations, ...findCycles(imports), ...await checkFiles(root)];
}

/** What deno.lock has too much, if it has. */
export async function checkLock(root: string): Promise<string[]> {
  const [config, lock] = await Promise.all(
    ["deno.json", "deno.lock"].map((name) => Deno.readTextFile(join(root, name))),
  );
  const violation = lockViolation(config!, lock!);
  return violation === undefined ? [] : [violation];
}

/** What the published files break, one line each. */
async function checkFiles(root: string): Promise<string[]> {
  const violations = await Promise.all((await sourceFiles(root)).map(async (path) => {
    const found = packageViolations(path, await Deno.readTextFile(join(root, path)));
    return found.map(({ line, rule }) => `${path}:${line}: ${rule}`);
  }));
  return violations.flat();
}

/** One line for each circle that a depth-first walk comes upon. */
function findCycles(imports: readonly Import[]): string[] {
  const outgoing = Map.groupBy(imports, ({ from }) => from);
  const cycles: string[] = [];
  const finished = new Set<string>();
  const path: string[] = [];

  function visit(file: string): void {
    path.push(file);
    for (const { to, line } of outgoing.get(file) ?? []) {
      const start = path.indexOf(to);
      if (start >= 0) {
        cycles.push(`${file}:${line}: import cycle: ${[...path.slice(start), to].join(" -> ")}`);
      } else if (!finished.has(to)) {
        visit(to);
      }
    }
    path.pop();
    finished.add(file);
  }

  for (const file of outgoing.keys()) if (!finished.has(file)) visit(file);
  return cycles;
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const violations = [...await checkImports(root), ...await checkLock(root)];
  for (const violation of violations) console.error(violation);
  console.log(`imports: ${violations.length} violations`);
  if (violations.length > 0) Deno.exit(1);
}
