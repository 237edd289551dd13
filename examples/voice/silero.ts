/**
 * The Silero voice activity model: how sure it is that somebody speaks.
 *
 * @module
 */

import { loadModel, type Model } from "@runnel/runnel/inference";
import { Tensor, type TypedTensor } from "onnxruntime-common";
import { voiceActivityModel } from "../../scripts/npm_models.ts";
import { SPEECH_RATE } from "./resampler.ts";

/** Samples that one probability is for: 32 ms. */
export const WINDOW_SAMPLES = 512;
/** Samples of the window before that the model sees again. */
const CONTEXT_SAMPLES = 64;
const STATE_DIMS = [2, 1, 128];

/** Listens to one stream of sound. Give it back with `await using`. */
export class Silero implements AsyncDisposable {
  readonly #model: Model;
  readonly #rate = new Tensor("int64", BigInt64Array.of(BigInt(SPEECH_RATE)), []);
  readonly #input = new Float32Array(CONTEXT_SAMPLES + WINDOW_SAMPLES);
  #state = silence();

  private constructor(model: Model) {
    this.#model = model;
  }

  /** Loads the model. */
  static async load(signal: AbortSignal): Promise<Silero> {
    // A window takes a millisecond on the CPU. On a GPU, the way there and back would take longer.
    return new Silero(await loadModel(voiceActivityModel(), { provider: "wasm", signal }));
  }

  /**
   * How sure the model is that the next {@linkcode WINDOW_SAMPLES} at 16 kHz are speech, 0 to 1.
   */
  async probability(window: Float32Array): Promise<number> {
    this.#input.copyWithin(0, WINDOW_SAMPLES);
    this.#input.set(window, CONTEXT_SAMPLES);
    const input = new Tensor("float32", this.#input, [1, this.#input.length]);
    const { output, stateN } = await this.#model.run({ input, state: this.#state, sr: this.#rate });
    this.#state = stateN as TypedTensor<"float32">;
    return Number(output!.data[0]);
  }

  /** Forgets what was heard. */
  reset(): void {
    this.#input.fill(0);
    this.#state = silence();
  }

  /** Gives the model back. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model[Symbol.asyncDispose]();
  }
}

function silence(): TypedTensor<"float32"> {
  const size = STATE_DIMS.reduce((product, side) => product * side);
  return new Tensor("float32", new Float32Array(size), STATE_DIMS);
}
