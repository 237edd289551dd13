/**
 * What `doctor` finds out about the GPU: it opens the device, which tests its arithmetic, and measures
 * how fast pictures come and go.
 *
 * @module
 */

import { ConfigError, describeError, GpuError } from "../../base/mod.ts";
import {
  type GpuInfo,
  type GpuMeasurement,
  measureGpu,
  probeVulkan,
  type SelfTestResult,
  sharedGpu,
  vulkanAdvice,
  type VulkanFindings,
} from "../../gpu/mod.ts";
import { chooseProvider } from "../../inference/mod.ts";

/** What a model runs on, and why. */
export interface ModelProvider {
  /** `none`: the settings ask for what is not there. */
  readonly name: "webgpu" | "wasm" | "none";
  readonly reason: string;
}

/** All that was found out: `gpu` of `doctor --json`. */
export interface GpuReport {
  /** The device, where one could be opened. */
  readonly device?: GpuDeviceReport;
  /** Why none could be opened. */
  readonly error?: { readonly code: string; readonly message: string };
  /** What a model runs on when its processor asks for nothing else. */
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
    await using gpu = await sharedGpu();
    const measurement = await measureGpu(gpu);
    const { info, selfTest, hasF16 } = gpu;
    const device = { ...info, selfTest, hasF16, measurement };
    return { device, provider: await reportProvider(device), ...around };
  } catch (error) {
    if (!(error instanceof GpuError)) throw error;
    const { code } = error;
    const message = describeError(error);
    return { error: { code, message }, provider: await reportProvider(undefined), ...around };
  }
}

async function reportProvider(device: GpuInfo | undefined): Promise<ModelProvider> {
  const wanted = Deno.env.get("RUNNEL_PROVIDER");
  try {
    const name = await chooseProvider(wanted);
    const isChosen = wanted !== undefined && wanted !== "auto";
    return { name, reason: isChosen ? "as RUNNEL_PROVIDER says" : providerReason(device) };
  } catch (error) {
    if (!(error instanceof GpuError || error instanceof ConfigError)) throw error;
    return { name: "none", reason: describeError(error) };
  }
}

function providerReason(device: GpuInfo | undefined): string {
  if (device === undefined) return "on the CPU, since there is no GPU";
  return device.isSoftware
    ? "on the CPU, which is faster at it than this software GPU"
    : "on the GPU, beside the frames";
}
