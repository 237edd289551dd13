/**
 * Waiting for what should happen, but not for ever: a test that hangs says where. No test measures how
 * long something takes; these deadlines end only tests that fail.
 */

/** Minutes, so that only a defect reaches it, also on one core beside endless loops. */
export const DEADLINE_MS = 180_000;
const POLL_MS = 5;

/** Lets time pass. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until a condition holds. Throws an `Error` that names `what` after {@linkcode DEADLINE_MS}. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string),
): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!await condition()) {
    if (performance.now() > deadline) throw timedOut(what);
    await delay(POLL_MS);
  }
}

/** Awaits a promise. Rejects with an `Error` that names `what` after {@linkcode DEADLINE_MS}. */
export async function within<T>(promise: Promise<T>, what: string | (() => string)): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timedOut(what)), DEADLINE_MS);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function timedOut(what: string | (() => string)): Error {
  return new Error(`Waited in vain for ${typeof what === "string" ? what : what()}`);
}
