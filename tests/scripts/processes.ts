/** Processes as `/proc` shows them (Linux). */

/** Whether a process runs; one that has ended and was not asked for yet does not. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    return !/\) Z/.test(await Deno.readTextFile(`/proc/${pid}/stat`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
