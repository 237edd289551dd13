/**
 * The files that a module is made of: what a process needs to read to import it.
 *
 * @module
 */

import { describeError, roomLogger } from "../../../base/mod.ts";

const log = roomLogger("worker");

/** The part of what `deno info --json` prints that is used here. */
interface ModuleGraph {
  readonly modules?: readonly { readonly local?: string | null; readonly specifier?: string }[];
  readonly npmPackages?: Readonly<Record<string, { readonly localPath?: string | null }>>;
}

/** Where Runnel itself is, as long as it is in a folder. */
const OWN_ROOT = new URL("../../../../", import.meta.url);

/**
 * The paths of the modules that these modules import, themselves and the folders of npm packages
 * included. What cannot be found out is left out: the import fails then, and says what it lacks.
 */
export async function moduleFiles(modules: readonly string[]): Promise<string[]> {
  const graphs = await Promise.all(modules.map(readGraph));
  const roots = modules.flatMap((module) => {
    const url = URL.parse(module);
    return url?.protocol === "file:" ? [pathOf(url)] : [];
  });
  const paths = graphs.flatMap(({ modules = [], npmPackages = {} }) => [
    ...modules.flatMap(({ local, specifier }) =>
      typeof local === "string" && specifier?.startsWith("file:") ? [local] : []
    ),
    ...Object.values(npmPackages).flatMap(({ localPath }) => localPath ?? []),
  ]);
  const own = ownFolders();
  const others = [...roots, ...paths].filter((path) =>
    !own.some((folder) => path.startsWith(folder))
  );
  return [...new Set([...own, ...others])];
}

/** Runnel's own modules: named one by one they would fill the command line. */
function ownFolders(): string[] {
  if (OWN_ROOT.protocol !== "file:") return [];
  return ["src/", "links/", "mod.ts", "deno.json"].map((name) => pathOf(new URL(name, OWN_ROOT)));
}

async function readGraph(module: string): Promise<ModuleGraph> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", ...configOption(), module],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
    return JSON.parse(new TextDecoder().decode(stdout)) as ModuleGraph;
  } catch (error) {
    const reason = describeError(error);
    log.warn("Cannot find out what {module} imports: {reason}", { module, reason });
    return {};
  }
}

/** Deno takes the configuration beside the module that is run, which is Runnel's. */
function configOption(): string[] {
  return OWN_ROOT.protocol === "file:" ? ["--config", pathOf(new URL("deno.json", OWN_ROOT))] : [];
}

function pathOf(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.slice(1) : path;
}
