/**
 * A loaded model, as all its users share it: its session, made anew where it cannot go on.
 *
 * @module
 */

import { ModelError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import { type Gpu, sharedGpu } from "../../gpu/mod.ts";
import { type CapturedRun, tryGraphCapture } from "./graph_capture.ts";
import { checkFitsDevice } from "../onnx/webgpu_limits.ts";
import type { ModelFiles } from "../files/model_files.ts";
import { ModelSession, type SessionSource } from "./model_session.ts";
import { type OrtProvider, ortRuntime } from "./ort_runtime.ts";
import { checkFeeds, type ModelTensorInfo, type TensorMap } from "./tensor_info.ts";

/** Figures of a model. */
export interface ModelStats {
  /** Runs that gave outputs. */
  readonly runs: number;
  /** Runs that failed. */
  readonly failedRuns: number;
  /** How long the last run took, in milliseconds; on the GPU until it was handed its work. */
  readonly lastRunMs: number | undefined;
  /** How long all runs took together, in milliseconds. */
  readonly totalRunMs: number;
  /** How long reading, creating and checking it took, in milliseconds. */
  readonly loadMs: number;
  /** Times that the session was made anew: after a lost device or a failed run. */
  readonly reloads: number;
  /** Bytes of its files; the device holds about as much for a `webgpu` model. */
  readonly bytes: number;
  /** Outputs in GPU memory that were not disposed of. */
  readonly liveOutputs: number;
  /** Whether runs are replayed from a capture. */
  readonly graphCapture: boolean;
  /** Why runs are not replayed although that was asked for. */
  readonly graphCaptureProblem: string | undefined;
}

/** What a model is made of. */
export interface ModelCoreOptions {
  readonly name: string;
  readonly provider: OrtProvider;
  readonly dims: Readonly<Record<string, number>>;
  readonly graphCapture: boolean;
  /** Reads the model's files; again after a loss, so that they need not stay in memory. */
  readonly readFiles: () => Promise<ModelFiles>;
}

const LOG = roomLogger("inference");

/** A loaded model. */
export class ModelCore {
  readonly name: string;
  readonly provider: OrtProvider;
  readonly bytes: number;
  readonly inputs: readonly ModelTensorInfo[];
  readonly outputs: readonly ModelTensorInfo[];
  readonly #options: ModelCoreOptions;
  readonly #loadMs: number;
  #loaded: LoadedSession;
  #reloading: Promise<LoadedSession> | undefined;
  #isReleased = false;
  #runs = 0;
  #failedRuns = 0;
  #reloads = 0;
  #lastRunMs: number | undefined;
  #totalRunMs = 0;

  private constructor(options: ModelCoreOptions, loaded: LoadedSession, loadMs: number) {
    this.name = options.name;
    this.provider = options.provider;
    this.bytes = loaded.bytes;
    this.inputs = loaded.session.inputs;
    this.outputs = loaded.session.outputs;
    this.#options = options;
    this.#loaded = loaded;
    this.#loadMs = loadMs;
  }

  /** Loads a model. Throws a `ModelError` or a `GpuError`. */
  static async load(options: ModelCoreOptions): Promise<ModelCore> {
    const startMs = performance.now();
    const loaded = await loadSession(options);
    return new ModelCore(options, loaded, performance.now() - startMs);
  }

  /** The device that its buffers are on now. */
  get gpu(): Gpu | undefined {
    return this.#loaded.session.gpu;
  }

  /** Its figures. */
  get stats(): ModelStats {
    return {
      runs: this.#runs,
      failedRuns: this.#failedRuns,
      lastRunMs: this.#lastRunMs,
      totalRunMs: this.#totalRunMs,
      loadMs: this.#loadMs,
      reloads: this.#reloads,
      bytes: this.bytes,
      liveOutputs: this.#loaded.session.liveOutputs,
      graphCapture: this.#loaded.captured !== undefined,
      graphCaptureProblem: this.#loaded.captureProblem,
    };
  }

  /** See `Model.run`. */
  async run(feeds: TensorMap, outputs: readonly string[]): Promise<TensorMap> {
    try {
      checkFeeds(this.name, { inputs: this.inputs, feeds });
      for (;;) {
        const { session, captured } = await this.#usable();
        const startMs = performance.now();
        const results = await (captured ?? session).run(feeds, outputs);
        if (results === undefined) continue; // Another's run failed while this one waited.
        this.#runs++;
        this.#lastRunMs = performance.now() - startMs;
        this.#totalRunMs += this.#lastRunMs;
        return results;
      }
    } catch (error) {
      this.#failedRuns++;
      throw error;
    }
  }

  /** Gives everything back. */
  async release(): Promise<void> {
    this.#isReleased = true;
    await this.#reloading?.catch(() => undefined); // Whoever asked for it has the error.
    await releaseSession(this.#loaded);
  }

  async #usable(): Promise<LoadedSession> {
    if (this.#isReleased) {
      throw new ModelError("MODEL_RUN", `Cannot run the model ${this.name}: it is closed; load it`);
    }
    if (isUsable(this.#loaded)) return this.#loaded;
    this.#reloading ??= this.#reload().finally(() => this.#reloading = undefined);
    return await this.#reloading;
  }

  async #reload(): Promise<LoadedSession> {
    const old = this.#loaded;
    LOG.warn("the model {name} is loaded anew", { name: this.name });
    // The new session is created first: compiled shaders are freed with the device's last session.
    this.#loaded = await loadSession(this.#options);
    this.#reloads++;
    await releaseSession(old);
    return this.#loaded;
  }
}

interface LoadedSession {
  readonly session: ModelSession;
  /** Replays the session's work, where that was asked for and gives the same. */
  readonly captured: CapturedRun | undefined;
  readonly captureProblem: string | undefined;
  readonly bytes: number;
}

function isUsable({ session, captured }: LoadedSession): boolean {
  return session.isUsable && captured?.isUsable !== false;
}

async function releaseSession({ session, captured }: LoadedSession): Promise<void> {
  await captured?.release();
  await session.release();
}

async function loadSession(options: ModelCoreOptions): Promise<LoadedSession> {
  const { name, provider, dims } = options;
  const { bytes, file, externalData } = await options.readFiles();
  const gpu = provider === "webgpu" ? await sharedGpu() : undefined;
  if (gpu !== undefined) checkFitsDevice(name, file, gpu.info.limits);
  const place = { runtime: await ortRuntime(provider), gpu };
  const source: SessionSource = { name, bytes, externalData, file, dims };
  const total = externalData.reduce((sum, { data }) => sum + data.length, bytes.length);
  const session = await ModelSession.create(source, place);
  const noCapture = { session, captured: undefined, captureProblem: undefined, bytes: total };
  if (!options.graphCapture) return noCapture;
  if (gpu === undefined) return { ...noCapture, captureProblem: "it runs on the CPU" };
  const captured = await tryGraphCapture(source, session, gpu);
  if (typeof captured === "string") return { ...noCapture, captureProblem: captured };
  return { ...noCapture, captured };
}
