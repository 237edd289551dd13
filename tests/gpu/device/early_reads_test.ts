import assert from "node:assert/strict";
import { canReadEarly } from "../../../src/gpu/device/early_reads.ts";
import { deviceTest } from "../device.ts";

/** The device with buffers that are changed when they are made. */
function withBuffers(device: GPUDevice, change: (buffer: GPUBuffer) => void): GPUDevice {
  return new Proxy(device, {
    get(target, name) {
      if (name === "createBuffer") {
        return (descriptor: GPUBufferDescriptor): GPUBuffer => {
          const buffer = target.createBuffer(descriptor);
          change(buffer);
          return buffer;
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

deviceTest("canReadEarly() finds out the same each time, and does no harm", async (gpu) => {
  const found = await canReadEarly(gpu.device);
  assert.equal(await canReadEarly(gpu.device), found);
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index);
  const buffer = gpu.upload(bytes, "source");
  for (let read = 0; read < 3; read++) {
    assert.deepEqual(await gpu.readback.read(buffer, bytes.length), bytes);
  }
  assert.equal(gpu.stats.uncapturedErrors, 0);
});

deviceTest(
  "canReadEarly() is false where a buffer is not mapped before its promise resolves",
  async (gpu) => {
    const device = withBuffers(gpu.device, (buffer) => {
      const map = buffer.mapAsync.bind(buffer);
      const range = buffer.getMappedRange.bind(buffer);
      let isMapped = false;
      buffer.mapAsync = async (...args) => {
        isMapped = false;
        await map(...args);
        isMapped = true;
      };
      buffer.getMappedRange = (...args) => {
        if (isMapped) return range(...args);
        throw new DOMException("Buffer is not mapped", "OperationError");
      };
    });
    assert.equal(await canReadEarly(device), false);
  },
);

deviceTest("canReadEarly() is false where the bytes of an early read are old", async (gpu) => {
  const device = withBuffers(gpu.device, (buffer) => {
    const range = buffer.getMappedRange.bind(buffer);
    buffer.getMappedRange = (...args) => new Uint8Array(range(...args)).fill(1).buffer;
  });
  assert.equal(await canReadEarly(device), false);
});

deviceTest("canReadEarly() is false for a device that is lost", async (gpu) => {
  const { device } = gpu;
  await gpu[Symbol.asyncDispose]();
  assert.equal(await canReadEarly(device), false);
});
