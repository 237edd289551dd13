/**
 * What `doctor` finds out about the GPU: it opens the device, which tests its arithmetic, and measures
 * how fast pictures come and go.
 *
 * @module
 */

import { describeError, GpuError } from "../../base/mod.ts";
import {
  Gpu,
  type GpuInfo,
  type GpuMeasurement,
  measureGpu,
  probeVulkan,
  type SelfTestResult,
  vulkanAdvice,
  type VulkanFindings,
} from "../../gpu/mod.ts";

/** What a model runs on, and why. */
export interface ModelProvider {
  readonly name: "webgpu" | "wasm";
  readonly reason: string;
}

/** All that was found out: `gpu` of `doctor --json`. */
export interface GpuReport {
  /** The device, where one could be opened. */
  readonly device?: GpuDeviceReport;
  /** Why none could be opened. */
  readonly error?: { readonly code: string; readonly message: string };
  /** What a model runs on when nothing else is asked for. */
  readonly provider: ModelProvider;
  /** The Vulkan loader and drivers; on Linux only. */
  readonly vulkan?: VulkanFindings;
  /** What to do about Vulkan, a sentence each. */
  readonly advice: readonly string[];
}

/** A device that could be opened. */
export interface GpuDeviceReport extends GpuInfo {
  readonly selfTest: SelfTestResult;
  readonly hasF16: boolean;
  readonly measurement: GpuMeasurement;
}

/** Opens the device, measures, and looks around where there is none. Throws only what is no `GpuError`. */
export async function reportGpu(): Promise<GpuReport> {
  const vulkan = Deno.build.os === "linux" ? probeVulkan() : undefined;
  const around = {
    ...(vulkan === undefined ? {} : { vulkan }),
    advice: vulkan === undefined ? [] : vulkanAdvice(vulkan),
  };
  try {
    const device = await reportDevice();
    return { device, provider: chooseProvider(device), ...around };
  } catch (error) {
    if (!(error instanceof GpuError)) throw error;
    const { code } = error;
    const message = describeError(error);
    return { error: { code, message }, provider: chooseProvider(undefined), ...around };
  }
}

async function reportDevice(): Promise<GpuDeviceReport> {
  await using gpu = await Gpu.open();
  const measurement = await measureGpu(gpu);
  return { ...gpu.info, selfTest: gpu.selfTest, hasF16: gpu.hasF16, measurement };
}

/** What a model of provider "auto" runs on. */
export function chooseProvider(
  device: { readonly isSoftware: boolean } | undefined,
): ModelProvider {
  if (device === undefined) return { name: "wasm", reason: "on the CPU, since there is no GPU" };
  return device.isSoftware
    ? { name: "wasm", reason: "on the CPU, which is faster at it than this software GPU" }
    : { name: "webgpu", reason: "on the GPU, beside the frames" };
}
