/** What the GPUs of the machine are and do, as `nvidia-smi` says: a script stands in for it. */

import assert from "node:assert/strict";
import { HardwareMonitor } from "../../src/server/api/hardware.ts";
import { type GpuReading, parseGpuCsv, queryGpus } from "../../src/server/api/nvidia_smi.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { startTestServer } from "./fake_session.ts";

const MIB = 1 << 20;
const LINE = "0, GPU-5a1b, NVIDIA H100 80GB HBM3, 81559, 80994, 9.0, 37, 12";

const H100: GpuReading = {
  index: 0,
  id: "GPU-5a1b",
  name: "NVIDIA H100 80GB HBM3",
  memoryTotalBytes: 81_559 * MIB,
  memoryFreeBytes: 80_994 * MIB,
  major: 9,
  minor: 0,
  computePercent: 37,
  memoryPercent: 12,
};

/** Runs with a folder before the rest of PATH that holds a `nvidia-smi` of this text. */
async function withNvidiaSmi(script: string, use: () => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = Deno.env.get("PATH") ?? "";
  try {
    await Deno.writeTextFile(`${folder}/nvidia-smi`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    Deno.env.set("PATH", `${folder}:${path}`);
    await use();
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("/hardware shows what nvidia-smi says, in bytes", async () => {
  await withNvidiaSmi(
    `echo "${LINE}"; echo "1, GPU-77, GRID A100, [N/A], [N/A], [N/A], [N/A], 3"`,
    async () => {
      await using test = await startTestServer();
      const common = {
        id: "GPU-5a1b",
        name: "NVIDIA H100 80GB HBM3",
        memory_total: 81_559 * MIB,
        memory_free: 80_994 * MIB,
      };
      const unknown = { id: "GPU-77", name: "GRID A100", memory_total: null, memory_free: null };
      const identity = { pipeline: "byoc", model_id: "runnel" };
      assert.deepEqual((await test.call("GET", "/hardware/info")).body, {
        ...identity,
        gpu_info: {
          "0": { ...common, major: 9, minor: 0 },
          "1": { ...unknown, major: null, minor: null },
        },
      });
      assert.deepEqual((await test.call("GET", "/hardware/stats")).body, {
        ...identity,
        gpu_stats: {
          "0": { ...common, utilization_compute: 37, utilization_memory: 12 },
          "1": { ...unknown, utilization_compute: null, utilization_memory: 3 },
        },
      });
    },
  );
});

Deno.test("/hardware has no GPUs where nvidia-smi fails", async () => {
  await withNvidiaSmi("echo 'NVIDIA-SMI has failed'; exit 9", async () => {
    await using test = await startTestServer();
    const { body } = await test.call("GET", "/hardware/info");
    assert.deepEqual((body as unknown as { gpu_info: unknown }).gpu_info, {});
  });
});

Deno.test("queryGpus() gives up on a nvidia-smi that hangs", async () => {
  await withNvidiaSmi("exec sleep 600", async () => {
    const clock = new ManualClock();
    const queried = queryGpus(clock);
    await clock.passDelay(3_000, 3_000);
    assert.deepEqual(await queried, []);
  });
});

Deno.test("parseGpuCsv() reads lines, and leaves out what is none", () => {
  const withComma = "3, GPU-9, Tesla, rev. A, 16, 8, 7.5, 1, 2";
  const cases: [string, GpuReading[]][] = [
    ["", []],
    [LINE, [H100]],
    [`${LINE}\r\n\r\n`, [H100]],
    [`Warning: driver is old\n${LINE}`, [H100]],
    ["No devices were found", []],
    ["0, GPU-1, short", []],
    ["x, GPU-5a1b, H100, 1, 2, 9.0, 3, 4", []],
    [
      LINE.replace("81559, 80994, 9.0, 37, 12", "[N/A], [Not Supported], N/A, , -"),
      [{
        ...H100,
        memoryTotalBytes: null,
        memoryFreeBytes: null,
        major: null,
        minor: null,
        computePercent: null,
        memoryPercent: null,
      }],
    ],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseGpuCsv(text), expected, text);
  assert.equal(parseGpuCsv(withComma)[0]?.name, "Tesla, rev. A");
  assert.equal(parseGpuCsv(withComma)[0]?.memoryFreeBytes, 8 * MIB);
});

Deno.test("HardwareMonitor asks once a second at most, and once for many at the same time", async () => {
  const clock = new ManualClock();
  let asked = 0;
  const monitor = new HardwareMonitor({
    clock,
    query: () => {
      asked++;
      return Promise.resolve([H100]);
    },
  });
  await Promise.all([monitor.info(), monitor.stats(), monitor.info()]);
  clock.advance(999);
  await monitor.stats();
  assert.equal(asked, 1);
  clock.advance(1);
  await monitor.stats();
  assert.equal(asked, 2);
});
