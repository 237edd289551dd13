/**
 * Which adapter is used, and what is asked of it.
 *
 * @module
 */

import { GpuError } from "../base/errors.ts";

/** What is known of an adapter. */
export interface GpuInfo {
  /** The name that the driver gives: "NVIDIA H100 80GB HBM3". */
  readonly name: string;
  /** The vendor as WebGPU says it: a name or a PCI number. */
  readonly vendor: string;
  /** The architecture; empty where the driver does not say. */
  readonly architecture: string;
  /** Whether the CPU computes what a GPU should. */
  readonly isSoftware: boolean;
  /** The optional features that the adapter has. */
  readonly features: readonly string[];
  /** The limits of the device. */
  readonly limits: Readonly<Record<string, number>>;
}

/** How an adapter is chosen. */
export interface AdapterChoice {
  /** A part of the adapter's name, in any case. @default none: the high-performance one */
  readonly adapter?: string;
  /** Refuse a software adapter. @default false */
  readonly requireHardware?: boolean;
}

/** Limits that the device gets as high as the adapter has them: models and large pictures need them. */
const RAISED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxStorageBuffersPerShaderStage",
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** Features that the device gets where the adapter has them. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ["shader-f16", "timestamp-query"];

/** The ways of asking for an adapter: WebGPU gives no list, so these are all that can be found. */
const REQUESTS: readonly GPURequestAdapterOptions[] = [
  { powerPreference: "high-performance" },
  { powerPreference: "low-power" },
  { forceFallbackAdapter: true },
];

/**
 * Finds the adapter that was asked for. Throws a {@linkcode GpuError}: `GPU_UNAVAILABLE` where there is
 * none of that name, or none at all, and `GPU_SOFTWARE` where only a refused software adapter is.
 */
export async function chooseAdapter(choice: AdapterChoice): Promise<GPUAdapter> {
  const found = await findAdapters();
  if (found.length === 0) {
    throw new GpuError(
      "GPU_UNAVAILABLE",
      "Cannot open a GPU: no WebGPU adapter was found; install a Vulkan driver",
    );
  }
  const wanted = choice.adapter?.toLowerCase() ?? "";
  const named = found.filter((adapter) => adapterName(adapter).toLowerCase().includes(wanted));
  const names = found.map(adapterName);
  if (named.length === 0) {
    throw new GpuError(
      "GPU_UNAVAILABLE",
      `Cannot open the GPU "${choice.adapter}": found ${names.join(", ")}; ` +
        "set GPU_ADAPTER to a part of one of these names, or leave it out",
      { context: { adapters: names } },
    );
  }
  const hardware = named.find((adapter) => !isSoftware(adapter));
  if (hardware === undefined && choice.requireHardware === true) {
    throw new GpuError(
      "GPU_SOFTWARE",
      `Cannot open a GPU: ${
        names.join(", ")
      } computes on the CPU, and a hardware GPU is required; ` +
        "install its Vulkan driver, or do not set REQUIRE_GPU",
      { context: { adapters: names } },
    );
  }
  return hardware ?? named[0]!;
}

/** Opens the adapter's device, with its own limits and the features that are used. */
export async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of RAISED_LIMITS) requiredLimits[name] = adapter.limits[name];
  const requiredFeatures = WANTED_FEATURES.filter((name) => adapter.features.has(name));
  return await adapter.requestDevice({ label: "runnel", requiredLimits, requiredFeatures });
}

/** What is known of an adapter and its device. */
export function describeAdapter(adapter: GPUAdapter, device: GPUDevice): GpuInfo {
  const { vendor, architecture } = adapter.info;
  return Object.freeze({
    name: adapterName(adapter),
    vendor,
    architecture,
    isSoftware: isSoftware(adapter),
    features: Object.freeze([...adapter.features].sort()),
    limits: Object.freeze(readLimits(device.limits)),
  });
}

async function findAdapters(): Promise<GPUAdapter[]> {
  const found: GPUAdapter[] = [];
  for (const request of REQUESTS) {
    const adapter = await navigator.gpu?.requestAdapter(request) ?? null;
    if (adapter === null) continue;
    if (!found.some((other) => adapterName(other) === adapterName(adapter))) found.push(adapter);
  }
  return found;
}

function adapterName({ info }: GPUAdapter): string {
  return [info.description, info.device, info.architecture].find((part) => part !== "") ??
    "unnamed";
}

function isSoftware({ info }: GPUAdapter): boolean {
  return info.isFallbackAdapter;
}

function readLimits(limits: GPUSupportedLimits): Record<string, number> {
  const values: Record<string, number> = {};
  for (const name in limits) {
    const value = limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number") values[name] = value;
  }
  return values;
}
