/**
 * Uniforms that change with every pass: small slots of one buffer, taken in turn, so that passes
 * that were recorded and not submitted yet keep theirs.
 *
 * @module
 */

import type { Gpu } from "../device/gpu.ts";

/** Bytes of a slot, a multiple of every device's alignment of dynamic offsets. */
export const UNIFORM_SLOT_BYTES = 1024;

/** Recordings on one device that may wait for their submission at the same time. */
const SLOTS = 256;

/** The uniforms of one device. */
export class UniformRing {
  /** The buffer of all slots: bind {@linkcode UNIFORM_SLOT_BYTES} of it, with a dynamic offset. */
  readonly buffer: GPUBuffer;
  readonly #gpu: Gpu;
  #next = 0;

  private constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.buffer = gpu.device.createBuffer({
      label: "uniforms",
      size: SLOTS * UNIFORM_SLOT_BYTES,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /** The ring of a device; it lives as long as the device. */
  static of(gpu: Gpu): UniformRing {
    let ring = RINGS.get(gpu);
    if (ring === undefined) {
      ring = new UniformRing(gpu);
      RINGS.set(gpu, ring);
    }
    return ring;
  }

  /** Writes at most {@linkcode UNIFORM_SLOT_BYTES} into the next slot and gives its offset. */
  write(bytes: ArrayBuffer): number {
    const offset = this.#next * UNIFORM_SLOT_BYTES;
    this.#next = (this.#next + 1) % SLOTS;
    this.#gpu.device.queue.writeBuffer(this.buffer, offset, bytes);
    return offset;
  }
}

const RINGS = new WeakMap<Gpu, UniformRing>();
