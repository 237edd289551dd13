/**
 * Models that cannot be used, one for each reason, to see that each is refused clearly.
 *
 * @module
 */

import { floatTensor, modelBytes, node } from "./graph.ts";
import { convolutionModel } from "./image_models.ts";

/** Bytes that are no ONNX model: the start of a PNG file. */
export function notOnnx(): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48);
}

/** A web page, which is what a wrong URL often gives. */
export function htmlPage(): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode("<!DOCTYPE html><html><body>Not found</body></html>\n");
}

/** A model that ends in the middle of its weights. */
export function truncatedModel(): Uint8Array<ArrayBuffer> {
  const whole = convolutionModel({ width: 8, height: 8 });
  return whole.slice(0, whole.length >> 1);
}

/** A model of an operator set that is not there yet. */
export function futureOpsetModel(): Uint8Array<ArrayBuffer> {
  return identity([1, 3, 8, 8], { opset: 999 });
}

/** A model with an operator that does not exist. */
export function unknownOperatorModel(): Uint8Array<ArrayBuffer> {
  return identity([1, 3, 8, 8], { opType: "Hypnotize" });
}

/** A sound model whose input `[1,7]` no picture can fill. */
export function vectorInputModel(): Uint8Array<ArrayBuffer> {
  return identity([1, 7]);
}

/** A sound model that takes text. */
export function stringInputModel(): Uint8Array<ArrayBuffer> {
  const value = (name: string) => ({ name, type: "string" as const, dims: [1] });
  return modelBytes({
    name: "text",
    inputs: [value("input")],
    outputs: [value("output")],
    nodes: [node("Identity", [["input"], ["output"]])],
    initializers: [],
  });
}

/** A sound model with a constant of this many bytes (a multiple of 4), to exceed a device's limits. */
export function heavyModel(bytes: number): Uint8Array<ArrayBuffer> {
  const weights = floatTensor("weights", [bytes / 4], { values: [] });
  weights.rawData = new Uint8Array(bytes);
  const dims = [bytes / 4];
  return modelBytes({
    name: "heavy",
    inputs: [{ name: "input", type: "float32", dims: [1] }],
    outputs: [{ name: "output", type: "float32", dims }],
    nodes: [node("Add", [["input", "weights"], ["output"]])],
    initializers: [weights],
  });
}

function identity(
  dims: readonly number[],
  { opset, opType = "Identity" }: { opset?: number; opType?: string } = {},
): Uint8Array<ArrayBuffer> {
  return modelBytes({
    name: "identity",
    inputs: [{ name: "input", type: "float32", dims }],
    outputs: [{ name: "output", type: "float32", dims }],
    nodes: [node(opType, [["input"], ["output"]])],
    initializers: [],
    ...(opset === undefined ? {} : { opset }),
  });
}
