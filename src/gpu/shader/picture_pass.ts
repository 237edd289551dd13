/**
 * What compute passes on pictures share: uniforms in a slot of a ring, words that are read, words that
 * are written.
 *
 * @module
 */

import type { Gpu } from "../device/gpu.ts";

/** What one pass reads and writes. */
export interface PassResources {
  /** Binding 0: a slot of the {@linkcode UniformRing}, by its offset. */
  readonly uniformOffset: number;
  /** Binding 1. */
  readonly source: GPUBuffer;
  /** Binding 2. */
  readonly target: GPUBuffer;
  /** Workgroups across and down. */
  readonly workgroups: readonly [number, number];
}

/** The layout of a pipeline for such passes. */
export function passLayout(device: GPUDevice, label: string): GPUPipelineLayout {
  const visibility = GPUShaderStage.COMPUTE;
  const group = device.createBindGroupLayout({
    label,
    entries: [
      { binding: 0, visibility, buffer: { type: "uniform", hasDynamicOffset: true } },
      { binding: 1, visibility, buffer: { type: "read-only-storage" } },
      { binding: 2, visibility, buffer: { type: "storage" } },
    ],
  });
  return device.createPipelineLayout({ label, bindGroupLayouts: [group] });
}

/** Records a pass on the encoder; without one it is submitted at once. */
export function runPass(
  gpu: Gpu,
  pipeline: GPUComputePipeline,
  options: PassResources & { readonly label: string; readonly encoder?: GPUCommandEncoder },
): void {
  const { label, source, target, uniformOffset, workgroups } = options;
  const uniforms = { buffer: UniformRing.of(gpu).buffer, size: UNIFORM_SLOT_BYTES };
  const bindGroup = gpu.device.createBindGroup({
    label,
    layout: pipeline.getBindGroupLayout(0),
    entries: [
      { binding: 0, resource: uniforms },
      { binding: 1, resource: { buffer: source } },
      { binding: 2, resource: { buffer: target } },
    ],
  });
  const encoder = options.encoder ?? gpu.device.createCommandEncoder({ label });
  const pass = encoder.beginComputePass({ label });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup, [uniformOffset]);
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
  if (options.encoder === undefined) gpu.device.queue.submit([encoder.finish()]);
}

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
