/** Waiting for what should happen, but not for ever: a test that hangs says where. */

/** Far longer than anything takes, also on a machine that is busy elsewhere. */
const DEADLINE_MS = 60_000;
const POLL_MS = 5;

/** Lets time pass. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until a condition holds; the deadline only ends a test that fails. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}`);
    await delay(POLL_MS);
  }
}

/** Awaits a promise, but not for ever. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited in vain for ${what}`)), DEADLINE_MS);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
