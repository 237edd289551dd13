/**
 * From the GPU to the CPU: a ring of mappable buffers, so that one frame is copied while another maps.
 *
 * @module
 */

/** Reads that may be under way at once. Deno takes 10 ms for any map, so this bounds the reads in a second. */
const DEFAULT_DEPTH = 4;

/** How one read is done. */
export interface ReadbackOptions {
  /** Where the bytes go; at least as long as the read. @default a new array */
  readonly into?: Uint8Array;
  /** The copy is appended to it, then it is finished and submitted. @default one of its own */
  readonly encoder?: GPUCommandEncoder;
}

interface Slot {
  buffer: GPUBuffer | undefined;
}

/** Reads buffers of one device. */
export class ReadbackRing {
  readonly #device: GPUDevice;
  readonly #assertUsable: () => void;
  readonly #free: Slot[];
  readonly #all: readonly Slot[];
  readonly #waiting: ((slot: Slot) => void)[] = [];

  /** Made by `Gpu.open`. `assertUsable` throws when the device is lost. */
  constructor(device: GPUDevice, assertUsable: () => void, depth: number = DEFAULT_DEPTH) {
    this.#device = device;
    this.#assertUsable = assertUsable;
    this.#all = Array.from({ length: depth }, () => ({ buffer: undefined }));
    this.#free = [...this.#all];
  }

  /**
   * Resolves to the first `bytes` bytes of a buffer with `COPY_SRC`, as they are when the read is submitted:
   * leave the buffer alone until then. Rejects with a `GpuError` of code `GPU_LOST`.
   */
  async read(
    source: GPUBuffer,
    bytes: number,
    options: ReadbackOptions = {},
  ): Promise<Uint8Array> {
    this.#assertUsable();
    const slot = this.#free.pop() ?? await this.#nextFree();
    try {
      this.#assertUsable();
      const size = Math.ceil(bytes / 4) * 4;
      const buffer = this.#fittingBuffer(slot, size);
      const encoder = options.encoder ?? this.#device.createCommandEncoder({ label: "readback" });
      encoder.copyBufferToBuffer(source, 0, buffer, 0, size);
      this.#device.queue.submit([encoder.finish()]);
      await buffer.mapAsync(GPUMapMode.READ, 0, size);
      this.#assertUsable();
      const mapped = new Uint8Array(buffer.getMappedRange(0, size), 0, bytes);
      const result = options.into?.subarray(0, bytes) ?? new Uint8Array(bytes);
      result.set(mapped);
      buffer.unmap();
      return result;
    } finally {
      this.#giveBack(slot);
    }
  }

  /** Destroys the ring's buffers. */
  dispose(): void {
    for (const slot of this.#all) {
      if (slot.buffer?.mapState === "mapped") slot.buffer.unmap();
      slot.buffer?.destroy();
      slot.buffer = undefined;
    }
  }

  #fittingBuffer(slot: Slot, size: number): GPUBuffer {
    if (slot.buffer !== undefined && slot.buffer.size >= size) return slot.buffer;
    slot.buffer?.destroy();
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return slot.buffer = this.#device.createBuffer({ label: "readback", size, usage });
  }

  #nextFree(): Promise<Slot> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #giveBack(slot: Slot): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }
}
