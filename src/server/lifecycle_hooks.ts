/**
 * What the application does when the server starts and stops.
 *
 * @module
 */

import { callUserCode, ConfigError, describeError, roomLogger, withTimeout } from "../base/mod.ts";

const log = roomLogger("server");

/** Called when the server starts or stops. */
export type LifecycleHook = () => void | Promise<void>;

/** How long one shutdown hook may take. */
export const SHUTDOWN_HOOK_TIMEOUT_MS = 5_000;

/** Runs hooks in order; rejects with a `ConfigError` at the first that fails. */
export async function runStartupHooks(hooks: readonly LifecycleHook[]): Promise<void> {
  for (const [index, hook] of hooks.entries()) {
    try {
      await callUserCode(hook);
    } catch (error) {
      const found = `startup hook ${index + 1} of ${hooks.length} failed: ${describeError(error)}`;
      throw new ConfigError("CONFIG_INVALID", `Cannot start the server: ${found}`, {
        cause: error,
        context: { hook: index + 1 },
      });
    }
  }
}

/** Runs all hooks in order, whatever becomes of each; a failure or a late end is logged. */
export async function runShutdownHooks(
  hooks: readonly LifecycleHook[],
  timeoutMs: number = SHUTDOWN_HOOK_TIMEOUT_MS,
): Promise<void> {
  for (const [index, hook] of hooks.entries()) {
    try {
      await withTimeout(Promise.try(() => callUserCode(hook)), timeoutMs);
    } catch (error) {
      const reason = describeError(error);
      log.error("Shutdown hook {hook} failed: {reason}", { hook: index + 1, reason });
    }
  }
}
