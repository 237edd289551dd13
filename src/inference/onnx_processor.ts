/**
 * A processor that sends frames through an ONNX model.
 *
 * @module
 */

import type { Tensor } from "onnxruntime-common";
import { MPEG_TIME_BASE } from "../base/rational.ts";
import { VideoFrame } from "../frames/mod.ts";
import type { Size } from "../gpu/mod.ts";
import { isPictureSide, pictureBytes } from "../media/picture.ts";
import {
  type ErrorPolicy,
  FrameProcessor,
  type ProcessorContext,
  type ProcessorParams,
  type VideoResult,
} from "../processor/mod.ts";
import type { ExtraFeed } from "./image/extra_feeds.ts";
import { ImageIo } from "./image/image_io.ts";
import type { ImageInputOptions, ImageOutputOptions } from "./image/options.ts";
import { loadModel, type LoadModelOptions, type Provider } from "./runtime/load_model.ts";
import type { Model } from "./runtime/model.ts";
import type { ModelSource } from "./files/model_address.ts";

/** What a model takes: its inputs by name. */
export type Feeds = Readonly<Record<string, Tensor>>;

/** Options of {@linkcode OnnxProcessor}. */
export interface OnnxProcessorOptions {
  /** Path, URL or bytes of the model. */
  readonly model: ModelSource;
  /** How frames become its image input. @default read from the model */
  readonly input?: ImageInputOptions;
  /** How its image output becomes frames. @default read from the model */
  readonly output?: ImageOutputOptions;
  /** Its other inputs, the same for each frame, by name. @default none */
  readonly extraFeeds?: Readonly<Record<string, ExtraFeed>>;
  /** What runs it. @default see {@linkcode LoadModelOptions.provider} */
  readonly provider?: Provider;
  /** How it is loaded. */
  readonly load?: LoadModelOptions;
  /** See {@linkcode FrameProcessor.maxInFlight}. @default 1 */
  readonly maxInFlight?: number;
  /** See {@linkcode FrameProcessor.onError}. @default "drop" */
  readonly onError?: ErrorPolicy;
  /**
   * See {@linkcode FrameProcessor.timeoutMs}. The first frame of a new size compiles the model's
   * shaders.
   * @default 30000
   */
  readonly timeoutMs?: number;
}

/**
 * Sends frames through an ONNX model. An image-to-image model needs only its file: its metadata describe
 * how frames go in and come out, and `input` and `output` describe what the metadata leave out.
 *
 * For another model, extend the class and override {@linkcode preprocess}, {@linkcode postprocess}
 * or both. With the provider `webgpu`, frames and tensors are on the GPU all along.
 *
 * ```ts
 * import type { Tensor } from "onnxruntime-common";
 * import type { VideoFrame } from "../frames/mod.ts";
 * import { OnnxProcessor } from "./onnx_processor.ts";
 *
 * class Classifier extends OnnxProcessor {
 *   override async postprocess(outputs: Record<string, Tensor>, frame: VideoFrame) {
 *     const scores = Array.from(await outputs["scores"]!.getData() as Float32Array);
 *     this.context.sendData(JSON.stringify({ best: scores.indexOf(Math.max(...scores)) }));
 *     return frame; // as it came
 *   }
 * }
 * export default () => new Classifier({ model: "classifier.onnx", input: { range: "-1-1" } });
 * ```
 */
export class OnnxProcessor extends FrameProcessor {
  /** `"gpu"` from {@linkcode initialize} on where the model runs there. */
  override device: "cpu" | "gpu" = "cpu";
  override readonly onError: ErrorPolicy;
  override readonly timeoutMs: number;
  override readonly maxInFlight: number;

  readonly #options: OnnxProcessorOptions;
  #context: ProcessorContext | undefined;
  #model: Model | undefined;
  #images: ImageIo | undefined;

  /** Creates a processor; the model is loaded by {@linkcode initialize}. */
  constructor(options: OnnxProcessorOptions) {
    super();
    this.#options = options;
    this.onError = options.onError ?? "drop";
    this.timeoutMs = options.timeoutMs ?? 30_000;
    this.maxInFlight = options.maxInFlight ?? 1;
  }

  /** The model. Throws a `TypeError` before {@linkcode initialize}. */
  get model(): Model {
    return this.#model ?? missing("model");
  }

  /** What Runnel gives the processor, such as `sendData`. Throws before {@linkcode initialize}. */
  protected get context(): ProcessorContext {
    return this.#context ?? missing("context");
  }

