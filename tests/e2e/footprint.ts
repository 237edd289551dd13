/** What a process holds, as an operator sees it (Linux). */

import { descendants } from "./children.ts";
import { until } from "../waiting.ts";

/** What an operator sees of a process. */
export interface Footprint {
  readonly descriptors: number;
  /** ffmpeg processes below it. */
  readonly children: number;
  readonly threads: number;
  readonly residentBytes: number;
}

async function footprint(pid: number): Promise<Footprint> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return {
    descriptors: (await namesIn(`/proc/${pid}/fd`)).length,
    children: await countFfmpegs(pid),
    threads: (await namesIn(`/proc/${pid}/task`)).length,
    residentBytes: Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1]) * 1024,
  };
}

/** How many of the processes below one are ffmpeg. */
async function countFfmpegs(root: number): Promise<number> {
  // A thread that never yields does not hear that its child has ended, which then is a zombie.
  return (await descendants(root)).filter(({ name, state }) => name === "ffmpeg" && state !== "Z")
    .length;
}

async function namesIn(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
}

/** The same once its children have ended. */
export async function settledFootprint(pid: number): Promise<Footprint> {
  await until(async () => (await footprint(pid)).children === 0, "the end of all children");
  return await footprint(pid);
}
