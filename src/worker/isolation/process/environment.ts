/**
 * The environment of the process of a stream: secrets of the server are not in it.
 *
 * @module
 */

import { variable } from "../../../base/mod.ts";
import type { ProcessorPermissions } from "./permissions.ts";

/** What Runnel and the drivers look at; a processor may read it, too. */
const READABLE = [
  "HOME",
  "USERPROFILE",
  "LOCALAPPDATA",
  "TMPDIR",
  "LANG",
  "LC_ALL",
  "TZ",
  "NO_COLOR",
  "NODE_ENV",
  "XDG_CACHE_HOME",
  "XDG_RUNTIME_DIR",
  "RUNNEL_CACHE_DIR",
  "RUNNEL_PROVIDER",
  "FFMPEG_PATH",
  "GPU_ADAPTER",
  "REQUIRE_GPU",
  "OTEL_DENO",
] as const;

/** What Deno, the system's libraries and the drivers look at by themselves. */
const SILENT = [
  "PATH",
  "DENO_DIR",
  "DENO_NO_UPDATE_CHECK",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "SystemRoot",
  "TEMP",
  "TMP",
  "LD_LIBRARY_PATH",
  "DYLD_LIBRARY_PATH",
  "RUST_BACKTRACE",
  "XDG_CONFIG_HOME",
  "XDG_CONFIG_DIRS",
  "XDG_DATA_HOME",
  "XDG_DATA_DIRS",
  "VK_ICD_FILENAMES",
  "VK_DRIVER_FILES",
  "VK_ADD_DRIVER_FILES",
  "VK_LOADER_DRIVERS_SELECT",
  "VK_LAYER_PATH",
  "MESA_VK_DEVICE_SELECT",
  "NVIDIA_VISIBLE_DEVICES",
  "NVIDIA_DRIVER_CAPABILITIES",
  "CUDA_VISIBLE_DEVICES",
  "OTEL_SERVICE_NAME",
  "OTEL_RESOURCE_ATTRIBUTES",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_EXPORTER_OTLP_PROTOCOL",
  "OTEL_EXPORTER_OTLP_CERTIFICATE",
  "OTEL_METRIC_EXPORT_INTERVAL",
  "OTEL_BSP_SCHEDULE_DELAY",
] as const;

/** Variables that Runnel looks at in any process. */
export const COMMON_VARIABLES: readonly string[] = READABLE;

/** Every variable that may be passed on to a process. */
export const PROCESS_VARIABLES: readonly string[] = [...READABLE, ...SILENT];

/** The environment that a process starts with. */
export interface ProcessEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** Names that it may read and change. */
  readonly readable: readonly string[];
  /** Whether the variables of this process are there, too. */
  readonly inherits: boolean;
}

/** What a processor with these permissions is started with. */
export function processEnvironment(
  { all, env = [] }: ProcessorPermissions,
  own: Readonly<Record<string, string>>,
): ProcessEnvironment {
  if (all === true || env === true) return { variables: own, readable: [], inherits: true };
  const readable = [...new Set([...READABLE, ...env])];
  const names = new Set([...readable, ...SILENT]);
  const variables = Object.fromEntries([...names].flatMap((name) => {
    const value = variable(name);
    return value === undefined ? [] : [[name, value]];
  }));
  return { variables: { ...variables, ...own }, readable, inherits: false };
}
