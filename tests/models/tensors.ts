/**
 * Tensors to put into models, and how far results are apart.
 *
 * @module
 */

import { Tensor } from "onnxruntime-common";

/** Numbers from 0 to 1 that differ from place to place and from seed to seed. */
export function testNumbers(count: number, seed = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, at) => {
    const mixed = Math.imul(at * 2 + seed * 7919 + 1, 0x9e3779b1);
    return ((mixed ^ (mixed >>> 15)) >>> 8) / 2 ** 24;
  });
}

/** A tensor of numbers from 0 to 1 (0 to 255 for `uint8`). */
export function testTensor(
  type: "float32" | "float16" | "uint8",
  dims: readonly number[],
  seed = 1,
): Tensor {
  const numbers = testNumbers(dims.reduce((a, b) => a * b, 1), seed);
  if (type === "float32") return new Tensor(type, numbers, dims);
  if (type === "uint8") {
    return new Tensor(type, Uint8Array.from(numbers, (number) => Math.floor(number * 256)), dims);
  }
  return new Tensor(type, new Uint16Array(Float16Array.from(numbers).buffer), dims);
}

/** A tensor's numbers as plain ones, wherever it lies; it stays the caller's. */
export async function numbersOf(tensor: Tensor): Promise<number[]> {
  const data = await tensor.getData();
  if (data instanceof Uint16Array && tensor.type === "float16") {
    return [...new Float16Array(data.buffer, data.byteOffset, data.length)];
  }
  return Array.from(data as Float32Array);
}

/** The largest difference, relative to the largest wanted number. */
export function relativeError(got: readonly number[], wanted: readonly number[]): number {
  if (got.length !== wanted.length) return Infinity;
  let [difference, largest] = [0, Number.MIN_VALUE];
  for (const [at, value] of wanted.entries()) {
    if (!Number.isFinite(got[at])) return Infinity;
    difference = Math.max(difference, Math.abs(got[at]! - value));
    largest = Math.max(largest, Math.abs(value));
  }
  return difference / largest;
}
