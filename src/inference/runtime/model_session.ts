/**
 * One onnxruntime session and its rules: one run at a time, outputs are given back before the session, and
 * after a failed run or the loss of its device the session is not used again.
 *
 * @module
 */

import { type InferenceSession, Tensor } from "onnxruntime-common";
import { schedulePatiently, systemClock } from "../../base/clock.ts";
import { describeError, GpuError } from "../../base/errors.ts";
import type { Gpu } from "../../gpu/mod.ts";
import { safeConvLayout } from "../onnx/webgpu_limits.ts";
import type { OnnxFile } from "../onnx/onnx_file.ts";
import { loadError, runError } from "./ort_errors.ts";
import { isTrap, type OrtRuntime } from "./ort_runtime.ts";
import { cpuFeeds, gpuFeeds, gpuOutput, type OwnedTensor } from "./run_tensors.ts";
import { type ModelTensorInfo, tensorInfos, type TensorMap } from "./tensor_info.ts";

/** Only fatal errors are printed: all others are also thrown. */
const QUIET = { logSeverityLevel: 4 } as const;

/** How long a run may go on after its device was lost: it may wait forever. */
const LOST_RUN_MS = 2_000;

/** How long after a failed run the loss of the device that caused it may become known. */
const LOSS_NOTICE_MS = 50;

/** What a session is made of. */
export interface SessionSource {
  /** The model's name in messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly externalData: readonly { readonly path: string; readonly data: Uint8Array }[];
  /** What the file says; undefined for onnxruntime's own format. */
  readonly file: OnnxFile | undefined;
  readonly dims: Readonly<Record<string, number>>;
}

/** Where a session lives. */
export interface SessionPlace {
  readonly runtime: OrtRuntime;
  /** The device of a `webgpu` runtime. */
  readonly gpu: Gpu | undefined;
}

/**
 * `TensorProto.DataType` of the types that may lie in GPU buffers: float, uint8, int32, int64,
 * bool, float16, uint32.
 */
const GPU_ELEMENT_TYPES: ReadonlySet<number> = new Set([1, 2, 6, 7, 9, 10, 12]);

