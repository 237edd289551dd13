/**
 * The ffmpeg below another process, and their end. What a process says of its children may be wrong, and a
 * number may be another process's by now: `/proc` is asked.
 *
 * @module
 */

import { processTree, startOf } from "./proc.ts";

/** A process that was there at one moment. */
export interface RunningFfmpeg {
  readonly pid: number;
  /** When it started, in ticks since the machine did: no other process has both. */
  readonly startTicks: number;
}

/** The ffmpeg that a process started, as far as `/proc` tells; none where it does not. */
export function ffmpegBelow(pid: number): RunningFfmpeg[] {
  return processTree(pid).slice(1).flatMap((below) => {
    const found = startOf(below);
    return found !== undefined && /ffmpeg/.test(found.name)
      ? [{ pid: below, startTicks: found.startTicks }]
      : [];
  });
}

/** Ends one that is still the same process. One that may not be ended ends with its pipes. */
export function endFfmpeg({ pid, startTicks }: RunningFfmpeg): void {
  if (startOf(pid)?.startTicks !== startTicks) return;
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable)) {
      throw error;
    }
  }
}
