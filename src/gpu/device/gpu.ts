/// <reference types="@webgpu/types" />
// Deno knows WebGPU's types by itself; the compilers of browsers and other runtimes have them from
// there. Every module with a public GPU object imports this one.
/**
 * One WebGPU device with what belongs to it: its buffers, its readbacks, its loss.
 *
 * @module
 */

import { variable } from "../../base/environment.ts";
import { GpuError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import { chooseAdapter, describeAdapter, type GpuInfo, requestDevice } from "./adapter.ts";
import { canReadEarly } from "./early_reads.ts";
import { GpuBufferPool, type GpuPoolOptions, type GpuPoolStats } from "./buffer_pool.ts";
import { ReadbackRing, type ReadbackStats } from "./readback_ring.ts";
import { type SelfTestResult, testDevice } from "./self_test.ts";

/** How a device is opened. */
export interface GpuOptions {
  /** A part of the adapter's name, in any case. @default the environment's GPU_ADAPTER, or any */
  readonly adapter?: string;
  /** Refuse a software adapter. @default whether the environment's REQUIRE_GPU is 1 */
  readonly requireHardware?: boolean;
  /** How much memory its pool may hold. */
  readonly pool?: GpuPoolOptions;
}

/** What a device did and holds. */
export interface GpuStats {
  /** Its storage buffers. */
  readonly pool: GpuPoolStats;
  /** Its readbacks. */
  readonly readback: ReadbackStats;
  /** Errors that WebGPU reported outside error scopes. */
  readonly uncapturedErrors: number;
}

/** The most uncaptured errors that are logged: they may come with every frame. */
const MAX_LOGGED_ERRORS = 5;

const LOG = roomLogger("gpu");

/**
 * Each upload keeps a copy of its bytes until the next submission. Frames that are not used on the GPU
 * submit nothing, so their copies would be kept forever: after this many uploads, one is submitted.
 */
const UPLOADS_A_SUBMISSION = 4;

/** A WebGPU device of our own. */
export class Gpu implements AsyncDisposable {
  /** The device. */
  readonly device: GPUDevice;
  /** The adapter that it is of. */
  readonly info: GpuInfo;
  /** Its storage buffers. */
  readonly pool: GpuBufferPool;
  /** The way back to the CPU. */
  readonly readback: ReadbackRing;
  /** The result of the numeric self-test at its opening. */
  readonly selfTest: SelfTestResult;
  /** Resolves, and never rejects, when the device is lost or disposed of; the code is `GPU_LOST`. */
  readonly lost: Promise<GpuError>;
  #loss: GpuError | undefined;
  #uncapturedErrors = 0;
  #uploads = 0;

  private constructor(device: GPUDevice, parts: GpuParts) {
    this.device = device;
    this.info = parts.info;
    this.selfTest = parts.selfTest;
    const assertUsable = (): void => this.assertUsable();
    this.pool = new GpuBufferPool(device, assertUsable, parts.pool);
    const assertAllocated = (): void => this.pool.assertAllocated();
    this.readback = new ReadbackRing(device, {
      readsEarly: parts.readsEarly,
      assertUsable,
      assertAllocated,
    });
    device.addEventListener("uncapturederror", (event) => {
      this.#noteError((event as GPUUncapturedErrorEvent).error);
    });
    this.lost = device.lost.then(({ message }) => this.#lose(message));
  }

  /**
   * Opens a device, tests its arithmetic, and warns where it is software. Throws a
   * {@linkcode GpuError}: `GPU_UNAVAILABLE` when there is no adapter, or no adapter of that name;
   * `GPU_SOFTWARE` when hardware is required; `GPU_SELF_TEST` when it computes wrong results.
   */
  static async open(options: GpuOptions = {}): Promise<Gpu> {
    const adapter = await chooseAdapter({
      adapter: options.adapter ?? variable("GPU_ADAPTER") ?? "",
      requireHardware: options.requireHardware ?? variable("REQUIRE_GPU") === "1",
    });
    const device = await requestDevice(adapter);
    const info = describeAdapter(adapter, device);
    try {
      const [selfTest, readsEarly] = await Promise.all([testDevice(device), canReadEarly(device)]);
      warnOf(info, selfTest);
      return new Gpu(device, { info, selfTest, readsEarly, pool: options.pool ?? {} });
    } catch (error) {
      device.destroy();
      throw error;
    }
  }

  /** Whether shaders may use f16: the device has it, and the self-test saw it compute rightly. */
  get hasF16(): boolean {
    return this.selfTest.f16 === "right";
  }

  /** Whether the device is lost or disposed of. */
  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /** What the device did and holds. */
  get stats(): GpuStats {
    return {
      pool: this.pool.stats,
      readback: this.readback.stats,
      uncapturedErrors: this.#uncapturedErrors,
    };
  }

  /** Throws a {@linkcode GpuError} of code `GPU_LOST` when the device is lost or disposed of. */
  assertUsable(): void {
    if (this.#loss !== undefined) throw this.#loss;
  }

  /**
   * Copies bytes into a buffer of the pool, padded with zeros to whole words. Throws
   * as the pool's `allocate` does.
   */
  upload(bytes: Uint8Array, label: string): GPUBuffer {
    const buffer = this.pool.allocate(bytes.length, label);
    const { queue } = this.device;
    const whole = bytes.length - bytes.length % 4;
    if (whole > 0) queue.writeBuffer(buffer, 0, bytes as Uint8Array<ArrayBuffer>, 0, whole);
    if (whole < bytes.length) {
      const last = new Uint8Array(4);
      last.set(bytes.subarray(whole));
      queue.writeBuffer(buffer, whole, last);
    }
    this.#uploads++;
    if (this.#uploads % UPLOADS_A_SUBMISSION === 0) queue.submit([]);
    return buffer;
  }

  /** Destroys the device and all of its buffers. Reads under way reject with `GPU_LOST`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#loss ??= lossError("it was disposed of");
    this.readback.fail(this.#loss);
    await this.readback.dispose();
    this.pool.dispose();
    this.device.destroy();
    await this.lost;
  }

  #noteError(error: GPUError): void {
    this.#uncapturedErrors++;
    if (this.#uncapturedErrors > MAX_LOGGED_ERRORS) return;
    const more = this.#uncapturedErrors === MAX_LOGGED_ERRORS ? " (more are only counted)" : "";
    LOG.error("{adapter} reported an error: {message}{more}", {
      adapter: this.info.name,
      message: error.message,
      more,
    });
  }

  #lose(reason: string): GpuError {
    if (this.#loss !== undefined) return this.#loss;
    this.#loss = lossError(reason);
    LOG.error("the device of {adapter} was lost: {reason}", { adapter: this.info.name, reason });
    this.readback.fail(this.#loss);
    this.pool.dispose();
    return this.#loss;
  }
}

interface GpuParts {
  readonly info: GpuInfo;
  readonly selfTest: SelfTestResult;
  readonly readsEarly: boolean;
  readonly pool: GpuPoolOptions;
}

function warnOf({ name, isSoftware }: GpuInfo, { f16Problem }: SelfTestResult): void {
  if (isSoftware) {
    LOG.warn(
      '{name} computes on the CPU: frames on it are slow; "runnel doctor" says what a GPU needs',
      { name },
    );
  }
  if (f16Problem !== undefined) {
    LOG.warn("f16 shaders are not used: {name} computes them wrongly ({problem})", {
      name,
      problem: f16Problem,
    });
  }
}

function lossError(reason: string): GpuError {
  return new GpuError(
    "GPU_LOST",
    `Cannot use the GPU: its device was lost (${reason}); open it anew`,
  );
}
