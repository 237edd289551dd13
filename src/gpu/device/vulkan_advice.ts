/**
 * What {@linkcode probeVulkan} found, in words: what is missing and what to do about it.
 *
 * @module
 */

import type { NvidiaFindings, VulkanFindings } from "./vulkan_probe.ts";

/** What a container must ask for to get the whole driver. */
const CAPABILITIES = "compute,video,utility,graphics";

/** Says why there may be no adapter and what to do: "no WebGPU adapter was found (…); install …". */
export function explainNoAdapter(findings: VulkanFindings, os: string = Deno.build.os): string {
  if (os !== "linux") return "no WebGPU adapter was found; install the driver of your GPU";
  const looked = [
    findings.hasLoader ? "libvulkan.so.1 is there" : "libvulkan.so.1 is not there",
    describeDrivers(findings),
    ...(findings.nvidia === undefined ? [] : [describeNvidia(findings.nvidia)]),
  ];
  const todo = vulkanAdvice(findings);
  const advice = todo.length > 0 ? todo : ["see whether the driver of your GPU is installed"];
  return `no WebGPU adapter was found (${looked.join(", ")}); ${advice.join("; ")}`;
}

/** What to do, a sentence each; empty where nothing is missing. */
export function vulkanAdvice(findings: VulkanFindings): string[] {
  const { hasLoader, override, icdFiles, missingIcdFiles, nvidia } = findings;
  const advice: string[] = [];
  if (!hasLoader) advice.push("install libvulkan1");
  if (override !== undefined && missingIcdFiles.length > 0) {
    advice.push(`correct or unset ${override.name}: there is no ${missingIcdFiles.join(", ")}`);
  }
  if (nvidia !== undefined) advice.push(...nvidiaAdvice(nvidia));
  else if (override === undefined && icdFiles.length === 0) {
    advice.push("install a Vulkan driver (in software: mesa-vulkan-drivers)");
  }
  return advice;
}

/** What an NVIDIA GPU lacks, a sentence each; empty where nothing is missing. */
export function nvidiaAdvice(nvidia: NvidiaFindings): string[] {
  const { capabilities, hasVulkanLibrary, hasIcdFile, missingPackages } = nvidia;
  const advice: string[] = [];
  if (!hasVulkanLibrary) {
    advice.push(
      "start the container with NVIDIA_DRIVER_CAPABILITIES=" +
        `${CAPABILITIES}, which mounts the Vulkan driver (it is ${capabilities ?? "not set"})`,
    );
  } else if (!hasIcdFile) {
    advice.push(
      "add an ICD file such as /etc/vulkan/icd.d/nvidia_icd.json that names libEGL_nvidia.so.0, " +
        "or name yours in VK_DRIVER_FILES",
    );
  }
  if (missingPackages.length > 0) advice.push(`install ${missingPackages.join(", ")}`);
  return advice;
}

function describeDrivers({ override, icdFiles }: VulkanFindings): string {
  const files = icdFiles.length === 0 ? "no ICD file" : `ICD files: ${icdFiles.join(", ")}`;
  return override === undefined ? files : `${override.name}=${override.value} names ${files}`;
}

function describeNvidia({ capabilities, hasVulkanLibrary }: NvidiaFindings): string {
  const library = hasVulkanLibrary ? "its Vulkan library" : "no Vulkan library";
  return `an NVIDIA device with ${library} and NVIDIA_DRIVER_CAPABILITIES=${capabilities ?? ""}`;
}
