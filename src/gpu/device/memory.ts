/**
 * How much GPU memory this process uses: what its pools hold, and what the driver reports.
 *
 * @module
 */

import { childEnvironment } from "../../base/child_environment.ts";
import { systemClock } from "../../base/clock.ts";
import { describeError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import { currentGpu } from "./shared_gpu.ts";

/** Memory in bytes. */
export interface GpuMemory {
  /** What the shared device's buffers take: those in use, those idle, those for readback. */
  readonly poolBytes: number;
  /** What NVIDIA's driver says this process uses, models too; absent where it says nothing. */
  readonly processBytes?: number;
}

/** How the driver is asked. */
export interface GpuMemoryOptions {
  /** NVIDIA's program. @default "nvidia-smi" */
  readonly program?: string;
  /** How long the program may take: on machines with many cards it is slow. @default 5000 */
  readonly timeoutMs?: number;
}

const LOG = roomLogger("gpu");

/** Programs that are not installed; each search costs a system call for each folder of PATH. */
const missingPrograms = new Set<string>();

/** Adds up what the shared device holds, and asks the driver where its program is. Never rejects. */
export async function gpuMemory(options: GpuMemoryOptions = {}): Promise<GpuMemory> {
  const stats = currentGpu()?.stats;
  const poolBytes = stats === undefined
    ? 0
    : stats.pool.inUseBytes + stats.pool.idleBytes + stats.readback.bytes;
  const table = await askDriver(options);
  const processBytes = table === undefined ? undefined : parseComputeApps(table, Deno.pid);
  return processBytes === undefined ? { poolBytes } : { poolBytes, processBytes };
}

/**
 * The bytes of one process in the output of `nvidia-smi --query-compute-apps=pid,used_memory
 * --format=csv,noheader,nounits`: "1234, 512" a line, in MiB, one line a card; `undefined` where the
 * process is not in it or the driver does not say how much it uses.
 */
export function parseComputeApps(table: string, pid: number): number | undefined {
  const amounts = table.split("\n")
    .map((line) => line.split(",").map((field) => field.trim()))
    .filter(([listed, used]) => listed === String(pid) && /^\d+$/.test(used ?? ""))
    .map(([, used]) => Number(used) * 2 ** 20);
  return amounts.length === 0 ? undefined : amounts.reduce((sum, bytes) => sum + bytes, 0);
}

async function askDriver(
  { program = "nvidia-smi", timeoutMs = 5000 }: GpuMemoryOptions,
): Promise<string | undefined> {
  if (missingPrograms.has(program)) return undefined;
  const timeout = new AbortController();
  const cancel = systemClock.schedule(timeoutMs, () => timeout.abort());
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args: ["--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"],
      ...childEnvironment(),
      signal: timeout.signal,
      stdin: "null",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (error) {
    // Without the driver only the bytes of the pools are known; metrics must not fail.
    missingPrograms.add(program);
    if (!(error instanceof Deno.errors.NotFound)) {
      LOG.warn("{program} is not asked any more: {reason}", {
        program,
        reason: describeError(error),
      });
    }
    return undefined;
  } finally {
    cancel();
  }
}
