/**
 * What a child may take of the machine, whatever comes in: memory and open files, with `prlimit` of
 * util-linux where it is. Processor time has no such limit, since that counts over the whole life of a child and
 * would end healthy streams: `child_watch.ts` ends a child that computes and gives nothing.
 *
 * @module
 */

import { childEnvironment } from "../../../base/process/child_environment.ts";
import { roomLogger } from "../../../base/log.ts";

const log = roomLogger("codec");

/** A child has about ten open. */
const OPEN_FILES = 256;
/** Eight times what pictures of 8K take in a decoder or encoder. */
const MEMORY_BYTES = 4 * 2 ** 30;
/** The stack and the heap of a thread, of which x264 has three for two processors. */
const THREAD_BYTES = 32 * 2 ** 20;

/** Whether `prlimit` is there; undefined until it was asked. */
let isThere: boolean | undefined;

/** The limits of a child with these arguments, as `prlimit` takes them. */
export function childLimits(args: readonly string[]): string[] {
  const memory = MEMORY_BYTES + navigator.hardwareConcurrency * THREAD_BYTES;
  // A driver maps much more than it uses.
  const usesCard = args.some((arg) => arg === "cuda" || arg.endsWith("_nvenc"));
  return [`--nofile=${OPEN_FILES}`, "--core=0", ...(usesCard ? [] : [`--data=${memory}`])];
}

/**
 * Limits a child that was started a moment ago. Resolves when that is done, or cannot be; a failure is
 * logged. Without `prlimit` there are no limits.
 */
export async function limitChild(pid: number, args: readonly string[]): Promise<void> {
  if (Deno.build.os !== "linux" || isThere === false) return;
  try {
    const { success, stderr } = await new Deno.Command("prlimit", {
      args: ["--pid", `${pid}`, ...childLimits(args)],
      ...childEnvironment(),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    isThere = true;
    if (!success) log.debug(`Cannot limit ffmpeg ${pid}: ${new TextDecoder().decode(stderr)}`);
  } catch (error) {
    isThere = false;
    log.debug(`ffmpeg has no limits: ${error instanceof Error ? error.message : error}`);
  }
}
