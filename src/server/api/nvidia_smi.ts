/**
 * What `nvidia-smi --query-gpu` says, for `/hardware/*`: specs/LIVEPEER.md section 2.
 *
 * @module
 */

import { childEnvironment } from "../../base/process/child_environment.ts";
import { type Clock, describeError, roomLogger } from "../../base/mod.ts";

const log = roomLogger("server");

/** The columns that are asked for, in order. */
const COLUMNS = [
  "index",
  "uuid",
  "name",
  "memory.total",
  "memory.free",
  "compute_cap",
  "utilization.gpu",
  "utilization.memory",
] as const;

const QUERY_TIMEOUT_MS = 3_000;

/** `memory.*` without units is in MiB. */
const BYTES_PER_MIB = 1 << 20;

/** One GPU at one moment; null where the driver does not say. */
export interface GpuReading {
  readonly index: number;
  /** The GPU's UUID. */
  readonly id: string;
  readonly name: string;
  readonly memoryTotalBytes: number | null;
  readonly memoryFreeBytes: number | null;
  /** CUDA compute capability, 9.0 as 9 and 0. */
  readonly major: number | null;
  readonly minor: number | null;
  /** Share of the last sample in which a kernel ran, in percent. */
  readonly computePercent: number | null;
  /** Share of the last sample in which memory was read or written, in percent. */
  readonly memoryPercent: number | null;
}

/**
 * Reads the CSV that {@linkcode queryGpus} asks for, one GPU a line. Lines that are none, such as a
 * driver's message, are left out; `[N/A]` and the like become null.
 */
export function parseGpuCsv(text: string): GpuReading[] {
  return text.split("\n").map(parseLine).filter((reading) => reading !== undefined);
}

function parseLine(line: string): GpuReading | undefined {
  const cells = line.split(",").map((cell) => cell.trim());
  // A name may hold commas; everything around it cannot.
  const nameEnd = cells.length - (COLUMNS.length - 3);
  if (nameEnd < 3 || !/^\d{1,4}$/.test(cells[0]!)) return undefined;
  const [total, free, capability, compute, memory] = cells.slice(nameEnd);
  const [major, minor] = (capability ?? "").split(".");
  return {
    index: Number(cells[0]),
    id: cells[1]!,
    name: cells.slice(2, nameEnd).join(", "),
    memoryTotalBytes: bytesOf(total),
    memoryFreeBytes: bytesOf(free),
    major: numberOf(major),
    minor: numberOf(minor),
    computePercent: numberOf(compute),
    memoryPercent: numberOf(memory),
  };
}

function numberOf(cell: string | undefined): number | null {
  return cell !== undefined && /^\d{1,12}(\.\d+)?$/.test(cell) ? Number(cell) : null;
}

function bytesOf(cell: string | undefined): number | null {
  const mib = numberOf(cell);
  return mib === null ? null : mib * BYTES_PER_MIB;
}

/** Asks `nvidia-smi` on PATH; none where it is not there, fails or hangs. */
export async function queryGpus(clock: Clock): Promise<GpuReading[]> {
  const timeout = new AbortController();
  const cancel = clock.schedule(QUERY_TIMEOUT_MS, () => timeout.abort());
  try {
    const command = new Deno.Command("nvidia-smi", {
      args: [`--query-gpu=${COLUMNS.join(",")}`, "--format=csv,noheader,nounits"],
      ...childEnvironment(),
      stdin: "null",
      stdout: "piped",
      stderr: "null",
      signal: timeout.signal,
    });
    const { success, code, stdout } = await command.output();
    if (success) return parseGpuCsv(new TextDecoder().decode(stdout));
    log.debug("nvidia-smi ended with code {code}", { code });
  } catch (error) {
    log.debug("nvidia-smi does not run: {reason}", { reason: describeError(error) });
  } finally {
    cancel();
  }
  return [];
}
