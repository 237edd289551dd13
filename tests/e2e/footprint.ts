/** What a process holds, as an operator sees it (Linux). */

import { until } from "./harness.ts";

/** What an operator sees of a process. */
export interface Footprint {
  readonly descriptors: number;
  readonly children: number;
  readonly threads: number;
  readonly residentBytes: number;
}

async function footprint(pid: number): Promise<Footprint> {
  const names = async (path: string): Promise<string[]> =>
    (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
  const tasks = await names(`/proc/${pid}/task`);
  const children = await Promise.all(
    tasks.map((task) => Deno.readTextFile(`/proc/${pid}/task/${task}/children`)),
  );
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return {
    descriptors: (await names(`/proc/${pid}/fd`)).length,
    children: children.join(" ").split(" ").filter((child) => child.trim() !== "").length,
    threads: tasks.length,
    residentBytes: Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1]) * 1024,
  };
}

/** The same once its children have ended. */
export async function settledFootprint(pid: number): Promise<Footprint> {
  await until(async () => (await footprint(pid)).children === 0, "the end of all children");
  return await footprint(pid);
}
