/**
 * Stand-in for `@std/http` in a checkout, where JSR may be out of reach: the names that Runnel uses,
 * with the signatures and behaviour of the real package and code of our own.
 *
 * @module
 */

export * from "./status.ts";
