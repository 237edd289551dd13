/**
 * {@linkcode GpuReport} as lines for people.
 *
 * @module
 */

import { nvidiaAdvice } from "../../gpu/mod.ts";
import type { Check } from "./check.ts";
import type { GpuDeviceReport, GpuReport, ModelProvider } from "./gpu_report.ts";

/** Limits that decide which pictures and models fit. */
const SHOWN_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
] as const;

/** Features that are used where they are there. */
const USED_FEATURES = ["shader-f16", "timestamp-query"];

/** The checks of the GPU. Without a GPU all is well, unless it was required. */
export function gpuChecks(report: GpuReport): Check[] {
  const { device, provider } = report;
  return [
    device === undefined ? noAdapter(report) : adapterFound(device),
    ...(device === undefined ? [] : deviceChecks(device)),
    modelCheck(provider),
    ...nvidiaChecks(report),
  ];
}

function modelCheck({ name: provider, reason }: ModelProvider): Check {
  const name = "models";
  return provider === "none"
    ? { name, status: "missing", found: "cannot run", advice: reason }
    : { name, status: "ok", found: `${provider} (${reason})` };
}

function noAdapter({ error }: GpuReport): Check {
  const name = "GPU adapter";
  const reason = error?.message ?? "";
  return error?.code === "GPU_SOFTWARE"
    ? { name, status: "missing", found: "no hardware", advice: reason }
    : { name, status: "none", found: "none", advice: `frames stay on the CPU. ${reason}` };
}

function adapterFound({ name, isSoftware }: GpuDeviceReport): Check {
  if (!isSoftware) return { name: "GPU adapter", status: "ok", found: name };
  const advice = "it computes on the CPU; for speed install the Vulkan driver of a GPU";
  return { name: "GPU adapter", status: "ok", found: `${name} (software)`, advice };
}

function deviceChecks(device: GpuDeviceReport): Check[] {
  const { selfTest, features, limits, measurement } = device;
  const used = USED_FEATURES.filter((name) => features.includes(name));
  return [
    {
      name: "GPU self-test",
      status: "ok",
      found: `right, in ${selfTest.elapsedMs.toFixed(0)} ms; f16 ${describeF16(device)}`,
    },
    { name: "GPU features", status: "ok", found: used.join(", ") || "none that are used" },
    {
      name: "GPU limits",
      status: "ok",
      found: SHOWN_LIMITS.map((name) => `${name} ${limits[name] ?? "unknown"}`).join(", "),
    },
    {
      name: "GPU speed",
      status: "ok",
      found: `upload ${measurement.uploadMBps.toFixed(0)} MB/s, ` +
        `readback ${measurement.readbackMBps.toFixed(0)} MB/s, ` +
        `I420 to RGBA at 1080p ${measurement.convertMs.toFixed(1)} ms, ` +
        `a 1080p frame there and back alone ${measurement.roundTripMs.toFixed(1)} ms`,
    },
  ];
}

function describeF16({ selfTest }: GpuDeviceReport): string {
  switch (selfTest.f16) {
    case "right":
      return "right";
    case "none":
      return "not there";
    case "wrong":
      return `WRONG, not used (${selfTest.f16Problem ?? ""})`;
  }
}

/** What NVIDIA's driver lacks in this container; nothing where there is none of its devices. */
function nvidiaChecks({ vulkan }: GpuReport): Check[] {
  if (vulkan?.nvidia === undefined) return [];
  const name = "NVIDIA driver";
  const version = vulkan.nvidia.driverVersion ?? "of unknown version";
  const advice = nvidiaAdvice(vulkan.nvidia).join("; ");
  return [
    advice === ""
      ? { name, status: "ok", found: `${version}, all that Vulkan needs` }
      : { name, status: "none", found: `${version}, incomplete`, advice },
  ];
}
