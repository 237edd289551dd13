/**
 * Whether a mapped buffer can be read before the promise of `mapAsync` resolves. By the standard it cannot. In
 * Deno, up to now, the call itself waits for the GPU and the promise resolves 10 ms later; so whoever reads early
 * gains 10 ms a frame. It is tried with a device, since nothing else tells.
 *
 * @module
 */

import { roomLogger } from "../../base/log.ts";

const LOG = roomLogger("gpu");

/** Large enough for the GPU to be seen at work by a call that does not wait for it. */
const BYTES = 2 ** 20;
/** Early reads that must all give the right bytes. */
const EARLY_READS = 2;

/**
 * Tries it on a device. A buffer is mapped and waited for first: in Deno 2.9, looking into one that never was
 * mapped ends the process. False where the device is lost meanwhile. Never rejects.
 */
export async function canReadEarly(device: GPUDevice): Promise<boolean> {
  const usage = GPUBufferUsage.COPY_DST;
  const describe = (label: string, more: number): GPUBufferDescriptor => ({
    label: `early read ${label}`,
    size: BYTES,
    usage: usage | more,
  });
  const source = device.createBuffer(describe("source", GPUBufferUsage.COPY_SRC));
  const between = device.createBuffer(describe("between", GPUBufferUsage.COPY_SRC));
  const target = device.createBuffer(describe("target", GPUBufferUsage.MAP_READ));
  const maps: Promise<undefined>[] = [];
  try {
    copy(device, 0, [source, between, target]);
    await target.mapAsync(GPUMapMode.READ);
    target.unmap();
    let isRight = true;
    for (let value = 1; value <= EARLY_READS && isRight; value++) {
      copy(device, value, [source, between, target]);
      maps.push(target.mapAsync(GPUMapMode.READ));
      isRight = holds(target, value);
    }
    LOG.debug(isRight ? "mapped buffers are read early" : "mapped buffers are waited for");
    return isRight;
  } catch {
    return false; // whoever uses the device next finds out what is wrong with it
  } finally {
    await Promise.allSettled(maps);
    unmap(target);
    for (const buffer of [source, between, target]) buffer.destroy();
  }
}

/** Has words of this value copied from buffer to buffer. */
function copy(device: GPUDevice, value: number, buffers: readonly GPUBuffer[]): void {
  const [first] = buffers;
  device.queue.writeBuffer(first!, 0, new Uint32Array(BYTES / 4).fill(value + 1));
  const encoder = device.createCommandEncoder({ label: "early read" });
  for (let step = 1; step < buffers.length; step++) {
    encoder.copyBufferToBuffer(buffers[step - 1]!, 0, buffers[step]!, 0, BYTES);
  }
  device.queue.submit([encoder.finish()]);
}

/** Whether a buffer that is being mapped can be read, and holds words of this value. */
function holds(buffer: GPUBuffer, value: number): boolean {
  try {
    const isRight = new Uint32Array(buffer.getMappedRange()).every((word) => word === value + 1);
    buffer.unmap();
    return isRight;
  } catch {
    return false; // not mapped yet
  }
}

/** A buffer that was read early is called mapped when its promise resolves, though it is not any more. */
function unmap(buffer: GPUBuffer): void {
  try {
    if (buffer.mapState === "mapped") buffer.unmap();
  } catch {
    // not mapped
  }
}
