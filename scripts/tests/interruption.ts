/**
 * Ctrl-C and SIGTERM. Test processes have a group of their own, which no signal of a terminal reaches:
 * whoever runs them ends them.
 *
 * @module
 */

/** A signal that aborts when this process is interrupted. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => interrupted.abort());
  }
  return interrupted.signal;
}
