/**
 * The end of the process.
 *
 * Where `OTEL_DENO` is set Deno sends out the last telemetry when the process exits. Nothing else runs
 * meanwhile, and a collector that takes requests and answers none keeps it for 20 s and longer, now and
 * then for ever (https://github.com/denoland/deno/issues/33157). So a thread of its own ends the process.
 *
 * @module
 */

import { variable } from "./environment.ts";

/** How long the last telemetry may take. */
const TELEMETRY_MS = 3_000;

const LIBC: Partial<Record<typeof Deno.build.os, string>> = {
  linux: "libc.so.6",
  darwin: "libSystem.dylib",
};

/** Ends the process with this code, at the latest 3 s later: what telemetry is not out by then is lost. */
export function exitProcess(code: number): never {
  try {
    if (variable("OTEL_DENO") !== undefined) {
      const watch = exitWatch(code);
      new Worker(`data:text/javascript,${encodeURIComponent(watch)}`, { type: "module" });
    }
  } finally {
    Deno.exit(code);
  }
}

/** A thread cannot end the process by Deno's API with a code, only kill it. */
function exitWatch(code: number): string {
  return `setTimeout(() => {
    try {
      const { symbols } = Deno.dlopen(${JSON.stringify(LIBC[Deno.build.os] ?? "")}, {
        _exit: { parameters: ["i32"], result: "void" },
      });
      symbols._exit(${code});
    } catch {
      try {
        Deno.kill(Deno.pid, "SIGKILL");
      } catch {
        // Without these permissions the telemetry takes as long as it likes.
      }
    }
  }, ${TELEMETRY_MS});`;
}
