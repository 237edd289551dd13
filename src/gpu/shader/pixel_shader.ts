/**
 * Runs a function of the user on every pixel of a picture, in one pass from any pixel format.
 *
 * @module
 */

import { describeError } from "../../base/errors.ts";
import { colorCoefficients } from "../../media/color_matrix.ts";
import { pictureBytes } from "../../media/picture.ts";
import type { PixelFormat } from "../../media/types.ts";
import type { Gpu } from "../device/gpu.ts";
import type { GpuPicture } from "../convert/gpu_picture.ts";
import { passLayout, runPass, UNIFORM_SLOT_BYTES, UniformRing } from "./picture_pass.ts";
import {
  checkShaderParams,
  defaultShaderValues,
  paramsBytes,
  readShaderValues,
  type ShaderParams,
  type ShaderValues,
  writeShaderValues,
} from "./shader_params.ts";
import {
  checkShaderCode,
  compileError,
  type ShaderCode,
  shaderError,
  shaderModuleCode,
} from "./shader_source.ts";

/** What {@linkcode PixelShader.compile} takes. */
export interface PixelShaderOptions {
  /**
   * Code with `fn process(pixel: vec4f, position: vec2f, params: Params) -> vec4f`, and whatever
   * that needs. Colours are red, green, blue and alpha, 0–1; positions are in pixels, their centres
   * at .5.
   *
   * It may use `load(vec2i) -> vec4f`, the pixel in a column and row, and `sample(vec2f) -> vec4f`,
   * bilinear, both of them the nearest edge's beyond the picture; `frame.size`, a vec2f in pixels;
   * and `frame.time`, an f32 in seconds. `Params` has the parameters as fields.
   */
  readonly wgsl: string;
  /** Parameters by their names. @default {} */
  readonly params?: ShaderParams;
  /** Its name in errors and labels. @default "shader" */
  readonly name?: string;
}

/** How one pass is made. */
export interface PixelShaderRun {
  /** What `frame.time` is. */
  readonly timeSeconds: number;
  /**
   * The pass is recorded on it, and not submitted; at most 256 passes of a device may wait for
   * that.
   * @default one of its own, submitted at once
   */
  readonly encoder?: GPUCommandEncoder;
}

/** Numbers of the formats in `PIXELS_WGSL`. */
const FORMATS: Readonly<Record<PixelFormat, number>> = { i420: 0, rgb24: 1, rgba: 2 };

/** Where `struct RunnelUniforms` of `PIXEL_SHADER_WGSL` has the time and the parameters. */
const TIME_OFFSET = 48;
const PARAMS_OFFSET = 64;

/** Pixels of a workgroup, each way. */
const WORKGROUP = 16;

/** A compiled shader of one device. */
export class PixelShader {
  /** The device. */
  readonly gpu: Gpu;
  /** What it is called. */
  readonly name: string;
  /** Its parameters. */
  readonly params: ShaderParams;
  readonly #pipeline: GPUComputePipeline;
  readonly #uniforms: ArrayBuffer;

  private constructor(gpu: Gpu, code: ShaderCode, pipeline: GPUComputePipeline) {
    this.gpu = gpu;
    this.name = code.name;
    this.params = code.params;
    this.#pipeline = pipeline;
    this.#uniforms = new ArrayBuffer(PARAMS_OFFSET + paramsBytes(code.params));
  }

  /**
   * Compiles a shader. Rejects with a `GpuError`: `GPU_SHADER` for code that is wrong, whose
   * message has line, column and text of the user's line, and whose `context` has them as `line`,
   * `column` and `text`, and as `details` all that the compiler said; `GPU_LOST`. Rejects with a
   * `TypeError` or `RangeError` that names a parameter that cannot be.
   */
  static async compile(gpu: Gpu, options: PixelShaderOptions): Promise<PixelShader> {
    gpu.assertUsable();
    const { wgsl, params = {}, name = "shader" } = options;
    const code: ShaderCode = { wgsl, params, name };
    checkShaderParams(params);
    checkShaderCode(code);
    if (PARAMS_OFFSET + paramsBytes(params) > UNIFORM_SLOT_BYTES) {
      throw new RangeError(
        `Cannot give the shader ${name} ${Object.keys(params).length} parameters: they take more ` +
          `than ${UNIFORM_SLOT_BYTES - PARAMS_OFFSET} bytes; use fewer`,
      );
    }
    return new PixelShader(gpu, code, await createPipeline(gpu, code));
  }

  /**
   * Runs the shader on a picture. The result is `rgba` of the same size, in a buffer of the pool that
   * belongs to the caller. Missing values are the parameters' defaults. Throws a `TypeError` or
   * `RangeError` for a value that its parameter does not take, and a `GpuError` as the pool's `allocate`
   * does.
   */
  run(picture: GpuPicture, values: ShaderValues, options: PixelShaderRun): GpuPicture {
    const { gpu, name } = this;
    gpu.assertUsable();
    const { width, height } = picture;
    const known = readShaderValues(this.params, values, defaultShaderValues(this.params));
    const uniformOffset = this.#writeUniforms(picture, known, options.timeSeconds);
    const buffer = gpu.pool.allocate(pictureBytes("rgba", width, height), name);
    runPass(gpu, this.#pipeline, {
      label: name,
      uniformOffset,
      source: picture.buffer,
      target: buffer,
      workgroups: [Math.ceil(width / WORKGROUP), Math.ceil(height / WORKGROUP)],
      ...options.encoder && { encoder: options.encoder },
    });
    return { buffer, pixelFormat: "rgba", width, height, color: picture.color };
  }

  #writeUniforms(picture: GpuPicture, values: ShaderValues, timeSeconds: number): number {
    const { width, height, pixelFormat, color } = picture;
    const { yOffset, yGain, vToR, uToG, vToG, uToB } = colorCoefficients(color);
    const words = new Int32Array(this.#uniforms);
    words.set([width, height, FORMATS[pixelFormat], 0, yOffset, yGain, vToR, uToG, vToG, uToB]);
    const view = new DataView(this.#uniforms);
    view.setFloat32(TIME_OFFSET, timeSeconds, true);
    writeShaderValues(this.params, values, { view, offset: PARAMS_OFFSET });
    return UniformRing.of(this.gpu).write(this.#uniforms);
  }
}

async function createPipeline(gpu: Gpu, code: ShaderCode): Promise<GPUComputePipeline> {
  const { device } = gpu;
  const label = code.name;
  // The error itself is in the compilation info; the scope keeps it from being reported once more.
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label, code: shaderModuleCode(code) });
  const [invalid, { messages }] = await Promise.all([
    device.popErrorScope(),
    module.getCompilationInfo(),
  ]);
  const message = messages.find(({ type }) => type === "error");
  if (message !== undefined) throw compileError(code, message);
  if (invalid !== null) throw shaderError(code, invalid.message.trim());
  try {
    return await device.createComputePipelineAsync({
      label,
      layout: passLayout(device, label),
      compute: { module, entryPoint: "runnel_main" },
    });
  } catch (error) {
    gpu.assertUsable();
    throw shaderError(code, describeError(error));
  }
}
