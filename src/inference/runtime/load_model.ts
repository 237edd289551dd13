/**
 * Loading models: one load and one session for all that ask for the same.
 *
 * @module
 */

import { variable } from "../../base/environment.ts";
import { ConfigError, GpuError, ModelError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import { UrlPolicy } from "../../base/url_policy.ts";
import { sharedGpu } from "../../gpu/mod.ts";
import { Model } from "./model.ts";
import type { DownloadProgress } from "../files/download.ts";
import { ModelCore } from "./model_core.ts";
import { type ModelSource, sourceAddress, sourceName } from "../files/model_address.ts";
import { type ExternalDataSource, forgetModel, readModelFiles } from "../files/model_files.ts";
import type { OrtProvider } from "./ort_runtime.ts";
import { SharedLoads } from "./shared_loads.ts";

/** Where a model should run; `auto`: on the GPU where it is real hardware, else on the CPU. */
export type Provider = "auto" | "webgpu" | "wasm";

/** How a model is loaded. */
export interface LoadModelOptions {
  /** The name in messages. @default the last part of its address */
  readonly name?: string;
  /** Where it runs. @default the environment's RUNNEL_PROVIDER, or "auto" */
  readonly provider?: Provider;
  /** The model file's expected SHA-256 in hexadecimal. @default none: not checked */
  readonly sha256?: string;
  /** Where models from the web are kept. @default RUNNEL_CACHE_DIR, or runnel in the user's cache folder */
  readonly cacheDir?: string;
  /**
   * Where its URL, redirects and files of weights may lead: hosts (`*.example.com`), addresses and networks
   * (`10.0.0.0/8`), with a port or without. @default everywhere but to link-local and metadata addresses
   */
  readonly allowUrls?: readonly string[];
  /** Sizes for open dimensions by their name. @default none */
  readonly dims?: Readonly<Record<string, number>>;
  /**
   * Replays recorded GPU work instead of preparing it at each run; all sizes must be fixed, by the model or
   * `dims`. Used only where it gives the same as a plain run. @default false
   */
  readonly graphCapture?: boolean;
  /**
   * Files that the model keeps its weights in, by the path that the model names them by.
   * @default the files of those paths beside the model
   */
  readonly externalData?: readonly ExternalDataSource[];
  /** Called while files are downloaded. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Ends the load, which rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const LOG = roomLogger("inference");
const loads = new SharedLoads<ModelCore, DownloadProgress>((core) => core.release());

/**
 * Loads an ONNX model. Loads of the same source and options share one session, which ends with the last
 * model that is disposed of; a failed load is not remembered.
 *
 * Throws a `ModelError` (`MODEL_NOT_FOUND`, `MODEL_DOWNLOAD`, `MODEL_CHECKSUM`, `MODEL_INVALID`,
 * `MODEL_UNSUPPORTED`, `MODEL_MEMORY`), a `GpuError` where the provider `webgpu` has no GPU, and a
 * `ConfigError` for an unknown provider.
 */
export async function loadModel(
  source: ModelSource,
  options: LoadModelOptions = {},
): Promise<Model> {
  options.signal?.throwIfAborted();
  const provider = await chooseProvider(options.provider ?? variable("RUNNEL_PROVIDER"));
  const name = options.name ?? sourceName(source);
  const { core, release } = await loads.acquire(await loadKey(source, provider, options), {
    signal: options.signal,
    onProgress: options.onProgress,
    load: ({ signal, onProgress }) => {
      const { sha256, cacheDir, externalData = [], dims = {}, graphCapture = false } = options;
      const urls = new UrlPolicy({ allow: options.allowUrls });
      const files = { name, externalData, sha256, cacheDir, urls, onProgress };
      let firstSignal: AbortSignal | undefined = signal;
      const readFiles = () => {
        const reading = readModelFiles(source, { ...files, signal: firstSignal });
        firstSignal = undefined; // Later reads belong to runs.
        return reading;
      };
      const loading = ModelCore.load({ name, provider, dims, graphCapture, readFiles });
      return loading.catch(async (error) => {
        if (error instanceof ModelError && error.code === "MODEL_INVALID") {
          await forgetModel(source, { cacheDir });
        }
        throw error;
      });
    },
  });
  return new Model(core, release);
}

/**
 * Where a model would run. Throws a `GpuError` when a GPU is required but missing, and a `ConfigError` for
 * an unknown provider.
 */
export async function chooseProvider(wanted: string = "auto"): Promise<OrtProvider> {
  if (wanted === "wasm" || wanted === "webgpu") return wanted;
  if (wanted !== "auto") {
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot run models with the provider "${wanted}": use auto, webgpu or wasm`,
    );
  }
  try {
    const { info } = await sharedGpu();
    return info.isSoftware ? "wasm" : "webgpu";
  } catch (error) {
    if (!(error instanceof GpuError) || variable("REQUIRE_GPU") === "1") throw error;
    if (error.code !== "GPU_UNAVAILABLE") {
      LOG.warn("models run on the CPU: {error}", { error: error.message });
    }
    return "wasm";
  }
}

const bytesIds = new WeakMap<Uint8Array, number>();
let nextBytesId = 0;

/** The key of a session: loads with the same key share it. */
async function loadKey(
  source: ModelSource,
  provider: OrtProvider,
  options: LoadModelOptions,
): Promise<string> {
  const { sha256, dims = {}, graphCapture = false, externalData = [] } = options;
  const files = externalData.map(async (file) => [file.path, await sourceKey(file.source)]);
  return JSON.stringify({
    source: await sourceKey(source),
    provider,
    sha256,
    graphCapture,
    dims: Object.entries(dims).sort(([a], [b]) => a < b ? -1 : 1),
    files: await Promise.all(files),
  });
}

/** A file that changed on disk is another source. */
async function sourceKey(source: ModelSource): Promise<string> {
  const address = sourceAddress(source);
  if (address instanceof URL) return address.href;
  if (address === undefined) {
    const bytes = source as Uint8Array;
    const id = bytesIds.get(bytes) ?? nextBytesId++;
    bytesIds.set(bytes, id);
    return `bytes ${id}`;
  }
  try {
    const { size, mtime } = await Deno.stat(address);
    return `${await Deno.realPath(address)} ${size} ${mtime?.getTime()}`;
  } catch {
    return address; // Reading it says what is wrong.
  }
}
