/**
 * Buffers that are used again: making a buffer of a video frame's size costs more than the work on it.
 *
 * @module
 */

import { describeError, GpuError } from "../../base/errors.ts";

/** Sizes are rounded up to this, so that shaders may read and write whole `vec4<u32>`s at the end. */
const SIZE_STEP = 16;

/** How much a pool may hold. */
export interface GpuPoolOptions {
  /** Bytes of buffers in use. More of them is a leak. @default 8 GiB: some 60 streams of 1080p */
  readonly maxBytes?: number;
  /** Bytes of idle buffers. @default 512 MiB: sixteen RGBA pictures of 4K, little for a video GPU */
  readonly maxIdleBytes?: number;
}

/** What a pool holds and did. */
export interface GpuPoolStats {
  /** Buffers that were handed out and not released. */
  readonly inUse: number;
  /** Their bytes. */
  readonly inUseBytes: number;
  /** Buffers that wait to be used again. */
  readonly idle: number;
  /** Their bytes. */
  readonly idleBytes: number;
  /** Buffers that were made. */
  readonly created: number;
  /** Times that an idle one was used instead. */
  readonly reused: number;
  /** Buffers that the device had no memory for. */
  readonly failed: number;
}

/** The storage buffers of one device. */
export class GpuBufferPool {
  readonly #device: GPUDevice;
  readonly #assertUsable: () => void;
  readonly #maxBytes: number;
  readonly #maxIdleBytes: number;
  /** By size; the size used last comes last. */
  readonly #idle = new Map<number, GPUBuffer[]>();
  readonly #inUse = new Set<GPUBuffer>();
  /** Buffers in use that have no memory. */
  readonly #failures = new Map<GPUBuffer, GpuError>();
  #inUseBytes = 0;
  #idleBytes = 0;
  #idleCount = 0;
  #created = 0;
  #reused = 0;
  #failed = 0;

  /** Made by `Gpu.open`. `assertUsable` throws when the device is lost. */
  constructor(device: GPUDevice, assertUsable: () => void, options: GpuPoolOptions = {}) {
    this.#device = device;
    this.#assertUsable = assertUsable;
    this.#maxBytes = options.maxBytes ?? 8 * 2 ** 30;
    this.#maxIdleBytes = options.maxIdleBytes ?? 512 * 2 ** 20;
  }

  /** What the pool holds now and did since it was made. */
  get stats(): GpuPoolStats {
    return {
      inUse: this.#inUse.size,
      inUseBytes: this.#inUseBytes,
      idle: this.#idleCount,
      idleBytes: this.#idleBytes,
      created: this.#created,
      reused: this.#reused,
      failed: this.#failed,
    };
  }

  /**
   * A buffer of `bytes` bytes, rounded up to 16, with `STORAGE`, `COPY_SRC` and `COPY_DST`. It keeps the
   * content and the label of its earlier use. Throws a {@linkcode GpuError}: `GPU_LOST`; `GPU_LIMIT` when
   * the device takes no buffer that large; `GPU_MEMORY` beyond the pool's `maxBytes`. Whether the device
   * itself is out of memory is known a microtask later: see {@linkcode assertAllocated}.
   */
  allocate(bytes: number, label: string): GPUBuffer {
    this.#assertUsable();
    const size = this.#checkedSize(bytes, label);
    const buffer = this.#takeIdle(size) ?? this.#create(size, label);
    this.#inUse.add(buffer);
    this.#inUseBytes += size;
    return buffer;
  }

