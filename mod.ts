/**
 * Runnel: a GPU runtime for live video and audio.
 *
 * @module
 */

export * from "./src/base/errors.ts";
