import assert from "node:assert/strict";
import { GpuError } from "../../../src/base/errors.ts";
import { pickAdapter } from "../../../src/gpu/device/adapter.ts";
import { Gpu } from "../../../src/gpu/mod.ts";
import { findF16Problem, findF32Problem } from "../../../src/gpu/device/self_test.ts";
import { deviceTest, testBytes } from "../device.ts";
import { gpuTest } from "../gpu_case.ts";

const CARD = { name: "NVIDIA H100 80GB HBM3", isSoftware: false };
const ONBOARD = { name: "Intel(R) Graphics", isSoftware: false };
const SOFTWARE = { name: "llvmpipe (LLVM 15.0.6, 256 bits)", isSoftware: true };

function pick(found: (typeof CARD)[], adapter = "", requireHardware = false): typeof CARD {
  return pickAdapter(found, { adapter, requireHardware });
}

Deno.test("pickAdapter() takes the first hardware one, or else software", () => {
  assert.equal(pick([SOFTWARE, CARD, ONBOARD]), CARD);
  assert.equal(pick([ONBOARD, CARD]), ONBOARD);
  assert.equal(pick([SOFTWARE]), SOFTWARE);
});

Deno.test("pickAdapter() takes the one that is named, in any case", () => {
  assert.equal(pick([CARD, ONBOARD, SOFTWARE], "intel"), ONBOARD);
  assert.equal(pick([CARD, ONBOARD, SOFTWARE], "LLVMpipe"), SOFTWARE);
});

Deno.test("pickAdapter() names what there is where the name fits none", () => {
  assert.throws(() => pick([CARD, SOFTWARE], "radeon"), (error) => {
    assert.ok(error instanceof GpuError);
    assert.equal(error.code, "GPU_UNAVAILABLE");
    assert.match(error.message, /"radeon".*NVIDIA H100 80GB HBM3, llvmpipe.*GPU_ADAPTER/);
    return true;
  });
});

Deno.test("pickAdapter() refuses software where hardware is required, also by name", () => {
  for (const [found, name] of [[[SOFTWARE], ""], [[CARD, SOFTWARE], "llvm"]] as const) {
    assert.throws(() => pick([...found], name, true), (error) => {
      assert.ok(error instanceof GpuError);
      assert.equal(error.code, "GPU_SOFTWARE");
      assert.match(error.message, /llvmpipe .* computes on the CPU.*driver/);
      return true;
    });
  }
  assert.equal(pick([SOFTWARE, CARD], "", true), CARD);
});

deviceTest("a device has its adapter's limits, labels and a passed self-test", (gpu) => {
  assert.notEqual(gpu.info.name, "");
  assert.equal(gpu.device.label, "runnel");
  assert.ok((gpu.info.limits.maxBufferSize ?? 0) > 256 * 2 ** 20);
  assert.ok((gpu.info.limits.maxComputeWorkgroupStorageSize ?? 0) >= 16_384);
  assert.equal(gpu.hasF16, gpu.selfTest.f16 === "right");
  assert.equal(gpu.device.features.has("shader-f16"), gpu.selfTest.f16 !== "none");
  assert.ok(gpu.selfTest.elapsedMs > 0);
  assert.equal(gpu.isLost, false);
});

gpuTest("Gpu.open() refuses an adapter of another name, naming those found", async () => {
  await using gpu = await Gpu.open();
  await assert.rejects(Gpu.open({ adapter: "no such card" }), (error) => {
    assert.ok(error instanceof GpuError);
    assert.equal(error.code, "GPU_UNAVAILABLE");
    assert.ok(error.message.includes(gpu.info.name), error.message);
    return true;
  });
});

gpuTest("Gpu.open() refuses software where hardware is required", async () => {
  await using gpu = await Gpu.open();
  if (gpu.info.isSoftware) {
    await assert.rejects(Gpu.open({ requireHardware: true }), { code: "GPU_SOFTWARE" });
  } else {
    await using again = await Gpu.open({ requireHardware: true });
    assert.equal(again.info.name, gpu.info.name);
  }
});

gpuTest("two devices at once do not know of each other", async () => {
  await using first = await Gpu.open();
  const bytes = testBytes(50);
  {
    await using second = await Gpu.open();
    assert.deepEqual(await second.readback.read(second.upload(bytes, "bytes"), 50), bytes);
  }
  assert.equal(first.isLost, false);
  assert.deepEqual(await first.readback.read(first.upload(bytes, "bytes"), 50), bytes);
});

Deno.test("the self-test takes zeros, which broken drivers give, for wrong", () => {
  assert.match(findF32Problem(new Uint32Array(3 * 67)) ?? "", /^0 in place of/);
  assert.match(findF16Problem(new Uint32Array(67)) ?? "", /^0 in place of/);
});
