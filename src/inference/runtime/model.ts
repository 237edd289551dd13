/**
 * A model as one user holds it.
 *
 * @module
 */

import type { Tensor } from "onnxruntime-common";
import { ModelError } from "../../base/errors.ts";
import type { Gpu } from "../../gpu/mod.ts";
import type { ModelCore, ModelStats } from "./model_core.ts";
import type { ModelTensorInfo } from "./tensor_info.ts";
import { zeroFeeds } from "./zero_feeds.ts";

export type { ModelStats, ModelTensorInfo };

/** How a model runs. */
export interface ModelRunOptions {
  /** The outputs that are wanted. @default all */
  readonly outputs?: readonly string[];
}

/**
 * A loaded ONNX model. Runs of all models of a provider come one after another, in the order in which they
 * were asked for. Made by `loadModel`; dispose of it when it is no longer needed.
 */
export class Model implements AsyncDisposable {
  /** The name in messages. */
  readonly name: string;
  /** Where it runs. */
  readonly provider: "webgpu" | "wasm";
  /** What it takes. */
  readonly inputs: readonly ModelTensorInfo[];
  /** What it gives. */
  readonly outputs: readonly ModelTensorInfo[];
  /** Bytes of its files. */
  readonly bytes: number;
  readonly #core: ModelCore;
  readonly #release: () => Promise<void>;
  #closing: Promise<void> | undefined;

  /** Made by `loadModel`. */
  constructor(core: ModelCore, release: () => Promise<void>) {
    this.#core = core;
    this.#release = release;
    this.name = core.name;
    this.provider = core.provider;
    this.inputs = core.inputs;
    this.outputs = core.outputs;
    this.bytes = core.bytes;
  }

  /** The device that its buffers are on now, for a `webgpu` model. */
  get gpu(): Gpu | undefined {
    return this.#core.gpu;
  }

  /** Its figures, shared by all holders of the model. */
  get stats(): ModelStats {
    return this.#core.stats;
  }

  /**
   * Runs the model. Feeds may lie in CPU memory or in buffers of {@linkcode gpu}; they stay the
   * caller's. Outputs of a `webgpu` model lie in GPU buffers (those of types that cannot, on the CPU):
   * `dispose()` of each, at the latest before the model. Outputs of a `wasm` model lie in CPU memory.
   *
   * Throws a {@linkcode ModelError}: `MODEL_INPUT` where the feeds are not what the model takes,
   * `MODEL_MEMORY`, `MODEL_RUN`; a `GpuError` of code `GPU_LOST` where the device was lost during the run.
   * The next run is on a new device then.
   */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    options: ModelRunOptions = {},
  ): Promise<Record<string, Tensor>> {
    this.#assertOpen();
    return { ...await this.#core.run(feeds, options.outputs ?? this.#outputNames()) };
  }

  /**
   * Runs the model once on zeros: the first run of a shape compiles its shaders, which takes seconds.
   * `dims` gives the shapes of inputs with open sizes. Throws a `TypeError` when a shape is missing, and
   * what {@linkcode run} throws.
   */
  async warmUp(dims: Readonly<Record<string, readonly number[]>> = {}): Promise<void> {
    const outputs = await this.run(zeroFeeds(this.name, { inputs: this.inputs, dims }));
    for (const tensor of Object.values(outputs)) tensor.dispose();
  }

  /** Gives the model back; its session ends with its last holder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#closing ??= this.#release());
  }

  #outputNames(): string[] {
    return this.outputs.map(({ name }) => name);
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new ModelError("MODEL_RUN", `Cannot run the model ${this.name}: it is closed; load it`);
  }
}
