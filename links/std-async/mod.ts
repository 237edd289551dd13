/**
 * Stand-in for `@std/async` in a checkout, where JSR may be out of reach: the functions that Runnel
 * uses, with the signatures and behaviour of the real package and code of our own.
 *
 * @module
 */

export * from "./abortable.ts";
export * from "./deadline.ts";
export * from "./delay.ts";
export * from "./retry.ts";
