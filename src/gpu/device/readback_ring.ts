/**
 * From the GPU to the CPU: a ring of mappable buffers, so that one frame is copied while another maps.
 *
 * What Deno does when a buffer is mapped shapes this: the call of `mapAsync` blocks until the GPU has done
 * all that was submitted, and its promise resolves 10 ms after that, whatever the size. The bytes are there
 * as soon as the call returns, so a buffer that was mapped once before is read then, 10 ms earlier.
 * Looking into one that never was would end the process. In a runtime that does not block, which is tried
 * once for each device, the promise is waited for.
 *
 * @module
 */

import { schedulePatiently, systemClock } from "../../base/clock.ts";
import { GpuError } from "../../base/errors.ts";
import { pause } from "../../base/pause.ts";
import { MapTiming } from "./map_timing.ts";

/** Reads under way at once: enough for 700 in a second. A buffer is made when it is first needed. */
const DEPTH = 8;

/**
 * Maps whose bytes were read and whose promises have not resolved. There are more only where nothing lets
 * the event loop turn, and then they would pile up for as long.
 */
const MAX_PENDING_MAPS = 32;

/** How long the end waits for maps that are under way; a driver that was lost may never answer. */
const MAX_DISPOSE_MS = 1000;

/** How one read is done. */
export interface ReadbackOptions {
  /** Where the bytes go; at least as long as the read. @default a new array */
  readonly into?: Uint8Array;
  /** The copy is appended to it, then it is finished and submitted. @default one of its own */
  readonly encoder?: GPUCommandEncoder;
}

/** What the ring needs to know of its device. */
export interface ReadbackOwner {
  /** Whether bytes are there before the promise of `mapAsync` resolves: see `canReadEarly`. */
  readonly readsEarly: boolean;
  /** Throws when the device is lost. */
  readonly assertUsable: () => void;
  /** Throws when what was computed cannot be trusted. */
  readonly assertAllocated: () => void;
}

/** What a ring does. */
export interface ReadbackStats {
  /** Reads under way. */
  readonly active: number;
  /** Reads that wait for one to end. */
  readonly waiting: number;
  /** Reads that ended well. */
  readonly reads: number;
  /** Bytes of the ring's buffers. */
  readonly bytes: number;
  /** Milliseconds, in all, that waiting for the GPU has blocked the event loop. */
  readonly blockedMs: number;
}

interface Slot {
  buffer: GPUBuffer | undefined;
  /** Whether a map of this buffer has resolved. */
  wasMapped: boolean;
}

/** Reads buffers of one device. */
export class ReadbackRing {
  readonly #device: GPUDevice;
  readonly #owner: ReadbackOwner;
  readonly #slots: readonly Slot[];
  readonly #free: Set<Slot>;
  readonly #waiting: ((slot: Slot) => void)[] = [];
  /** Promises of maps that have not settled; their bytes may have been read already. */
  readonly #maps = new Set<Promise<void>>();
  readonly #rejectMaps = new Set<(error: GpuError) => void>();
  /** Resolves when the latest read has called `mapAsync`. */
  #turn: Promise<void> = Promise.resolve();
  readonly #timing = new MapTiming();
  #reads = 0;
  #blockedMs = 0;

  /** Made by `Gpu.open`. */
  constructor(device: GPUDevice, owner: ReadbackOwner) {
    this.#device = device;
    this.#owner = owner;
    this.#slots = Array.from({ length: DEPTH }, () => ({ buffer: undefined, wasMapped: false }));
    this.#free = new Set(this.#slots);
  }

  /** What the ring does now and did. */
  get stats(): ReadbackStats {
    return {
      active: this.#slots.length - this.#free.size,
      waiting: this.#waiting.length,
      reads: this.#reads,
      bytes: this.#slots.reduce((sum, { buffer }) => sum + (buffer?.size ?? 0), 0),
      blockedMs: this.#blockedMs,
    };
  }

