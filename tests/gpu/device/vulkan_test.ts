import assert from "node:assert/strict";
import {
  explainNoAdapter,
  nvidiaAdvice,
  type ProbedSystem,
  probeVulkan,
  vulkanAdvice,
} from "../../../src/gpu/mod.ts";

const LIBRARIES = "/usr/lib/x86_64-linux-gnu";
const NVIDIA_VERSION =
  "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.133.20  Sun Apr 13 04:50:56 UTC 2025\n";

/** A machine with these files (empty, or with this text) and variables. */
function machine(
  files: readonly string[] | Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): ProbedSystem {
  const texts = new Map(
    Array.isArray(files) ? files.map((path) => [path, ""] as const) : Object.entries(files),
  );
  return {
    env: (name) => env[name],
    exists: (path) => texts.has(path),
    readText: (path) => texts.get(path),
    list: (folder) =>
      [...texts.keys()]
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1)),
  };
}

Deno.test("a machine with loader and driver lacks nothing", () => {
  const findings = probeVulkan(machine([
    `${LIBRARIES}/libvulkan.so.1`,
    "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json",
    "/usr/share/vulkan/icd.d/README",
  ]));
  assert.equal(findings.hasLoader, true);
  assert.deepEqual(findings.icdFiles, ["/usr/share/vulkan/icd.d/lvp_icd.x86_64.json"]);
  assert.equal(findings.nvidia, undefined);
  assert.deepEqual(vulkanAdvice(findings), []);
});

Deno.test("libraries are found in the linker's cache and in LD_LIBRARY_PATH, too", () => {
  const cache = "glibc-ld.so.cache1.1\0libvulkan.so.1\0/opt/v/libvulkan.so.1\0";
  assert.equal(probeVulkan(machine({ "/etc/ld.so.cache": cache })).hasLoader, true);
  const own = machine(["/opt/x/libvulkan.so.1"], { LD_LIBRARY_PATH: "/opt/y:/opt/x" });
  assert.equal(probeVulkan(own).hasLoader, true);
  const longer = "libvulkan.so.1.3.239\0";
  assert.equal(probeVulkan(machine({ "/etc/ld.so.cache": longer })).hasLoader, false);
});

Deno.test("an empty machine is told what was looked for and what to install", () => {
  const message = explainNoAdapter(probeVulkan(machine([])), "linux");
  assert.match(
    message,
    /^no WebGPU adapter was found \(libvulkan\.so\.1 is not there, no ICD file\)/,
  );
  assert.match(message, /install libvulkan1; install a Vulkan driver/);
  const elsewhere = explainNoAdapter(probeVulkan(machine([])), "windows");
  assert.equal(elsewhere, "no WebGPU adapter was found; install the driver of your GPU");
});

Deno.test("a variable that names files in place of the folders is read; the newer one counts", () => {
  const files = ["/opt/a.json", "/usr/share/vulkan/icd.d/lvp.json", "/opt/icd.d/b.json"];
  const findings = probeVulkan(machine(files, {
    VK_DRIVER_FILES: "/opt/a.json:/opt/gone.json:/opt/icd.d",
    VK_ICD_FILENAMES: "/opt/other.json",
  }));
  assert.deepEqual(findings.icdFiles, ["/opt/a.json", "/opt/icd.d/b.json"]);
  assert.deepEqual(findings.missingIcdFiles, ["/opt/gone.json"]);
  assert.match(
    vulkanAdvice(findings).join("; "),
    /correct or unset VK_DRIVER_FILES: there is no \/opt\/gone\.json/,
  );
  const old = probeVulkan(machine(files, { VK_ICD_FILENAMES: "/opt/a.json" }));
  assert.deepEqual(old.override, { name: "VK_ICD_FILENAMES", value: "/opt/a.json" });
});

Deno.test("an NVIDIA container without `graphics` is told to ask for it, and what to install", () => {
  const system = machine(
    { "/dev/nvidiactl": "", "/proc/driver/nvidia/version": NVIDIA_VERSION },
    { NVIDIA_DRIVER_CAPABILITIES: "compute,utility" },
  );
  const { nvidia } = probeVulkan(system);
  assert.deepEqual(nvidia, {
    driverVersion: "570.133.20",
    capabilities: "compute,utility",
    hasVulkanLibrary: false,
    hasIcdFile: false,
    missingPackages: ["libxext6", "libegl1", "libglvnd0"],
  });
  const advice = nvidiaAdvice(nvidia);
  assert.match(advice[0] ?? "", /NVIDIA_DRIVER_CAPABILITIES=compute,video,utility,graphics/);
  assert.match(advice[0] ?? "", /it is compute,utility/);
  assert.equal(advice[1], "install libxext6, libegl1, libglvnd0");
  assert.match(
    explainNoAdapter(probeVulkan(system), "linux"),
    /an NVIDIA device with no Vulkan library and NVIDIA_DRIVER_CAPABILITIES=compute,utility/,
  );
});

Deno.test("an NVIDIA container with the driver but without its ICD file is told to add one", () => {
  const files = [
    "/dev/nvidia0",
    ...["libvulkan.so.1", "libGLX_nvidia.so.0", "libXext.so.6", "libEGL.so.1"]
      .map((name) => `${LIBRARIES}/${name}`),
    `${LIBRARIES}/libGLdispatch.so.0`,
  ];
  const without = probeVulkan(machine(files));
  assert.match(vulkanAdvice(without).join("; "), /^add an ICD file .*libEGL_nvidia\.so\.0/);
  const icd = "/etc/vulkan/icd.d/nvidia_icd.json";
  assert.deepEqual(vulkanAdvice(probeVulkan(machine([...files, icd]))), []);
});

Deno.test("the driver's version is read of the open kernel module, too", () => {
  const open =
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  535.104.05  Release Build\n";
  const { nvidia } = probeVulkan(
    machine({ "/dev/nvidiactl": "", "/proc/driver/nvidia/version": open }),
  );
  assert.equal(nvidia?.driverVersion, "535.104.05");
});

Deno.test("this machine can be searched", () => {
  const findings = probeVulkan();
  assert.equal(typeof findings.hasLoader, "boolean");
  assert.ok(Array.isArray(findings.icdFiles));
});
