/**
 * Frames into the image input of a model, and out of its image output.
 *
 * @module
 */

import type { Tensor } from "onnxruntime-common";
import { ModelError } from "../../base/errors.ts";
import { type ImageDims, parseImageDims, type Size, type TensorRange } from "../../gpu/mod.ts";
import { imageToTensor, type VideoFrame } from "../../frames/mod.ts";
import { type ExtraFeed, makeExtraFeeds } from "./extra_feeds.ts";
import {
  findImageInput,
  findImageOutput,
  type ImageInput,
  type ImageOutput,
} from "./find_tensors.ts";
import type { ImageInputOptions, ImageOutputOptions } from "./options.ts";
import { inputTensorOptions, outputPicture, placeFrame, type Placement } from "./placement.ts";
import { stretchRange } from "./min_max.ts";
import type { Model } from "../runtime/model.ts";
import { describeInfo } from "../runtime/tensor_info.ts";

/** What the user said of a model's pictures. */
export interface ImageIoOptions {
  /** How frames go in. */
  readonly input?: ImageInputOptions;
  /** How they come out. */
  readonly output?: ImageOutputOptions;
  /** The other inputs. */
  readonly extraFeeds?: Readonly<Record<string, ExtraFeed>>;
}

/** Takes frames into a model and out of it; on the GPU where the model is there. */
export class ImageIo {
  readonly #model: Model;
  readonly #options: ImageIoOptions;
  #input: ImageInput | undefined;
  #output: ImageOutput | undefined;
  #extraFeeds: Readonly<Record<string, Tensor>> | undefined;
  /** Where each frame lies in the input: its result is cut out of the same place. */
  readonly #placements = new WeakMap<VideoFrame, Placement>();
  /** The tensors made here: only this class gives them back. */
  readonly #made = new WeakSet<Tensor>();

  /** Reads nothing yet: a processor may have its own way in or out. */
  constructor(model: Model, options: ImageIoOptions) {
    this.#model = model;
    this.#options = options;
  }

  /** The image input. Throws a {@linkcode ModelError} when the model has none. */
  get input(): ImageInput {
    return this.#input ??= findImageInput(this.#model, this.#options.input);
  }

  /** The image output. Throws a {@linkcode ModelError} when the model has none. */
  get output(): ImageOutput {
    return this.#output ??= findImageOutput(this.#model, this.#options.output, this.#input);
  }

  /** The size that the model takes, if it takes only one. */
  get fixedSize(): Size | undefined {
    const { width, height } = this.input;
    return width === undefined || height === undefined ? undefined : { width, height };
  }

  /** Throws a {@linkcode ModelError} where frames cannot fill the model's inputs. */
  checkInputs(): void {
    this.#extraFeeds ??= makeExtraFeeds(this.#model, this.input.name, this.#options.extraFeeds);
  }

  /** The inputs for a frame, which is moved to where the model runs. */
  async feeds(frame: VideoFrame): Promise<Record<string, Tensor>> {
    this.checkInputs();
    const { input } = this;
    const placement = placeFrame(input, frame);
    const options = inputTensorOptions(input, placement);
    const tensor = this.#model.provider === "webgpu"
      ? (await frame.to("gpu")).gpuTensor(options)
      : imageToTensor(await frame.to("cpu"), options);
    this.#made.add(tensor);
    this.#placements.set(frame, placement);
    return { ...this.#extraFeeds, [input.name]: tensor };
  }

  /** Gives back the inputs that were made here; queued work still reads them. */
  dispose(feeds: Readonly<Record<string, Tensor>>): void {
    for (const tensor of Object.values(feeds)) if (this.#made.delete(tensor)) tensor.dispose();
  }

  /** The frame in the outputs: of the time of `frame`, on the device of the output. */
  frame(outputs: Readonly<Record<string, Tensor>>, frame: VideoFrame): VideoFrame {
    const { output } = this;
    const tensor = outputs[output.name];
    if (tensor === undefined) throw this.#refuse(`there is no output "${output.name}"`);
    const image = this.#imageOf(tensor);
    const placement = this.#placements.get(frame);
    const picture = outputPicture(output, { tensor: image, frame, placement });
    const range = this.#rangeOf(tensor, image);
    const options = {
      layout: image.layout,
      channels: image.channels,
      channelOrder: output.channelOrder ?? this.#input?.spec.channelOrder ?? "rgb",
      pixelFormat: "i420",
      ...picture,
    } as const;
    if (range !== "minmax") return frame.replaceTensor(tensor, { ...options, range });
    const stretched = stretchRange(tensor, this.#model.gpu);
    try {
      return frame.replaceTensor(stretched, { ...options, range: "0-1" });
    } finally {
      stretched.dispose();
    }
  }

  #imageOf(tensor: Tensor): Size & ImageDims {
    const { name, hints } = this.output;
    const image = parseImageDims(tensor.dims, hints);
    const { width, height } = image ?? {};
    if (image !== undefined && width !== undefined && height !== undefined) {
      return { ...image, width, height };
    }
    throw this.#refuse(
      `its output is ${describeInfo({ name, type: tensor.type, dims: tensor.dims })}`,
    );
  }

  /**
   * The user's range, else that of the input, if it has a name: a style model for 0–255 gives 0–255.
   * Depth maps and mattes are 0–1 for any input.
   */
  #rangeOf(tensor: Tensor, { channels }: ImageDims): TensorRange | "minmax" {
    const { range } = this.output;
    if (range !== undefined) return range;
    if (tensor.type === "uint8") return "0-255";
    const given = this.#input?.spec.range;
    return channels > 1 && typeof given === "string" ? given : "0-1";
  }

  #refuse(found: string): ModelError {
    const { name } = this.#model;
    return new ModelError(
      "MODEL_UNSUPPORTED",
      `Cannot get a picture from ${name}: ${found}; set output.name, output.layout or ` +
        "output.channels, or override postprocess() of OnnxProcessor",
      { context: { model: name } },
    );
  }
}
