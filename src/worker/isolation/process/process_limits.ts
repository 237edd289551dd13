/**
 * What the process of a stream may take of the machine, with `prlimit` of util-linux where it is.
 *
 * @module
 */

import { describeError, mayHaveNvidiaCard, roomLogger } from "../../../base/mod.ts";

const log = roomLogger("worker");

/** What Deno reserves and never uses counts, too, in MiB: 540 with Deno 2.9. */
const RESERVED_MB = 640;

let isSaid = false;

/**
 * Limits the memory of a process that was started a moment ago, in MiB, that outside of the heap included.
 * Beside a card, and without `prlimit`, only the heap has a limit, which is said once.
 */
export async function limitProcess(pid: number, memoryMb: number): Promise<void> {
  if (Deno.build.os !== "linux") return;
  try {
    const { success, stderr } = await new Deno.Command("prlimit", {
      args: [
        "--pid",
        `${pid}`,
        "--core=0",
        // A driver maps much more than it uses.
        ...mayHaveNvidiaCard() ? [] : [`--data=${(memoryMb + RESERVED_MB) * 2 ** 20}`],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
  } catch (error) {
    if (isSaid) return;
    isSaid = true;
    log.warn("The memory of processes is limited as to their heap alone: {reason}", {
      reason: describeError(error),
    });
  }
}