  /** Gives a buffer back. Ignores buffers of other pools and those that were given back before. */
  release(buffer: GPUBuffer): void {
    if (!this.#inUse.delete(buffer)) return;
    const { size } = buffer;
    this.#inUseBytes -= size;
    if (this.#failures.delete(buffer)) {
      buffer.destroy();
      return;
    }
    const idle = this.#idle.get(size) ?? [];
    idle.push(buffer);
    this.#idle.delete(size);
    this.#idle.set(size, idle);
    this.#idleBytes += size;
    this.#idleCount++;
    this.#forgetBeyond(this.#maxIdleBytes);
  }

  /**
   * Counts a buffer as lost whose owner never released it. A pass may still read it, so it is neither
   * used again nor destroyed; the garbage collector frees its memory.
   */
  abandon(buffer: GPUBuffer): void {
    if (!this.#inUse.delete(buffer)) return;
    this.#inUseBytes -= buffer.size;
    this.#failures.delete(buffer);
  }

  /**
   * Throws a {@linkcode GpuError} of code `GPU_MEMORY` while a buffer is in use that the device had no
   * memory for: what was computed since may be of other pictures' bytes. `ReadbackRing.read` looks here.
   */
  assertAllocated(): void {
    for (const error of this.#failures.values()) throw error;
  }

  /** Destroys all buffers, those in use too. */
  dispose(): void {
    this.#forgetBeyond(0);
    for (const buffer of this.#inUse) buffer.destroy();
    this.#inUse.clear();
    this.#failures.clear();
    this.#inUseBytes = 0;
  }

  #checkedSize(bytes: number, label: string): number {
    if (!Number.isInteger(bytes) || bytes < 1) {
      throw new RangeError(`Cannot allocate ${bytes} bytes on the GPU: use a whole number from 1`);
    }
    const size = Math.ceil(bytes / SIZE_STEP) * SIZE_STEP;
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (size > limit) {
      throw new GpuError(
        "GPU_LIMIT",
        `Cannot allocate ${size} bytes on the GPU for ${label}: the device takes at most ${limit} ` +
          "in one buffer; use a smaller picture or model",
        { context: { bytes: size, maxBufferSize, maxStorageBufferBindingSize } },
      );
    }
    if (this.#inUseBytes + size > this.#maxBytes) {
      throw this.#memoryError(
        size,
        label,
        `the most that may be in use is ${this.#maxBytes}; close the frames that are done with`,
      );
    }
    return size;
  }

  #takeIdle(size: number): GPUBuffer | undefined {
    const buffer = this.#popIdle(size);
    if (buffer !== undefined) this.#reused++;
    return buffer;
  }

  #popIdle(size: number): GPUBuffer | undefined {
    const idle = this.#idle.get(size);
    const buffer = idle?.pop();
    if (idle === undefined || buffer === undefined) return undefined;
    this.#idle.delete(size);
    if (idle.length > 0) this.#idle.set(size, idle);
    this.#idleBytes -= size;
    this.#idleCount--;
    return buffer;
  }

  #create(size: number, label: string): GPUBuffer {
    this.#created++;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.#device.pushErrorScope("out-of-memory");
    const buffer = this.#device.createBuffer({ label, size, usage });
    this.#device.popErrorScope().then(
      (error) => error === null ? undefined : this.#fail(buffer, label, error.message),
      (error) => this.#fail(buffer, label, describeError(error)),
    );
    return buffer;
  }

  /** Notes that a buffer has no memory, and frees what is idle, so that the next one may have some. */
  #fail(buffer: GPUBuffer, label: string, reason: string): void {
    this.#failed++;
    this.#forget(buffer);
    if (this.#inUse.has(buffer)) {
      const error = this.#memoryError(
        buffer.size,
        label,
        `${reason}; use fewer or smaller streams`,
      );
      this.#failures.set(buffer, error);
    }
    this.#forgetBeyond(0);
  }

  #memoryError(size: number, label: string, reason: string): GpuError {
    const { inUseBytes, idleBytes } = this.stats;
    return new GpuError(
      "GPU_MEMORY",
      `Cannot allocate ${size} bytes on the GPU for ${label}, beside the ${inUseBytes} in use ` +
        `and ${idleBytes} idle: ${reason}`,
      { context: { bytes: size, inUseBytes, idleBytes } },
    );
  }

  /** Takes one buffer out of the idle ones, where it is. */
  #forget(buffer: GPUBuffer): void {
    const idle = this.#idle.get(buffer.size);
    const index = idle?.indexOf(buffer) ?? -1;
    if (idle === undefined || index < 0) return;
    idle.splice(index, 1);
    this.#idleBytes -= buffer.size;
    this.#idleCount--;
    buffer.destroy();
  }

  /** Destroys idle buffers, those of the sizes used longest ago first. */
  #forgetBeyond(maxBytes: number): void {
    for (const size of [...this.#idle.keys()]) {
      while (this.#idleBytes > maxBytes) {
        const buffer = this.#popIdle(size);
        if (buffer === undefined) break;
        buffer.destroy();
      }
      if (this.#idleBytes <= maxBytes) return;
    }
  }
}