/** A loaded model. */
export class ModelSession {
  readonly name: string;
  readonly runtime: OrtRuntime;
  readonly gpu: Gpu | undefined;
  readonly inputs: readonly ModelTensorInfo[];
  readonly outputs: readonly ModelTensorInfo[];
  readonly #session: InferenceSession;
  /** Outputs that were not disposed of: onnxruntime crashes where one outlives its session. */
  readonly #owned = new Set<OwnedTensor>();
  #hasFailed = false;
  #isReleased = false;
  #giveUp: ((error: GpuError) => void) | undefined;
  #lostTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(name: string, session: InferenceSession, { runtime, gpu }: SessionPlace) {
    this.name = name;
    this.runtime = runtime;
    this.gpu = gpu;
    this.#session = session;
    this.inputs = tensorInfos(session.inputMetadata);
    this.outputs = tensorInfos(session.outputMetadata);
    // The device outlives its sessions, and must not keep them.
    const self = new WeakRef(this);
    gpu?.lost.then((loss) => {
      const session = self.deref();
      if (session !== undefined) session.#onLost(loss);
    });
  }

  /** Creates a session. Throws a `ModelError`, or a `GpuError` of code `GPU_LOST`. */
  static async create(
    source: SessionSource,
    place: SessionPlace,
    options: { readonly graphCapture?: boolean } = {},
  ): Promise<ModelSession> {
    const { runtime, gpu } = place;
    return await runtime.exclusive(async () => {
      gpu?.assertUsable();
      try {
        const settings = sessionOptions(source, gpu, options.graphCapture ?? false);
        const session = await runtime.ort.InferenceSession.create(source.bytes, settings);
        return new ModelSession(source.name, session, place);
      } catch (error) {
        if (isTrap(error)) runtime.abandon(describeError(error));
        if (gpu !== undefined && await isGone(gpu)) gpu.assertUsable();
        throw loadError(source.name, error);
      }
    });
  }

  /** Whether it can still run. */
  get isUsable(): boolean {
    return !(this.#hasFailed || this.#isReleased || this.runtime.isBroken || this.gpu?.isLost);
  }

  /** Outputs that were not disposed of. */
  get liveOutputs(): number {
    return this.#owned.size;
  }

  /**
   * Runs the model once, after all that was asked of the runtime before. Resolves to undefined, without a
   * run, where the session became unusable while this waited. Throws a `ModelError`, or a `GpuError` of
   * code `GPU_LOST` where the device was lost meanwhile.
   */
  async run(feeds: TensorMap, outputs: readonly string[]): Promise<TensorMap | undefined> {
    const ready = this.gpu === undefined ? await cpuFeeds(this.name, feeds) : feeds;
    return await this.exclusive(async () => {
      const results = await this.#runOnce(ready, outputs);
      return Object.fromEntries(
        Object.entries(results).map(([name, tensor]) => [name, this.#own(tensor)]),
      );
    });
  }

  /** Runs from and into the same tensors each time, which graph capture needs; within `exclusive`. */
  async replay(feeds: TensorMap, outputs: TensorMap): Promise<void> {
    await this.#session.run(feeds, outputs, QUIET);
  }

  /** Calls `work`, which uses the session, in its turn; see `run`. */
  async exclusive<T>(work: () => Promise<T>): Promise<T | undefined> {
    return await this.runtime.exclusive(async () => {
      this.gpu?.assertUsable();
      if (!this.isUsable) return undefined;
      try {
        const result = await this.#unlessLost(work());
        this.gpu?.assertUsable();
        return result;
      } catch (error) {
        throw await this.#failed(error);
      }
    });
  }

  /** Gives everything back, outputs that are still held too. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    clearTimeout(this.#lostTimer);
    await this.runtime.exclusive(async () => {
      for (const tensor of this.#owned) tensor.dispose();
      if (this.runtime.isBroken) return;
      try {
        await this.#session.release();
      } catch (error) {
        // A session that cannot be released leaves a runtime that cannot be trusted.
        this.runtime.abandon(describeError(error));
      }
    });
  }

  async #runOnce(feeds: TensorMap, outputs: readonly string[]): Promise<TensorMap> {
    if (this.gpu === undefined) return await this.#session.run(feeds, outputs, QUIET);
    const uploaded = gpuFeeds(this.gpu, feeds);
    try {
      return await this.#session.run(uploaded.feeds, outputs, QUIET);
    } finally {
      uploaded.release();
    }
  }

  async #failed(error: unknown): Promise<Error> {
    // Its input binding holds the inputs of the failed run, and the next run would use them.
    if (this.gpu !== undefined) this.#hasFailed = true;
    if (isTrap(error)) this.runtime.abandon(describeError(error));
    if (error instanceof GpuError) return error;
    if (this.gpu !== undefined && await isGone(this.gpu)) return lostInRun(this.name, error);
    return runError(this.name, error);
  }

  async #unlessLost<T>(running: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#giveUp = reject;
    try {
      return await Promise.race([running, promise]);
    } finally {
      this.#giveUp = undefined;
      clearTimeout(this.#lostTimer);
    }
  }

  #onLost(loss: GpuError): void {
    if (this.#giveUp === undefined) return;
    this.#lostTimer = setTimeout(() => {
      this.runtime.abandon("a run did not end after its device was lost");
      this.#giveUp?.(loss);
    }, LOST_RUN_MS);
  }

  #own(tensor: Tensor): Tensor {
    if (tensor.location !== "gpu-buffer" || this.gpu === undefined) return common(tensor);
    const owned = gpuOutput(tensor, this.gpu, {
      isAlive: () => !this.runtime.isBroken,
      onDispose: () => this.#owned.delete(owned),
    });
    this.#owned.add(owned);
    return owned.tensor;
  }
}

/** Whether a device is lost: a failure that the loss caused may be known before the loss. */
async function isGone(gpu: Gpu): Promise<boolean> {
  if (gpu.isLost) return true;
  const { promise: passed, resolve } = Promise.withResolvers<void>();
  const cancel = schedulePatiently(systemClock, LOSS_NOTICE_MS, resolve);
  await Promise.race([gpu.lost, passed]);
  cancel();
  return gpu.isLost;
}

/** A CPU tensor of the class that everybody else has. */
function common(tensor: Tensor): Tensor {
  return tensor instanceof Tensor ? tensor : new Tensor(tensor.type, tensor.data, tensor.dims);
}

function sessionOptions(
  source: SessionSource,
  gpu: Gpu | undefined,
  enableGraphCapture: boolean,
): InferenceSession.SessionOptions {
  const shared: InferenceSession.SessionOptions = {
    ...QUIET,
    freeDimensionOverrides: source.dims,
    externalData: source.externalData,
  };
  if (gpu === undefined) return { ...shared, executionProviders: ["wasm"] };
  const provider: InferenceSession.WebGpuExecutionProviderOption = {
    name: "webgpu",
    device: gpu.device,
    preferredLayout: safeConvLayout(source.file),
  };
  const locations = (source.file?.outputs ?? []).map(({ name, elementType }) =>
    [name, GPU_ELEMENT_TYPES.has(elementType) ? "gpu-buffer" : "cpu"] as const
  );
  return {
    ...shared,
    executionProviders: [provider],
    preferredOutputLocation: Object.fromEntries(locations),
    ...(enableGraphCapture ? { enableGraphCapture } : {}),
  };
}

function lostInRun(model: string, cause: unknown): GpuError {
  return new GpuError(
    "GPU_LOST",
    `Cannot run the model ${model}: its GPU device was lost during the run; run it again`,
    { cause, context: { model } },
  );
}
