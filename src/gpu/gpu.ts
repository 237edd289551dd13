/**
 * One WebGPU device with what belongs to it: its buffers, its readbacks, its loss.
 *
 * @module
 */

import { GpuError } from "../base/errors.ts";
import { roomLogger } from "../base/log.ts";
import { chooseAdapter, describeAdapter, type GpuInfo, requestDevice } from "./adapter.ts";
import { GpuBufferPool, type GpuPoolStats } from "./buffer_pool.ts";
import { ReadbackRing } from "./readback_ring.ts";

/** How a device is opened. */
export interface GpuOptions {
  /** A part of the adapter's name, in any case. @default the environment's GPU_ADAPTER */
  readonly adapter?: string;
  /** Refuse a software adapter. @default whether the environment's REQUIRE_GPU is 1 */
  readonly requireHardware?: boolean;
}

/** What a device did and holds. */
export interface GpuStats {
  /** Its buffers. */
  readonly pool: GpuPoolStats;
  /** Errors that WebGPU reported and nobody had asked for. */
  readonly uncapturedErrors: number;
}

const LOG = roomLogger("gpu");

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
  /** Whether shaders may use f16, and its arithmetic was seen to be right. */
  readonly hasF16: boolean;
  /** Resolves, and never rejects, when the device is lost or disposed of. */
  readonly lost: Promise<GpuError>;
  #loss: GpuError | undefined;
  #uncapturedErrors = 0;

  private constructor(device: GPUDevice, info: GpuInfo) {
    this.device = device;
    this.info = info;
    const assertUsable = () => this.assertUsable();
    this.pool = new GpuBufferPool(device, assertUsable);
    this.readback = new ReadbackRing(device, assertUsable);
    this.hasF16 = device.features.has("shader-f16");
    device.addEventListener("uncapturederror", (event) => {
      this.#uncapturedErrors++;
      const { error } = event as GPUUncapturedErrorEvent;
      LOG.error("the GPU reported: {message}", { message: error.message });
    });
    this.lost = device.lost.then(({ message }) => this.#loss ??= lossError(message));
  }

  /**
   * Opens a device. Throws a {@linkcode GpuError}: `GPU_UNAVAILABLE`, `GPU_SOFTWARE` where hardware is
   * required, `GPU_SELF_TEST` where the device computes wrongly.
   */
  static async open(options: GpuOptions = {}): Promise<Gpu> {
    const wanted = options.adapter ?? Deno.env.get("GPU_ADAPTER");
    const adapter = await chooseAdapter({
      ...(wanted === undefined ? {} : { adapter: wanted }),
      requireHardware: options.requireHardware ?? Deno.env.get("REQUIRE_GPU") === "1",
    });
    const device = await requestDevice(adapter);
    return new Gpu(device, describeAdapter(adapter, device));
  }

  /** Whether the device is lost or disposed of. */
  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /** What the device did and holds. */
  get stats(): GpuStats {
    return { pool: this.pool.stats, uncapturedErrors: this.#uncapturedErrors };
  }

  /** Throws a {@linkcode GpuError} of code `GPU_LOST` when the device is lost or disposed of. */
  assertUsable(): void {
    if (this.#loss !== undefined) throw this.#loss;
  }

  /** Copies bytes into a buffer of the pool; the last 3 bytes at most after them are 0. */
  upload(bytes: Uint8Array, label: string): GPUBuffer {
    const buffer = this.pool.allocate(bytes.length, label);
    const whole = bytes.length - bytes.length % 4;
    if (whole > 0) {
      this.device.queue.writeBuffer(buffer, 0, bytes as Uint8Array<ArrayBuffer>, 0, whole);
    }
    if (whole < bytes.length) {
      const rest = new Uint8Array(4);
      rest.set(bytes.subarray(whole));
      this.device.queue.writeBuffer(buffer, whole, rest);
    }
    return buffer;
  }

  /** Destroys the device and all of its buffers. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#loss ??= lossError("it was disposed of");
    this.readback.dispose();
    this.pool.dispose();
    this.device.destroy();
    await this.lost;
  }
}

function lossError(reason: string): GpuError {
  return new GpuError(
    "GPU_LOST",
    `Cannot use the GPU: its device was lost (${reason}); open it anew`,
  );
}
