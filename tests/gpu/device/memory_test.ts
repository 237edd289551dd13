import assert from "node:assert/strict";
import { gpuMemory, sharedGpu } from "../../../src/gpu/mod.ts";
import { parseComputeApps } from "../../../src/gpu/device/memory.ts";
import { testWith } from "../../facilities.ts";
import { DEADLINE_MS } from "../../waiting.ts";
import { gpuTest } from "../gpu_case.ts";

const CHILD = new URL("./out_of_memory.ts", import.meta.url).pathname;

/** Virtual memory of the child in KiB: beyond what V8 reserves, and less than its loop asks for. */
const LIMIT_KIB = 100_000_000;

/** Software Vulkan takes its buffers from the process's memory, which can be limited. */
const test = await testWith("linux", "software-gpu");

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

Deno.test("parseComputeApps() adds up the lines of one process", () => {
  const table = "991, 512\n1234, 300\n1234, 12\n12345, 7\n";
  assert.equal(parseComputeApps(table, 1234), 312 * 2 ** 20);
  assert.equal(parseComputeApps(table, 34), undefined);
  assert.equal(parseComputeApps("1234, [N/A]\n", 1234), undefined);
  assert.equal(parseComputeApps("No running processes found\n", 1234), undefined);
  assert.equal(parseComputeApps("", 1234), undefined);
});

Deno.test("gpuMemory() asks the driver's program, and does without it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const program = `${folder}/nvidia-smi`;
    await Deno.writeTextFile(program, `#!/bin/sh\necho "1, 5"\necho "${Deno.pid}, 40"\n`);
    await Deno.chmod(program, 0o755);
    const asked = { program, timeoutMs: DEADLINE_MS };
    assert.equal((await gpuMemory(asked)).processBytes, 40 * 2 ** 20);
    await Deno.writeTextFile(program, "#!/bin/sh\nexit 9\n");
    assert.equal((await gpuMemory(asked)).processBytes, undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  assert.equal((await gpuMemory({ program: "/no/such/program" })).processBytes, undefined);
});

gpuTest("gpuMemory() counts what the shared device holds", async () => {
  await using gpu = await sharedGpu();
  const before = await gpuMemory();
  const buffer = gpu.pool.allocate(1 << 20, "counted");
  assert.equal((await gpuMemory()).poolBytes - before.poolBytes, 1 << 20);
  gpu.pool.release(buffer);
  assert.equal((await gpuMemory()).poolBytes - before.poolBytes, 1 << 20);
});
