/**
 * The import graph of the project's own files, as Deno sees it.
 *
 * @module
 */

import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** One import of one file by another, both as paths below the root. */
export interface Import {
  /** The importing file. */
  readonly from: string;
  /** The imported file. */
  readonly to: string;
  /** Where the import stands in the importing file, from 1. */
  readonly line: number;
}

/** The parts of `deno info --json` that are read here. */
interface ModuleInfo {
  readonly specifier: string;
  readonly error?: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: ResolvedImport;
    readonly type?: ResolvedImport;
  }[];
}

interface ResolvedImport {
  readonly specifier?: string;
  readonly error?: string;
  readonly span: { readonly start: { readonly line: number } };
}

/**
 * Lists the imports of `mod.ts` and all of `src/`, of types too. Throws an `Error` where a file cannot
 * be parsed or an import leads nowhere.
 */
export async function readImports(root: string): Promise<Import[]> {
  const imports: Import[] = [];
  for (const module of await readModules(root)) {
    if (module.error !== undefined) throw new Error(`Cannot read the imports: ${module.error}`);
    const from = pathBelow(root, module.specifier);
    if (from === undefined || !isChecked(from)) continue;
    for (const dependency of module.dependencies ?? []) {
      const target = dependency.code ?? dependency.type;
      if (target === undefined) continue;
      const line = target.span.start.line + 1;
      if (target.specifier === undefined) {
        throw new Error(`Cannot resolve the import in ${from}:${line}: ${target.error}`);
      }
      const to = pathBelow(root, target.specifier);
      if (to !== undefined) imports.push({ from, to, line });
    }
  }
  return imports;
}

/** The modules of a program that imports everything, so that one call to Deno sees all of them. */
async function readModules(root: string): Promise<readonly ModuleInfo[]> {
  const folder = await Deno.makeTempDir({ prefix: "runnel-imports-" });
  try {
    const entry = join(folder, "everything.ts");
    const files = await sourceFiles(root);
    const lines = files.map((path) => `import ${JSON.stringify(pathToFileURL(join(root, path)))};`);
    await Deno.writeTextFile(entry, lines.join("\n"));
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-lock", "--config", join(root, "deno.json"), entry],
      stdin: "null",
    }).output();
    if (!output.success) {
      throw new Error(`Cannot read the imports: ${new TextDecoder().decode(output.stderr)}`);
    }
    const info: { modules: ModuleInfo[] } = JSON.parse(new TextDecoder().decode(output.stdout));
    return info.modules;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** `mod.ts` and every TypeScript file below `src/`, in order. */
export async function sourceFiles(root: string): Promise<string[]> {
  const found = ["mod.ts"];
  const folders = ["src"];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const entry of Deno.readDir(join(root, folder))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) folders.push(path);
      else if (entry.name.endsWith(".ts")) found.push(path);
    }
  }
  return found.sort();
}

function isChecked(path: string): boolean {
  return path === "mod.ts" || path.startsWith("src/");
}

function pathBelow(root: string, specifier: string): string | undefined {
  if (!specifier.startsWith("file:")) return undefined;
  const path = relative(root, fileURLToPath(specifier)).replaceAll("\\", "/");
  return path.startsWith("links/") ? undefined : path;
}
