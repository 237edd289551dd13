/**
 * The input or output of a model that the user means, or a refusal that lists what there is and
 * says which option to set.
 *
 * @module
 */

import { ModelError, type ModelErrorCode } from "../../base/errors.ts";
import type { TensorDtype } from "../../gpu/mod.ts";
import type { DimsHints } from "../../gpu/mod.ts";
import type { Model } from "../runtime/model.ts";
import { describeInfo, type ModelTensorInfo } from "../runtime/tensor_info.ts";

/** The metadata of a model, known without a run. */
export type ModelInfo = Pick<Model, "name" | "inputs" | "outputs">;

/** What is looked for, and what the user said of it. */
export interface TensorSearch {
  readonly model: ModelInfo;
  readonly kind: "input" | "output";
  readonly options: TensorChoice;
}

/** What chooses a tensor. */
export interface TensorChoice extends DimsHints {
  readonly name?: string;
  readonly dtype?: TensorDtype;
}

/** Why a model is refused. */
export interface Refusal {
  readonly code: ModelErrorCode;
  /** What is wrong, as a clause. */
  readonly found: string;
  /** What to do about it. */
  readonly advice: string;
}

/** All inputs or outputs, whichever are searched. */
export function tensorsOf({ model, kind }: TensorSearch): readonly ModelTensorInfo[] {
  return kind === "input" ? model.inputs : model.outputs;
}

/**
 * The tensor that the user named, else the only suitable one; `undefined` without a suitable one.
 */
export function chooseTensor(
  search: TensorSearch,
  willDo: (tensor: ModelTensorInfo) => boolean,
): ModelTensorInfo | undefined {
  const { kind, options } = search;
  const tensors = tensorsOf(search);
  if (options.name !== undefined) {
    const named = tensors.find(({ name }) => name === options.name);
    if (named !== undefined) return named;
    throw refusal(search, {
      code: "MODEL_INPUT",
      found: `it has no ${kind} "${options.name}"`,
      advice: `set ${kind}.name to one of its ${kind}s`,
    });
  }
  const [found, ...others] = tensors.filter(willDo);
  if (others.length === 0) return found;
  throw refusal(search, {
    code: "MODEL_INPUT",
    found: `${others.length + 1} of its ${kind}s may be the picture`,
    advice: `say which with ${kind}.name`,
  });
}

/** The error for a model that cannot be used as the user wants. */
export function refusal(search: TensorSearch, { code, found, advice }: Refusal): ModelError {
  const { model, kind } = search;
  const list = tensorsOf(search).map(describeInfo).join(", ") || "none";
  const verb = kind === "input" ? `give ${model.name} pictures` : `get pictures from ${model.name}`;
  return new ModelError(code, `Cannot ${verb}: ${found} (${kind}s: ${list}); ${advice}`, {
    context: { model: model.name, [`${kind}s`]: list },
  });
}
