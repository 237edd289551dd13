/** Five thousand frames over the GPU: what a day of streaming would leave behind shows here. */

import assert from "node:assert/strict";
import { gpuTest } from "../gpu/gpu_case.ts";
import type { SoakReport } from "./gpu_soak.ts";

/** Half of it is what the collector has not freed yet; a picture kept of each frame would be over it. */
const MAX_GROWTH_BYTES = 34 * 2 ** 20;

gpuTest("5,000 frames over the GPU leave neither buffers nor memory behind", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("./gpu_soak.ts", import.meta.url).pathname],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const report: SoakReport = JSON.parse(new TextDecoder().decode(stdout));
  const { growthBytes, ...left } = report;
  assert.deepEqual(left, { open: 0, inUse: 0, created: 0 });
  assert.ok(growthBytes < MAX_GROWTH_BYTES, `${growthBytes} bytes more`);
});
