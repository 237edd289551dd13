/**
 * What this machine has of what WebGPU needs: the Vulkan loader, its drivers' description files (ICD
 * files), and what NVIDIA's driver needs in a container. Nothing is loaded or run: files are looked for.
 *
 * @module
 */

/** What the search reads. The system's own is the default; tests give another. */
export interface ProbedSystem {
  /** The value of an environment variable. */
  env(name: string): string | undefined;
  /** The names in a folder; empty when the folder does not exist. */
  list(folder: string): readonly string[];
  /** A file as Latin-1 text; `undefined` when it does not exist. */
  readText(path: string): string | undefined;
  /** Whether a file, device or folder is there. */
  exists(path: string): boolean;
}

/** What was found. */
export interface VulkanFindings {
  /** Whether `libvulkan.so.1`, which finds the drivers, is there. */
  readonly hasLoader: boolean;
  /** The variable that names the drivers in place of the usual folders, where it is set. */
  readonly override: { readonly name: string; readonly value: string } | undefined;
  /** The ICD files that the loader will see. */
  readonly icdFiles: readonly string[];
  /** Files that the variable names and that are not there. */
  readonly missingIcdFiles: readonly string[];
  /** What was found of NVIDIA; `undefined` when there is no NVIDIA device. */
  readonly nvidia: NvidiaFindings | undefined;
}

/** What was found of NVIDIA's driver. */
export interface NvidiaFindings {
  /** The version of the kernel's driver; `undefined` where the kernel does not say. */
  readonly driverVersion: string | undefined;
  /** `NVIDIA_DRIVER_CAPABILITIES`, which says what a container gets of the driver. */
  readonly capabilities: string | undefined;
  /** Whether the driver's Vulkan library is there: `graphics` among the capabilities mounts it. */
  readonly hasVulkanLibrary: boolean;
  /** Whether an ICD file of NVIDIA's is among those that the loader will see. */
  readonly hasIcdFile: boolean;
  /** Debian packages with libraries that the driver needs and that are missing. */
  readonly missingPackages: readonly string[];
}

/** The variables that name ICD files, the newer one first. */
const OVERRIDES = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/** Where the loader looks for ICD files. */
const ICD_FOLDERS = [
  "/etc/vulkan/icd.d",
  "/usr/share/vulkan/icd.d",
  "/usr/local/share/vulkan/icd.d",
];

/** Where libraries are, beside what the linker's cache names. */
const LIBRARY_FOLDERS = [
  "/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu",
  "/lib/aarch64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/lib64",
  "/usr/lib64",
  "/lib",
  "/usr/lib",
  "/usr/local/lib",
];

/** The linker's cache of libraries: binary, the names are plain text in it. */
const LINKER_CACHE = "/etc/ld.so.cache";

/** What NVIDIA's driver library loads, by the Debian package that has it. */
const NVIDIA_NEEDS: readonly (readonly [packageName: string, library: string])[] = [
  ["libxext6", "libXext.so.6"],
  ["libegl1", "libEGL.so.1"],
  ["libglvnd0", "libGLdispatch.so.0"],
];

/** NVIDIA's Vulkan drivers: either one serves. */
const NVIDIA_LIBRARIES = ["libGLX_nvidia.so.0", "libEGL_nvidia.so.0"];

/** Device nodes that say that there is an NVIDIA GPU. */
const NVIDIA_DEVICES = ["/dev/nvidiactl", "/dev/nvidia0"];

/** Where the kernel says which driver it runs. */
const NVIDIA_VERSION = "/proc/driver/nvidia/version";

/** The machine that this runs on. What may not be read counts as not there. */
const SYSTEM: ProbedSystem = {
  env: (name) => orUndefined(() => Deno.env.get(name)),
  list: (folder) =>
    orUndefined(() => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort()) ?? [],
  readText: (path) => orUndefined(() => new TextDecoder("latin1").decode(Deno.readFileSync(path))),
  exists: (path) => orUndefined(() => Deno.statSync(path)) !== undefined,
};

/** Looks for what WebGPU needs on Linux. */
export function probeVulkan(system: ProbedSystem = SYSTEM): VulkanFindings {
  const override = OVERRIDES
    .map((name) => ({ name, value: system.env(name) ?? "" }))
    .find(({ value }) => value !== "");
  const named = override?.value.split(":").filter((path) => path !== "");
  const candidates = named?.flatMap((path) => expandFolder(system, path)) ??
    ICD_FOLDERS.flatMap((folder) => jsonFiles(system, folder));
  const icdFiles = candidates.filter((path) => system.exists(path));
  const hasLibrary = librarySearch(system);
  return {
    hasLoader: hasLibrary("libvulkan.so.1"),
    override,
    icdFiles,
    missingIcdFiles: candidates.filter((path) => !system.exists(path)),
    nvidia: probeNvidia(system, icdFiles, hasLibrary),
  };
}

function probeNvidia(
  system: ProbedSystem,
  icdFiles: readonly string[],
  hasLibrary: (name: string) => boolean,
): NvidiaFindings | undefined {
  if (!NVIDIA_DEVICES.some((path) => system.exists(path))) return undefined;
  const version = system.readText(NVIDIA_VERSION) ?? "";
  return {
    driverVersion: /Kernel Module.*?\s(\d+\.[\d.]+)/.exec(version)?.[1],
    capabilities: system.env("NVIDIA_DRIVER_CAPABILITIES"),
    hasVulkanLibrary: NVIDIA_LIBRARIES.some(hasLibrary),
    hasIcdFile: icdFiles.some((path) => /nvidia/i.test(path)),
    missingPackages: NVIDIA_NEEDS
      .filter(([, library]) => !hasLibrary(library))
      .map(([packageName]) => packageName),
  };
}

/** The variables may also name folders. */
function expandFolder(system: ProbedSystem, path: string): string[] {
  return path.endsWith(".json") ? [path] : filesOr(path, jsonFiles(system, path));
}

function filesOr(path: string, files: string[]): string[] {
  return files.length > 0 ? files : [path];
}

function jsonFiles(system: ProbedSystem, folder: string): string[] {
  return system.list(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => `${folder}/${name}`);
}

function librarySearch(system: ProbedSystem): (name: string) => boolean {
  const cache = system.readText(LINKER_CACHE) ?? "";
  const own = system.env("LD_LIBRARY_PATH")?.split(":").filter((path) => path !== "") ?? [];
  const folders = [...own, ...LIBRARY_FOLDERS];
  return (name) =>
    cache.includes(`${name}\0`) || folders.some((folder) => system.exists(`${folder}/${name}`));
}

function orUndefined<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined; // not there or not allowed: a search must not fail where it finds nothing
  }
}
