/**
 * Runs a model in a worker, once, and says what came out.
 *
 * @module
 */

import { convolutionModel } from "../../scripts/build_models.ts";
import { loadModel, type Provider } from "../../src/inference/mod.ts";
import { numbersOf, testTensor } from "../models/tensors.ts";

addEventListener("message", async ({ data: provider }: MessageEvent<Provider>) => {
  try {
    await using model = await loadModel(convolutionModel(), { provider });
    const { output } = await model.run({ input: testTensor("float32", [1, 3, 8, 8]) });
    postMessage(await numbersOf(output!));
    output!.dispose();
  } catch (error) {
    postMessage(String(error));
  }
});