  /**
   * Resolves to the first `bytes` bytes of a buffer with `COPY_SRC`. Leave the buffer's content alone
   * until then: where the ring is full the copy waits, while the work of a given encoder never does.
   * Rejects with a `RangeError` where the buffer or `into` is too short, and with a {@linkcode GpuError}:
   * `GPU_LOST`, or `GPU_MEMORY` where the device had no memory for what was computed.
   */
  async read(
    source: GPUBuffer,
    bytes: number,
    options: ReadbackOptions = {},
  ): Promise<Uint8Array> {
    this.#owner.assertUsable();
    checkRead(source, bytes, options.into);
    const size = copySize(bytes);
    let slot = this.#takeFree(size);
    let encoder = options.encoder;
    if (slot === undefined) {
      if (encoder !== undefined) this.#device.queue.submit([encoder.finish()]);
      encoder = undefined;
      slot = await this.#nextFree();
    }
    try {
      this.#owner.assertUsable();
      const buffer = this.#fittingBuffer(slot, size);
      encoder ??= this.#device.createCommandEncoder({ label: "readback" });
      encoder.copyBufferToBuffer(source, 0, buffer, 0, size);
      this.#device.queue.submit([encoder.finish()]);
      const result = await this.#map(slot, size, () => takeBytes(buffer, bytes, options.into));
      this.#reads++;
      return result;
    } finally {
      this.#giveBack(slot);
    }
  }

  /** Rejects the reads that are under way; the ones that wait then find the device lost. */
  fail(error: GpuError): void {
    for (const reject of this.#rejectMaps) reject(error);
  }

  /**
   * Resolves when no map is under way any more, also of buffers whose bytes were read; a second later at
   * the latest. Nothing needs to wait for that but tests that look for what is left over.
   */
  async settled(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = schedulePatiently(systemClock, MAX_DISPOSE_MS, resolve);
    await Promise.race([Promise.allSettled(this.#maps), late]);
    cancel();
  }

  /** Destroys the ring's buffers, after the maps under way. */
  async dispose(): Promise<void> {
    await this.settled();
    for (const slot of this.#slots) dropBuffer(slot);
  }

  /** Maps a buffer and takes its bytes; settles at once when the device is lost, which a map may not. */
  async #map(slot: Slot, size: number, take: () => Uint8Array): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.#rejectMaps.add(reject);
    this.#mapInTurn(slot, size, take).then(resolve, reject);
    try {
      return await promise;
    } catch (cause) {
      await pause(0); // a loss is told a moment after the maps that it fails
      this.#owner.assertUsable();
      if (cause instanceof GpuError) throw cause;
      throw new GpuError(
        "GPU_MEMORY",
        `Cannot read ${size} bytes back from the GPU: the buffer for them cannot be mapped; ` +
          "see whether memory is short",
        { cause },
      );
    } finally {
      this.#rejectMaps.delete(reject);
    }
  }

  /** Maps after the reads that were called before, so that they end in order. */
  async #mapInTurn(slot: Slot, size: number, take: () => Uint8Array): Promise<Uint8Array> {
    const buffer = slot.buffer!;
    const { delayMs } = this.#timing;
    const before = this.#turn;
    const { promise, resolve: endTurn } = Promise.withResolvers<void>();
    this.#turn = promise;
    try {
      await (delayMs === 0 ? before : Promise.all([before, pause(delayMs)]));
      this.#owner.assertUsable();
      const map = this.#startMap(buffer, size, delayMs);
      const early = this.#takeEarly(slot, take);
      if (early !== undefined) {
        if (this.#maps.size > MAX_PENDING_MAPS) await map;
        return early;
      }
      await map;
      slot.wasMapped = true;
      this.#owner.assertUsable(); // a map of a destroyed device resolves, without the bytes
      this.#assertAllocated(buffer);
      return take();
    } finally {
      endTurn();
    }
  }

  #startMap(buffer: GPUBuffer, size: number, waitedMs: number): Promise<void> {
    const start = performance.now();
    const map = buffer.mapAsync(GPUMapMode.READ, 0, size);
    const blockedMs = performance.now() - start;
    this.#blockedMs += blockedMs;
    this.#timing.note(waitedMs, blockedMs);
    this.#maps.add(map);
    const forget = (): boolean => this.#maps.delete(map);
    map.then(forget, forget);
    return map;
  }

  /** The bytes before the map's promise resolves; `undefined` where they are not there yet. */
  #takeEarly(slot: Slot, take: () => Uint8Array): Uint8Array | undefined {
    if (!this.#owner.readsEarly || !slot.wasMapped) return undefined;
    this.#owner.assertAllocated();
    try {
      return take();
    } catch {
      return undefined; // not mapped yet, or never: the promise says which
    }
  }

  #assertAllocated(buffer: GPUBuffer): void {
    try {
      this.#owner.assertAllocated();
    } catch (error) {
      buffer.unmap();
      throw error;
    }
  }

  /** The free slot whose buffer fits best; else one without a buffer; else the smallest, to be replaced. */
  #takeFree(size: number): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.#free) {
      if (best === undefined || isBetter(slot, best, size)) best = slot;
    }
    if (best !== undefined) this.#free.delete(best);
    return best;
  }

