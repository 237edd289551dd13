/**
 * What passes of a kind share: uniforms in a slot of the ring, words that are read, words that are
 * written.
 *
 * @module
 */

import type { Gpu } from "../device/gpu.ts";
import { UNIFORM_SLOT_BYTES, UniformRing } from "./uniform_ring.ts";

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