  /**
   * Loads the model, and runs it once when it takes only one size. An override calls
   * `super.initialize(context)` first. Rejects with a `ModelError` or `GpuError`.
   */
  override async initialize(context: ProcessorContext): Promise<void> {
    this.#context = context;
    if (this.#model !== undefined) return;
    const { model: source, provider, load = {} } = this.#options;
    const signals = load.signal === undefined ? [] : [load.signal];
    const model = await loadModel(source, {
      ...load,
      ...(provider === undefined ? {} : { provider }),
      signal: AbortSignal.any([context.signal, ...signals]),
    });
    try {
      await this.#prepare(model);
    } catch (error) {
      this.#model = undefined;
      await model[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Compiles the shaders for the size of the stream, when that is known and the model takes any size. */
  override async onStreamStart({ width, height }: ProcessorParams): Promise<void> {
    if (!this.#makesFeeds || this.#io.fixedSize !== undefined) return;
    if (isPictureSide(width) && isPictureSide(height)) await this.#warmUp({ width, height });
  }

  /**
   * Runs the model on a frame. Override {@linkcode preprocess} and {@linkcode postprocess} instead.
   */
  override async processVideo(frame: VideoFrame): Promise<VideoResult> {
    const feeds = await this.preprocess(frame);
    const outputs = await this.#run(feeds);
    try {
      return await this.postprocess(outputs, frame);
    } finally {
      disposeAll(outputs);
    }
  }

  /**
   * Makes the inputs of the model from a frame; this one fills the image input and `extraFeeds`.
   * Tensors of `frame.gpuTensor()` are given back with the frame.
   */
  preprocess(frame: VideoFrame): Feeds | Promise<Feeds> {
    return this.#io.feeds(frame);
  }

  /**
   * Makes the result from the outputs of the model; this one takes the picture of the image output.
   * The outputs are disposed of afterwards. Return `frame` to publish it as it came, and use
   * `this.context.sendData()` for what was found in it.
   */
  postprocess(
    outputs: Readonly<Record<string, Tensor>>,
    frame: VideoFrame,
  ): VideoResult | Promise<VideoResult> {
    return this.#io.frame(outputs, frame);
  }

  /** What runs the model, and how often and how fast it did. */
  override getMetrics(): Readonly<Record<string, unknown>> {
    if (this.#model === undefined) return {};
    const { name, provider, bytes, stats } = this.#model;
    return { model: name, provider, modelBytes: bytes, ...stats };
  }

  /** Gives the model back. An override calls `super[Symbol.asyncDispose]()`. */
  override async [Symbol.asyncDispose](): Promise<void> {
    const model = this.#model;
    this.#model = undefined;
    this.#images = undefined;
    await model?.[Symbol.asyncDispose]();
  }

  get #io(): ImageIo {
    return this.#images ??= new ImageIo(this.model, this.#options);
  }

  get #makesFeeds(): boolean {
    return this.preprocess === OnnxProcessor.prototype.preprocess;
  }

  get #makesFrames(): boolean {
    return this.postprocess === OnnxProcessor.prototype.postprocess;
  }

  /** Checks now what would fail on every frame. */
  async #prepare(model: Model): Promise<void> {
    this.#model = model;
    this.device = model.provider === "webgpu" ? "gpu" : "cpu";
    if (this.#makesFeeds) this.#io.checkInputs();
    if (this.#makesFrames) void this.#io.output;
    if (this.#makesFeeds && this.#io.fixedSize !== undefined) {
      await this.#warmUp(this.#io.fixedSize);
    }
  }

  /** Runs the model on a black frame, and discards the result. */
  async #warmUp(size: Size): Promise<void> {
    using frame = blackFrame(size);
    const outputs = await this.#run(await this.preprocess(frame));
    try {
      // An override may publish what it finds.
      if (this.#makesFrames) (await this.postprocess(outputs, frame))?.close();
    } finally {
      disposeAll(outputs);
    }
  }

  async #run(feeds: Feeds): Promise<Record<string, Tensor>> {
    try {
      return await this.model.run(
        feeds,
        this.#makesFrames ? { outputs: [this.#io.output.name] } : {},
      );
    } finally {
      this.#images?.dispose(feeds);
    }
  }
}

function missing(what: string): never {
  throw new TypeError(
    `Cannot use the ${what} of an OnnxProcessor: it is not initialized; await initialize() first`,
  );
}

function disposeAll(tensors: Readonly<Record<string, Tensor>>): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

function blackFrame({ width, height }: Size): VideoFrame {
  const data = new Uint8Array(pictureBytes("i420", width, height)).fill(128);
  data.fill(16, 0, width * height);
  return new VideoFrame({
    pixelFormat: "i420",
    data,
    width,
    height,
    ptsTicks: 0,
    timeBase: MPEG_TIME_BASE,
  });
}
