/**
 * The inputs of an image model beside the picture: a strength, a size, a flag. They are the same
 * for each frame.
 *
 * @module
 */

import { Tensor } from "onnxruntime-common";
import { ModelError } from "../../base/errors.ts";
import type { Dim } from "../../gpu/mod.ts";
import { describeInfo, type ModelTensorInfo } from "../runtime/tensor_info.ts";
import type { ModelInfo } from "./tensor_search.ts";

/** A constant input: a tensor as it is, or numbers that take the input's type and shape. */
export type ExtraFeed = Tensor | number | readonly number[];

/**
 * The tensors of every input but `imageInput`. Throws a {@linkcode ModelError} of code
 * `MODEL_INPUT` for a feed that is missing, unknown, or of numbers that its input does not take.
 */
export function makeExtraFeeds(
  model: ModelInfo,
  imageInput: string,
  feeds: Readonly<Record<string, ExtraFeed>> = {},
): Record<string, Tensor> {
  const inputs = model.inputs.filter(({ name }) => name !== imageInput);
  for (const name of Object.keys(feeds)) {
    if (inputs.some((input) => input.name === name)) continue;
    throw inputError(model, `extraFeeds has "${name}", which is not one of its other inputs`);
  }
  return Object.fromEntries(inputs.map((input) => {
    const feed = feeds[input.name];
    if (feed !== undefined) return [input.name, toTensor(model, input, feed)];
    throw inputError(
      model,
      `it also takes ${
        describeInfo(input)
      }, which no frame can fill; give it with extraFeeds, or ` +
        "override preprocess() of OnnxProcessor",
    );
  }));
}

function toTensor(model: ModelInfo, input: ModelTensorInfo, feed: ExtraFeed): Tensor {
  if (typeof feed === "object" && "dims" in feed) return feed;
  const values = typeof feed === "number" ? [feed] : feed;
  const dims = fillDims(input.dims, values.length);
  if (dims !== undefined) return new Tensor(input.type as Tensor.Type, values, dims);
  throw inputError(
    model,
    `extraFeeds has ${values.length} numbers for ${
      describeInfo(input)
    }; give as many as it takes, ` +
      "or a Tensor",
  );
}

/** The dimensions for this many numbers: the first dynamic dimension takes the rest. */
function fillDims(dims: readonly Dim[], count: number): number[] | undefined {
  const filled = dims.map((dim) => typeof dim === "number" ? dim : 1);
  const rest = count / filled.reduce((product, size) => product * size, 1);
  const dynamic = dims.findIndex((dim) => typeof dim !== "number");
  if (dynamic >= 0) filled[dynamic] = rest;
  else if (rest !== 1) return undefined;
  return Number.isInteger(rest) ? filled : undefined;
}

function inputError(model: ModelInfo, found: string): ModelError {
  return new ModelError("MODEL_INPUT", `Cannot feed ${model.name}: ${found}`, {
    context: { model: model.name },
  });
}
