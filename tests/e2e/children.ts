/** The ffmpeg children of a worker, found as an operator would find them. */

/** The process id of the child of `parent` whose command line holds `word`. */
export async function findChild(parent: number, word: string): Promise<number | undefined> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readIfThere(`/proc/${name}/stat`);
    // The fields after the name in parentheses: state, then the parent.
    const parentPid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (parentPid !== parent) continue;
    if ((await readIfThere(`/proc/${name}/cmdline`)).split("\0").includes(word)) {
      return Number(name);
    }
  }
  return undefined;
}

/** The text of a file below `/proc`; "" when its process has ended. */
export async function readIfThere(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    // A process may end between being listed and being looked at.
    if (error instanceof Deno.errors.NotFound || error instanceof Error && isGone(error)) return "";
    throw error;
  }
}

function isGone(error: Error): boolean {
  return "code" in error && error.code === "ESRCH";
}
