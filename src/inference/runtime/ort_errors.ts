/**
 * onnxruntime's errors in our words. What each of its messages means was found by provoking it.
 *
 * @module
 */

import { describeError, GpuError, ModelError, type ModelErrorCode } from "../../base/errors.ts";
import { isTrap } from "./ort_runtime.ts";

/** The newest operator set that onnxruntime 1.30 knows. */
export const NEWEST_OPSET = 26;

interface Meaning {
  readonly pattern: RegExp;
  readonly code: ModelErrorCode;
  /** What was found and what to do; `$1` is the pattern's first group. */
  readonly says: string;
}

const TOO_LARGE =
  "there is not enough memory for it; use a smaller model, or keep its weights in a " +
  "file of their own (ONNX external data)";

const OUT_OF_MEMORY: Meaning = {
  pattern: /bad_alloc|out of memory|failed to allocate|allocation failed|Memory.grow/i,
  code: "MODEL_MEMORY",
  says: TOO_LARGE,
};

const LOAD_MEANINGS: readonly Meaning[] = [
  {
    pattern: /protobuf parsing failed|No graph was found/,
    code: "MODEL_INVALID",
    says: "it is not an ONNX model, or damaged; check the file",
  },
  {
    pattern: /Opset (\d+) is under development|unsupported opset|opset version (\d+)/i,
    code: "MODEL_UNSUPPORTED",
    says: `it is of operator set $1; export it with ${NEWEST_OPSET} or lower`,
  },
  {
    pattern: /No Op registered for (\S+)/,
    code: "MODEL_UNSUPPORTED",
    says: "it uses an operator that onnxruntime does not know: $1; export it without",
  },
  {
    pattern: /(?:Could not find an implementation for|Failed to find kernel for) (\S+)/,
    code: "MODEL_UNSUPPORTED",
    says: "it uses an operator that onnxruntime-web does not have: $1; export it without",
  },
  OUT_OF_MEMORY,
];

const RUN_MEANINGS: readonly Meaning[] = [
  {
    pattern: /has been destroyed/,
    code: "MODEL_INPUT",
    says: "an input lies in a GPU buffer that was given back; keep it until the run has ended",
  },
  {
    pattern: /Failed to create a WebGPU compute pipeline|exceeds the (?:max|limit)/,
    code: "MODEL_MEMORY",
    says: "its tensors are larger than the GPU takes at once; use smaller pictures, or the " +
      "provider wasm",
  },
  OUT_OF_MEMORY,
];

/** What onnxruntime threw while a model was loaded. */
export function loadError(model: string, thrown: unknown): ModelError {
  // Loading traps where memory ran out: nothing else was seen to do it.
  const meanings = isTrap(thrown) ? [{ ...OUT_OF_MEMORY, pattern: /^/ }] : LOAD_MEANINGS;
  return inOurWords(thrown, { doing: "load", model, meanings, otherwise: "MODEL_INVALID" });
}

/** What onnxruntime threw while a model ran. */
export function runError(model: string, thrown: unknown): ModelError | GpuError {
  // All work is on one device: an input on another device is on one that was lost.
  if (/doesn't match Device/.test(describeError(thrown))) {
    return new GpuError(
      "GPU_LOST",
      `Cannot run the model ${model}: an input lies on a GPU device that was lost; upload it anew`,
      { cause: thrown, context: { model } },
    );
  }
  return inOurWords(thrown, {
    doing: "run",
    model,
    meanings: RUN_MEANINGS,
    otherwise: "MODEL_RUN",
  });
}

function inOurWords(
  thrown: unknown,
  { doing, model, meanings, otherwise }: {
    readonly doing: string;
    readonly model: string;
    readonly meanings: readonly Meaning[];
    readonly otherwise: ModelErrorCode;
  },
): ModelError {
  const message = describeError(thrown);
  let [code, says] = [otherwise, cleanMessage(message)];
  for (const meaning of meanings) {
    const match = meaning.pattern.exec(message);
    if (match === null) continue;
    const found = match.slice(1).find((group) => group !== undefined) ?? "";
    [code, says] = [meaning.code, meaning.says.replace("$1", () => found)];
    break;
  }
  return new ModelError(code, `Cannot ${doing} the model ${model}: ${says}`, {
    cause: thrown,
    context: { model },
  });
}

/** onnxruntime's message without its error numbers and the source lines of its build. */
function cleanMessage(message: string): string {
  return message
    .replace(/^.*?ERROR_MESSAGE: /s, "")
    .replace(/\/\S+\.(?:cc|h|cpp):\d+ .*?\) (?:const )?/gs, "")
    .trim();
}
