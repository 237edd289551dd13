/** A process as `/proc` shows it (Linux). */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** Of its program, such as "ffmpeg". */
  readonly name: string;
  /** "Z" for one that has ended and that its parent has not asked for yet. */
  readonly state: string;
}

/** All processes below one, in any depth. */
export async function descendants(root: number): Promise<ProcessEntry[]> {
  const all = new Map<number, ProcessEntry>();
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readIfThere(`/proc/${name}/stat`);
    const [program, rest] = [stat.indexOf("("), stat.lastIndexOf(")")];
    if (rest < 0) continue;
    const [state, parent] = stat.slice(rest + 2).split(" ");
    const entry = { name: stat.slice(program + 1, rest), state: state!, parent: Number(parent) };
    all.set(Number(name), { pid: Number(name), ...entry });
  }
  const isBelow = (entry: ProcessEntry | undefined): boolean =>
    entry !== undefined && (entry.parent === root || isBelow(all.get(entry.parent)));
  return [...all.values()].filter(isBelow);
}

/** A process below another that has a word among its arguments (Linux). */
export async function findDescendant(root: number, word: string): Promise<number | undefined> {
  for (const { pid } of await descendants(root)) {
    const words = (await readIfThere(`/proc/${pid}/cmdline`)).split("\0");
    if (words.includes(word)) return pid;
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
  return /\(os error 3\)/.test(error.message); // ESRCH: Deno gives it no class and no code
}
