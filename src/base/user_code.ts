/**
 * What a user's code starts, and what we do.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";

const calls = new AsyncLocalStorage<true>();

/** Calls a user's code. All that it starts is its own, also what goes on after the call. */
export function callUserCode<T>(call: () => T): T {
  return calls.run(true, call);
}

/**
 * Whether a user's code runs now, or something that it started. Also tells in a listener of
 * `unhandledrejection` who started what was rejected.
 */
export function isInUserCode(): boolean {
  return calls.getStore() === true;
}
