/**
 * Hides the location of a thread, whose origin is "null": onnxruntime-web fails on it when it is
 * imported (specs/GPU.md). What is a page's only is none in a thread.
 *
 * @module
 */

Object.defineProperty(globalThis, "location", { value: undefined, configurable: true });
