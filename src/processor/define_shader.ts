/**
 * Processors from a WGSL function.
 *
 * @module
 */

import { ticksToSeconds } from "../base/mod.ts";
import type { VideoFrame } from "../frames/mod.ts";
import {
  checkShaderParams,
  defaultShaderValues,
  type Gpu,
  PixelShader,
  type PixelShaderOptions,
  readShaderValues,
  type ShaderParams,
  type ShaderValues,
  sharedGpu,
} from "../gpu/mod.ts";
import { type ErrorPolicy, FrameProcessor, type ProcessorParams } from "./frame_processor.ts";

/** The function of a processor, and its parameters. */
export interface ShaderDefinition extends PixelShaderOptions {
  /** What happens to frames when the GPU fails. @default "drop" */
  readonly onError?: ErrorPolicy;
}

/**
 * Makes a factory of processors from a WGSL function that gives a pixel its new colour. Its code is
 * compiled when the worker starts; errors in it are reported then, with line and text. Its
 * parameters are those of the stream: they start at their defaults and change while it runs; an
 * update with a value that a parameter does not take is refused with a `TypeError` or `RangeError`,
 * and changes nothing. `frame.time` is 0 at the first frame of a stream.
 *
 * Throws a `TypeError` or `RangeError` that names an invalid parameter.
 *
 * ```ts
 * import { defineShader } from "./define_shader.ts";
 *
 * export default defineShader({
 *   name: "fade",
 *   params: { amount: { type: "f32", default: 0.5, min: 0, max: 1 } },
 *   wgsl: `
 *     fn process(pixel: vec4f, position: vec2f, params: Params) -> vec4f {
 *       return vec4f(pixel.rgb * (1.0 - params.amount), pixel.a);
 *     }`,
 * });
 * ```
 */
export function defineShader(definition: ShaderDefinition): () => FrameProcessor {
  checkShaderParams(definition.params ?? {});
  return () => new ShaderProcessor(definition);
}

/** A shader, and the device that it was compiled for. */
interface Compilation {
  readonly gpu: Gpu;
  readonly shader: Promise<PixelShader>;
}

class ShaderProcessor extends FrameProcessor {
  override readonly device = "gpu";
  override readonly onError: ErrorPolicy;
  readonly #shaderOptions: PixelShaderOptions;
  readonly #params: ShaderParams;
  #values: ShaderValues;
  #compilation: Compilation | undefined;
  /** When the first frame of the stream was. */
  #startSeconds: number | undefined;

  constructor({ onError = "drop", ...shaderOptions }: ShaderDefinition) {
    super();
    this.onError = onError;
    this.#shaderOptions = shaderOptions;
    this.#params = shaderOptions.params ?? {};
    this.#values = defaultShaderValues(this.#params);
  }

  override async initialize(): Promise<void> {
    await this.#shaderFor(await sharedGpu());
  }

  override onStreamStart(params: ProcessorParams): void {
    this.#values = readShaderValues(this.#params, params, defaultShaderValues(this.#params));
    this.#startSeconds = undefined;
  }

  override updateParams(params: ProcessorParams): void {
    this.#values = readShaderValues(this.#params, params, this.#values);
  }

  override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
    await frame.to("gpu");
    const shader = await this.#shaderFor(frame.gpu);
    const seconds = ticksToSeconds(frame.timestamp, frame.timeBase);
    this.#startSeconds ??= seconds;
    // A 32-bit float is too coarse for the hours that clocks of live streams may show.
    const timeSeconds = seconds - this.#startSeconds;
    return frame.replaceGpuPicture(shader.run(frame.gpuPicture, this.#values, { timeSeconds }));
  }

  override getMetrics(): Readonly<Record<string, unknown>> {
    return { ...this.#values };
  }

  /** After a loss, frames come on another device: the shader is compiled for it, once. */
  #shaderFor(gpu: Gpu): Promise<PixelShader> {
    if (this.#compilation?.gpu !== gpu) {
      this.#compilation = { gpu, shader: PixelShader.compile(gpu, this.#shaderOptions) };
    }
    return this.#compilation.shader;
  }
}
