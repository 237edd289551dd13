/**
 * What the processes of a worker use, by what they do (Linux: from `/proc`).
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { processTree } from "../src/media/codec/child/proc.ts";

/** What a process of a worker is for. */
export type ProcessRole = "worker" | "decoders" | "encoders" | "transcoders";

/** CPU time in seconds since the start of the processes, and memory in bytes (proportional set size). */
export interface Usage {
  readonly processes: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

/** Adds up the process and all below it; roles without a process are absent. */
export async function processUsage(pid: number): Promise<Map<ProcessRole, Usage>> {
  const usages = new Map<ProcessRole, Usage>();
  for (const id of processTree(pid)) {
    const seen = await look(id);
    if (seen === undefined) continue; // it has ended meanwhile
    const role = id === pid ? "worker" : roleOf(seen.commandLine);
    const sum = usages.get(role) ?? { processes: 0, cpuSeconds: 0, memoryBytes: 0 };
    usages.set(role, {
      processes: sum.processes + 1,
      cpuSeconds: sum.cpuSeconds + seen.cpuSeconds,
      memoryBytes: sum.memoryBytes + seen.memoryBytes,
    });
  }
  return usages;
}

async function look(
  pid: number,
): Promise<{ commandLine: string } & Omit<Usage, "processes"> | undefined> {
  const [stat, rollup, commandLine] = await Promise.all(
    ["stat", "smaps_rollup", "cmdline"].map((name) => readText(`/proc/${pid}/${name}`)),
  );
  if (stat === "") return undefined;
  // The name in parentheses may hold anything; utime and stime are fields 14 and 15 (proc(5)).
  const fields = stat!.slice(stat!.lastIndexOf(")") + 2).split(" ");
  return {
    commandLine: commandLine!.replaceAll("\0", " "),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond(),
    memoryBytes: Number(/^Pss:\s*(\d+) kB/m.exec(rollup!)?.[1] ?? 0) * 1024,
  };
}

function roleOf(commandLine: string): ProcessRole {
  if (/ -c:v rawvideo /.test(commandLine)) return "decoders";
  return / -c:v /.test(commandLine) ? "encoders" : "transcoders";
}

/** Empty for a process that is gone. */
async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return "";
  }
}

let ticks: number | undefined;

/** The unit of CPU times in `/proc`. */
function ticksPerSecond(): number {
  ticks ??= Number(execFileSync("getconf", ["CLK_TCK"]).toString());
  return ticks;
}
