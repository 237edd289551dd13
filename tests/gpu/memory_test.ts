import assert from "node:assert/strict";
import { gpuTest } from "./gpu_case.ts";

const CHILD = new URL("./out_of_memory.ts", import.meta.url).pathname;

/** Virtual memory of the child in KiB: beyond what V8 reserves, and less than its loop asks for. */
const LIMIT_KIB = 100_000_000;

const adapter = await navigator.gpu?.requestAdapter() ?? null;
const canRun = Deno.build.os === "linux" && adapter?.info.isFallbackAdapter === true;

/** Software Vulkan takes its buffers from the process's memory, which can be limited. */
const test = canRun ? gpuTest : (name: string, fn: () => Promise<void>): void => {
  Deno.test({ name: `${name} (skipped: needs Linux and software Vulkan)`, ignore: true, fn });
};

test("a device without memory fails what used the buffer, and goes on after its release", async () => {
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", `ulimit -v ${LIMIT_KIB} && exec "$0" run -A "$1"`, Deno.execPath(), CHILD],
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const report = JSON.parse(new TextDecoder().decode(stdout));
  assert.match(
    report.message,
    /^Cannot allocate 134217728 bytes on the GPU for block \d+, beside the /,
  );
  assert.deepEqual(
    { ...report, message: "" },
    {
      message: "",
      allocateCode: "GPU_MEMORY",
      readCode: "GPU_MEMORY",
      failed: 1,
      after: [1, 2, 3, 4],
      isLost: false,
      uncapturedErrors: 0,
    },
  );
});