  #fittingBuffer(slot: Slot, size: number): GPUBuffer {
    if (slot.buffer !== undefined && slot.buffer.size >= size) return slot.buffer;
    dropBuffer(slot);
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return slot.buffer = this.#device.createBuffer({ label: "readback", size, usage });
  }

  #nextFree(): Promise<Slot> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #giveBack(slot: Slot): void {
    // A map that never settled, or failed: its buffer cannot be used again.
    if (slot.buffer !== undefined && slot.buffer.mapState !== "unmapped") forgetBuffer(slot);
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.add(slot);
    else next(slot);
  }
}

function isBetter({ buffer }: Slot, { buffer: best }: Slot, size: number): boolean {
  const fits = buffer !== undefined && buffer.size >= size;
  const bestFits = best !== undefined && best.size >= size;
  if (fits !== bestFits) return fits;
  const [bytes, bestBytes] = [buffer?.size ?? 0, best?.size ?? 0];
  return bytes < bestBytes;
}

/** Copies between buffers are of whole words. */
function copySize(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

function checkRead(source: GPUBuffer, bytes: number, into: Uint8Array | undefined): void {
  if (!Number.isInteger(bytes) || bytes < 1 || copySize(bytes) > source.size) {
    throw new RangeError(
      `Cannot read ${bytes} bytes of the GPU buffer "${source.label}" of ${source.size}: ` +
        "use a whole number from 1, whose words the buffer has",
    );
  }
  if (into !== undefined && into.length < bytes) {
    throw new RangeError(
      `Cannot read ${bytes} bytes into an array of ${into.length}: use a longer one`,
    );
  }
}

function takeBytes(buffer: GPUBuffer, bytes: number, into: Uint8Array | undefined): Uint8Array {
  const mapped = new Uint8Array(buffer.getMappedRange(0, copySize(bytes)), 0, bytes);
  const result = into === undefined ? mapped.slice() : into.subarray(0, bytes);
  if (into !== undefined) result.set(mapped);
  buffer.unmap();
  return result;
}

/** Destroying a mapped buffer has hung on some drivers: it is unmapped first. */
function dropBuffer(slot: Slot): void {
  const { buffer } = slot;
  forgetBuffer(slot);
  if (buffer?.mapState === "mapped") tryUnmap(buffer);
  buffer?.destroy();
}

function forgetBuffer(slot: Slot): void {
  slot.buffer = undefined;
  slot.wasMapped = false;
}

/** A buffer that was read early is called mapped when its promise resolves, though it is not any more. */
function tryUnmap(buffer: GPUBuffer): void {
  try {
    buffer.unmap();
  } catch {
    // not mapped
  }
}
