/**
 * What a child that is a codec or a tool sees of the environment: what it needs, and none of the worker's
 * secrets.
 *
 * @module
 */

/** Variables that ffmpeg, its drivers and `nvidia-smi` read. */
export const CHILD_VARIABLES: readonly string[] = [
  "PATH",
  "HOME",
  "TMPDIR",
  "LANG",
  "LC_ALL",
  "TZ",
  "XDG_RUNTIME_DIR",
  "LD_LIBRARY_PATH",
  "LD_PRELOAD",
  "DYLD_LIBRARY_PATH",
  "CUDA_VISIBLE_DEVICES",
  "CUDA_DEVICE_ORDER",
  "CUDA_CACHE_PATH",
  "NVIDIA_VISIBLE_DEVICES",
  "NVIDIA_DRIVER_CAPABILITIES",
  "VK_DRIVER_FILES",
  "VK_ICD_FILENAMES",
  "VK_LOADER_DRIVERS_SELECT",
  "LIBVA_DRIVER_NAME",
  "LIBVA_DRIVERS_PATH",
  "VDPAU_DRIVER",
  "AV_LOG_FORCE_NOCOLOR",
  "FFREPORT",
  "MALLOC_ARENA_MAX",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "http_proxy",
  "no_proxy",
  "DISPLAY",
  "SystemRoot",
];

/** Deno lets a program set these for a child only where it may run any. */
const LOADER_VARIABLES = /^(LD|DYLD)_/;

/** For `Deno.Command`: the environment of a child of ours. */
export interface ChildEnvironment {
  readonly clearEnv: true;
  readonly env: Readonly<Record<string, string>>;
}

/** The variables of {@linkcode CHILD_VARIABLES} that are set and may be read. */
export function childEnvironment(): ChildEnvironment {
  const mayRunAny = Deno.permissions.querySync({ name: "run" }).state === "granted";
  const env: Record<string, string> = {};
  for (const name of CHILD_VARIABLES) {
    if (LOADER_VARIABLES.test(name) && !mayRunAny) continue;
    if (Deno.permissions.querySync({ name: "env", variable: name }).state !== "granted") continue;
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  return { clearEnv: true, env };
}
