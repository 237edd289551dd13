/**
 * Where the pixels of a frame are: in CPU memory, in GPU memory, or the same in both.
 *
 * @module
 */

import type { TypedTensor } from "onnxruntime-common";
import { sharedGpu } from "../../gpu/mod.ts";
import type { ColorInfo, PixelFormat } from "../../media/types.ts";
import type { Picture } from "../../media/picture.ts";
import { GpuPixels } from "./gpu_pixels.ts";
import { type Holding, Lease } from "./lease.ts";
import { rgbTensor } from "../convert/image_tensor.ts";

/** A kind of memory. */
export type FrameDevice = "cpu" | "gpu";

/** What a picture is, apart from its pixels. */
export interface PictureFormat {
  readonly pixelFormat: PixelFormat;
  readonly width: number;
  readonly height: number;
  readonly color: ColorInfo;
}

interface CpuPixels {
  readonly data: Uint8Array;
  /** Absent where the memory belongs to the garbage collector. */
  readonly lease: Lease | undefined;
}

/** The pixels of one frame. Once they are closed, every method but {@linkcode close} throws. */
export class FramePixels implements Holding {
  /** What the picture is. */
  readonly format: PictureFormat;
  /**
   * Kept beside the copy on the GPU, which is never written to, so that moving back costs
   * nothing.
   */
  #cpu: CpuPixels | undefined;
  #gpu: GpuPixels | undefined;
  #location: FrameDevice;
  #tensor: TypedTensor<"uint8"> | undefined;
  #isClosed = false;

  private constructor(
    format: PictureFormat,
    pixels: { readonly cpu?: CpuPixels; readonly gpu?: GpuPixels; readonly location: FrameDevice },
  ) {
    this.format = format;
    this.#cpu = pixels.cpu;
    this.#gpu = pixels.gpu;
    this.#location = pixels.location;
  }

  /** Pixels in CPU memory, not copied; `lease` is taken over. */
  static onCpu(format: PictureFormat, data: Uint8Array, lease?: Lease): FramePixels {
    return new FramePixels(format, { cpu: { data, lease }, location: "cpu" });
  }

  /** Pixels in GPU memory. */
  static onGpu(pixels: GpuPixels): FramePixels {
    return new FramePixels(pixels.picture, { gpu: pixels, location: "gpu" });
  }

  /** Whether they were closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether closing them gives memory back to a pool. */
  get isPooled(): boolean {
    return this.#cpu?.lease !== undefined || this.#gpu !== undefined;
  }

  /** Which memory they are used from. */
  get location(): FrameDevice {
    return this.#location;
  }

  /** The bytes in CPU memory; `undefined` while they are used from GPU memory. */
  get data(): Uint8Array | undefined {
    return this.#location === "cpu" ? this.#cpu?.data : undefined;
  }

  /** The pixels in GPU memory; `undefined` while they are used from CPU memory. */
  get gpu(): GpuPixels | undefined {
    return this.#location === "gpu" ? this.#gpu : undefined;
  }

  /** The bytes' lease, held once more, where `buffer` is their memory. */
  leaseOf(buffer: ArrayBufferLike): Lease | undefined {
    return this.#cpu?.data.buffer === buffer ? this.#cpu.lease?.hold() : undefined;
  }

  /** A `uint8` tensor `[H,W,3]` in the memory that they are used from. */
  tensor(): TypedTensor<"uint8"> {
    if (this.#location === "gpu" && this.#gpu !== undefined) return this.#gpu.tensor;
    return this.#tensor ??= rgbTensor(this.#picture());
  }

  /** The same pixels for another frame. */
  share(): FramePixels {
    const { data, lease } = this.#cpu ?? {};
    const cpu = data === undefined ? {} : { cpu: { data, lease: lease?.hold() } };
    const gpu = this.#gpu === undefined ? {} : { gpu: this.#gpu.share() };
    return new FramePixels(this.format, { ...cpu, ...gpu, location: this.#location });
  }

  /**
   * Moves to GPU memory, copying the pixels when needed. Rejects with a `GpuError` when there is no GPU, or
   * the pixels were only on a GPU that is lost.
   */
  async toGpu(): Promise<void> {
    if (this.#gpu === undefined || (this.#gpu.gpu.isLost && this.#cpu !== undefined)) {
      const gpu = await sharedGpu();
      // Closed or moved by another call while the device was opened.
      if (this.#isClosed || this.#cpu === undefined || this.#gpu?.gpu === gpu) return;
      this.#gpu?.close();
      const buffer = gpu.upload(this.#cpu.data, "frame");
      this.#gpu = new GpuPixels(gpu, { ...this.format, buffer });
      this.#tensor = undefined;
    }
    this.#location = "gpu";
  }

  /**
   * Moves to CPU memory, reading the pixels back when needed. Their tensors on the GPU are given back.
   * Rejects with a `GpuError` when the pixels were only on a GPU that is lost.
   */
  async toCpu(): Promise<void> {
    const gpu = this.#gpu;
    if (this.#cpu === undefined && gpu !== undefined) {
      const { data, release } = await gpu.read();
      if (this.#isClosed || this.#cpu !== undefined) return release();
      this.#cpu = { data, lease: new Lease({ release }) };
    }
    this.#location = "cpu";
    // The bytes may be written to: the copy on the GPU would be outdated.
    if (this.#gpu === gpu) {
      this.#gpu = undefined;
      gpu?.close();
    }
  }

  /** Gives the memory back. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cpu?.lease?.drop();
    this.#gpu?.close();
    this.#clear();
  }

  /** Their frame was collected as garbage without having been closed. */
  forget(): void {
    this.#isClosed = true;
    this.#cpu?.lease?.forget();
    this.#gpu?.forget();
    this.#clear();
  }

  #clear(): void {
    this.#cpu = undefined;
    this.#gpu = undefined;
    this.#tensor = undefined;
  }

  #picture(): Picture {
    const data = this.#cpu?.data;
    if (data === undefined) throw new TypeError("Cannot read closed pixels: keep the frame open");
    return { ...this.format, data };
  }
}
