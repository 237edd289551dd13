/**
 * Buffers that are used again: a new buffer of a video frame's size costs more than the work on it.
 *
 * @module
 */

import { GpuError } from "../base/errors.ts";

/** Sizes are rounded up to this, so that shaders may read and write whole `vec4<u32>`s at the end. */
const SIZE_STEP = 16;

/** Idle buffers hold at most this much: sixteen 4K RGBA frames, and little beside a video GPU's memory. */
const MAX_IDLE_BYTES = 512 * 2 ** 20;

/** What a pool holds. */
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
}

/** The storage buffers of one device. */
export class GpuBufferPool {
  readonly #device: GPUDevice;
  readonly #assertUsable: () => void;
  /** By size; the size used last comes last. */
  readonly #idle = new Map<number, GPUBuffer[]>();
  readonly #inUse = new Set<GPUBuffer>();
  #inUseBytes = 0;
  #idleBytes = 0;
  #idleCount = 0;
  #created = 0;
  #reused = 0;

  /** Made by `Gpu.open`. */
  constructor(device: GPUDevice, assertUsable: () => void) {
    this.#device = device;
    this.#assertUsable = assertUsable;
  }

  /** What the pool holds now. */
  get stats(): GpuPoolStats {
    return {
      inUse: this.#inUse.size,
      inUseBytes: this.#inUseBytes,
      idle: this.#idleCount,
      idleBytes: this.#idleBytes,
      created: this.#created,
      reused: this.#reused,
    };
  }

  /**
   * A buffer of at least `bytes` bytes (rounded up to 16) with `STORAGE`, `COPY_SRC` and `COPY_DST`. Its
   * content is what was left in it. Throws a {@linkcode GpuError}: `GPU_LOST`, or `GPU_LIMIT` where the
   * device takes no buffer that large.
   */
  allocate(bytes: number, label: string): GPUBuffer {
    this.#assertUsable();
    const size = this.#checkedSize(bytes, label);
    const buffer = this.#takeIdle(size) ?? this.#create(size, label);
    buffer.label = label;
    this.#inUse.add(buffer);
    this.#inUseBytes += size;
    return buffer;
  }

  /** Gives a buffer back. Does nothing with one that is not this pool's, or was given back before. */
  release(buffer: GPUBuffer): void {
    if (!this.#inUse.delete(buffer)) return;
    const { size } = buffer;
    this.#inUseBytes -= size;
    const idle = this.#idle.get(size) ?? [];
    idle.push(buffer);
    this.#idle.delete(size);
    this.#idle.set(size, idle);
    this.#idleBytes += size;
    this.#idleCount++;
    this.#forgetBeyond(MAX_IDLE_BYTES);
  }

  /** Destroys all buffers, those in use too. */
  dispose(): void {
    this.#forgetBeyond(0);
    for (const buffer of this.#inUse) buffer.destroy();
    this.#inUse.clear();
    this.#inUseBytes = 0;
  }

  #checkedSize(bytes: number, label: string): number {
    if (!Number.isInteger(bytes) || bytes < 1) {
      throw new RangeError(
        `Cannot allocate ${bytes} bytes of GPU memory: use a whole number from 1`,
      );
    }
    const size = Math.ceil(bytes / SIZE_STEP) * SIZE_STEP;
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (size > limit) {
      throw new GpuError(
        "GPU_LIMIT",
        `Cannot allocate ${size} bytes of GPU memory for ${label}: ` +
          `the device takes at most ${limit} in one buffer; use a smaller picture or model`,
        { context: { bytes: size, maxBufferSize, maxStorageBufferBindingSize } },
      );
    }
    return size;
  }

  #takeIdle(size: number): GPUBuffer | undefined {
    const idle = this.#idle.get(size);
    const buffer = idle?.pop();
    if (idle === undefined || buffer === undefined) return undefined;
    this.#idle.delete(size);
    if (idle.length > 0) this.#idle.set(size, idle);
    this.#idleBytes -= size;
    this.#idleCount--;
    this.#reused++;
    return buffer;
  }

  #create(size: number, label: string): GPUBuffer {
    this.#created++;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    return this.#device.createBuffer({ label, size, usage });
  }

  /** Destroys idle buffers, those of the sizes used longest ago first. */
  #forgetBeyond(maxBytes: number): void {
    for (const size of this.#idle.keys()) {
      while (this.#idleBytes > maxBytes) {
        const buffer = this.#takeIdle(size);
        if (buffer === undefined) break;
        this.#reused--;
        buffer.destroy();
      }
    }
  }
}
