/**
 * Which adapter is used, and what is asked of it.
 *
 * @module
 */

import { GpuError } from "../../base/errors.ts";
import { explainNoAdapter } from "./vulkan_advice.ts";
import { probeVulkan } from "./vulkan_probe.ts";

/** What is known of an adapter and its device. */
export interface GpuInfo {
  /** The name that the driver gives: "NVIDIA H100 80GB HBM3". */
  readonly name: string;
  /** The vendor as WebGPU says it: a name or a PCI number. */
  readonly vendor: string;
  /** The architecture; empty where the driver does not say. */
  readonly architecture: string;
  /** Whether the CPU computes what a GPU should. */
  readonly isSoftware: boolean;
  /** The optional features that the adapter has; the device has those that are used. */
  readonly features: readonly string[];
  /** The limits of the device. */
  readonly limits: Readonly<Record<string, number>>;
}

/** How an adapter is chosen. */
export interface AdapterChoice {
  /** A part of the adapter's name, in any case. @default "" */
  readonly adapter: string;
  /** Whether a software adapter is refused. */
  readonly requireHardware: boolean;
}

/** What the choice needs to know of an adapter. */
export interface AdapterCandidate {
  /** The name that the driver gives. */
  readonly name: string;
  /** Whether the CPU computes. */
  readonly isSoftware: boolean;
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

/** The ways of asking for an adapter: WebGPU gives no list, so what these find is all that is known. */
const REQUESTS: readonly GPURequestAdapterOptions[] = [
  { powerPreference: "high-performance" },
  { powerPreference: "low-power" },
  { forceFallbackAdapter: true },
];

/**
 * Finds the adapter that was asked for. Throws a {@linkcode GpuError}: `GPU_UNAVAILABLE` where there is
 * none at all or none of that name, and `GPU_SOFTWARE` where a refused software adapter is all there is.
 */
export async function chooseAdapter(choice: AdapterChoice): Promise<GPUAdapter> {
  const found = await findAdapters();
  if (found.length === 0) {
    const findings = probeVulkan();
    throw new GpuError("GPU_UNAVAILABLE", `Cannot open a GPU: ${explainNoAdapter(findings)}`, {
      context: { findings },
    });
  }
  return pickAdapter(found, choice).adapter;
}

/** Picks one of the adapters found, hardware first. Throws as {@linkcode chooseAdapter} does. */
export function pickAdapter<Candidate extends AdapterCandidate>(
  found: readonly Candidate[],
  { adapter: wanted, requireHardware }: AdapterChoice,
): Candidate {
  const part = wanted.toLowerCase();
  const named = found.filter(({ name }) => name.toLowerCase().includes(part));
  const picked = named.find(({ isSoftware }) => !isSoftware) ?? named[0];
  const context = { adapters: found.map(({ name }) => name) };
  const names = context.adapters.join(", ");
  if (picked === undefined) {
    throw new GpuError(
      "GPU_UNAVAILABLE",
      `Cannot open a GPU named like "${wanted}": found ${names}; ` +
        "set GPU_ADAPTER to a part of one of these names, or leave it out",
      { context },
    );
  }
  if (picked.isSoftware && requireHardware) {
    throw new GpuError(
      "GPU_SOFTWARE",
      `Cannot open a hardware GPU: ${picked.name} computes on the CPU (found: ${names}); ` +
        'install the Vulkan driver of your GPU ("runnel doctor" says what is missing), ' +
        "or do without --require-gpu and REQUIRE_GPU",
      { context },
    );
  }
  return picked;
}

/** Opens the adapter's device, with its own limits and the features that are used. */
export async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of RAISED_LIMITS) requiredLimits[name] = adapter.limits[name];
  const requiredFeatures = WANTED_FEATURES.filter((name) => adapter.features.has(name));
  try {
    return await adapter.requestDevice({ label: "runnel", requiredLimits, requiredFeatures });
  } catch (cause) {
    throw new GpuError(
      "GPU_UNAVAILABLE",
      `Cannot open the GPU ${adapterName(adapter)}: it gave no device; ` +
        "see whether its memory is full or its driver hangs",
      { cause },
    );
  }
}

/** What is known of an adapter and its device. */
export function describeAdapter(adapter: GPUAdapter, device: GPUDevice): GpuInfo {
  const { vendor, architecture, isFallbackAdapter } = adapter.info;
  return Object.freeze({
    name: adapterName(adapter),
    vendor,
    architecture,
    isSoftware: isFallbackAdapter,
    features: Object.freeze([...adapter.features].sort()),
    limits: Object.freeze(readLimits(device.limits)),
  });
}

interface FoundAdapter extends AdapterCandidate {
  readonly adapter: GPUAdapter;
}

async function findAdapters(): Promise<FoundAdapter[]> {
  const found = new Map<string, FoundAdapter>();
  for (const request of REQUESTS) {
    const adapter = await navigator.gpu?.requestAdapter(request) ?? null;
    if (adapter === null) continue;
    const name = adapterName(adapter);
    if (found.has(name)) continue;
    found.set(name, { name, isSoftware: adapter.info.isFallbackAdapter, adapter });
  }
  return [...found.values()];
}

function adapterName({ info }: GPUAdapter): string {
  return [info.description, info.device].find((part) => part !== "") ?? "unnamed";
}

/** Limits are getters of a class, which spreading would miss. */
function readLimits(limits: GPUSupportedLimits): Record<string, number> {
  const values: Record<string, number> = {};
  for (const name in limits) {
    const value = limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number") values[name] = value;
  }
  return values;
}
