/**
 * Runs a model in a worker, once, and says what came out.
 *
 * @module
 */

import { convolutionModel } from "../../../scripts/build_models.ts";
import { loadModel, type Provider } from "../../../src/inference/mod.ts";
import { numbersOf, testTensor } from "../../models/tensors.ts";

/** What is used of a worker's globals: the checker knows those of a window. */
interface WorkerScope {
  onmessage: (event: MessageEvent<Provider>) => void;
  postMessage(message: unknown): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = async ({ data: provider }) => {
  try {
    await using model = await loadModel(convolutionModel(), { provider });
    const { output } = await model.run({ input: testTensor("float32", [1, 3, 8, 8]) });
    scope.postMessage(await numbersOf(output!));
    output!.dispose();
  } catch (error) {
    scope.postMessage(String(error));
  }
};
