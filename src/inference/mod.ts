/**
 * ONNX models: onnxruntime sessions on the shared GPU device or on the CPU, and processors made of
 * them.
 *
 * A file, URL or bytes become a {@linkcode Model} with `loadModel`; tensors go in and come out, in GPU
 * buffers where the model runs there.
 *
 * @module
 */

export type { DownloadProgress } from "./files/download.ts";
export {
  chooseProvider,
  loadModel,
  type LoadModelOptions,
  type Provider,
} from "./runtime/load_model.ts";
export {
  Model,
  type ModelRunOptions,
  type ModelStats,
  type ModelTensorInfo,
} from "./runtime/model.ts";
export {
  cachedDownload,
  type CachedDownloadOptions,
  defaultCacheDir,
} from "./files/model_cache.ts";
export { modelPaths } from "./files/model_paths.ts";
export type { ModelSource } from "./files/model_address.ts";
export type { ExternalDataSource } from "./files/model_files.ts";
export type { ExtraFeed } from "./image/extra_feeds.ts";
export type { ImageInputOptions, ImageOutputOptions } from "./image/options.ts";
export { type Feeds, OnnxProcessor, type OnnxProcessorOptions } from "./onnx_processor.ts";
