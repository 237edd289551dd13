/**
 * The GPU: one shared WebGPU device, pools of its buffers, conversion between pictures and tensors,
 * shaders on pictures. Bytes and buffers come in and out; what a frame is, is not known here.
 *
 * @module
 */

export type { GpuInfo } from "./adapter.ts";
export { GpuBufferPool, type GpuPoolOptions, type GpuPoolStats } from "./buffer_pool.ts";
export { drawRects } from "./draw_rects.ts";
export { type GpuMeasurement, measureGpu, type MeasureOptions } from "./measure.ts";
export { type GpuMemory, gpuMemory, type GpuMemoryOptions } from "./memory.ts";
export type { GpuPicture } from "./gpu_picture.ts";
export { Gpu, type GpuOptions, type GpuStats } from "./gpu.ts";
export { PixelShader, type PixelShaderOptions, type PixelShaderRun } from "./pixel_shader.ts";
export type { GpuRect } from "./rect_tiles.ts";
export { type ReadbackOptions, ReadbackRing, type ReadbackStats } from "./readback_ring.ts";
export {
  checkShaderParams,
  defaultShaderValues,
  readShaderValues,
  type ShaderParam,
  type ShaderParams,
  type ShaderValues,
} from "./shader_params.ts";
export type { SelfTestResult } from "./self_test.ts";
export { currentGpu, SharedGpu, sharedGpu, type SharedGpuSettings } from "./shared_gpu.ts";
export { explainNoAdapter, nvidiaAdvice, vulkanAdvice } from "./vulkan_advice.ts";
export {
  type NvidiaFindings,
  type ProbedSystem,
  probeVulkan,
  type VulkanFindings,
} from "./vulkan_probe.ts";
export {
  type ConversionOptions,
  convertGpuPicture,
  type ConvertPictureOptions,
  type FitOptions,
  type GpuPictureToTensorOptions,
  type PicturePlacement,
  pictureToTensor,
  type PictureToTensorOptions,
  placePicture,
  tensorToPicture,
  type TensorToPictureOptions,
} from "./convert.ts";
export {
  type Fit,
  type FitMapping,
  fitMapping,
  type Point,
  shownPixels,
  type Size,
} from "./fit.ts";
export {
  type GpuTensor,
  isInterleaved,
  readTensorDims,
  type ResolvedSpec,
  resolveTensorSpec,
  tensorDims,
  type TensorDtype,
  type TensorLayout,
  type TensorRange,
  type TensorSpec,
} from "./tensor_spec.ts";
export type { Rect } from "../media/rect.ts";
