/**
 * A frame's picture in GPU memory, and the tensors made from it.
 *
 * @module
 */

import { Tensor, type TypedTensor } from "onnxruntime-common";
import {
  type Gpu,
  type GpuPicture,
  type GpuTensor,
  imageToTensor,
  type ImageToTensorOptions,
  isTensorDtype,
  notAnImage,
  type TensorDtype,
} from "../../gpu/mod.ts";
import { FramePool } from "../../media/frame_pool.ts";
import { pictureBytes } from "../../media/picture.ts";
import { Lease } from "./lease.ts";

/** Memory for frames that are read back: fresh memory of that size costs page faults each time. */
const readbackMemory = new FramePool();

/** A picture in a pooled buffer of a device, held by one frame or by several that share it. */
export class GpuPixels {
  readonly gpu: Gpu;
  readonly picture: GpuPicture;
  readonly #lease: Lease;
  /** What {@linkcode tensor} and {@linkcode modelTensor} gave, until it is disposed. */
  readonly #tensors = new Set<Tensor>();
  #rgb: TypedTensor<"uint8"> | undefined;

  /** Takes over the picture's buffer. */
  constructor(gpu: Gpu, picture: GpuPicture, lease?: Lease) {
    this.gpu = gpu;
    this.picture = picture;
    this.#lease = lease ?? new Lease({
      release: () => gpu.pool.release(picture.buffer),
      forget: () => gpu.pool.abandon(picture.buffer),
    });
  }

  /** The same picture for another frame, with its own tensors. */
  share(): GpuPixels {
    return new GpuPixels(this.gpu, this.picture, this.#lease.hold());
  }

  /** The picture as a `uint8` tensor `[H,W,3]`, made once. */
  get tensor(): TypedTensor<"uint8"> {
    this.#rgb ??= this.modelTensor({ layout: "hwc", dtype: "uint8" }) as TypedTensor<"uint8">;
    return this.#rgb;
  }

  /** The picture as the tensor that a model takes; valid until {@linkcode close} or its disposal. */
  modelTensor(options: ImageToTensorOptions): Tensor {
    this.gpu.assertUsable();
    const made = imageToTensor(this.gpu, this.picture, options);
    const tensor = this.#wrap(made);
    this.#tensors.add(tensor);
    return tensor;
  }

  /** Reads the picture back into pooled memory. Rejects with a `GpuError` when the device is lost. */
  async read(): Promise<{ readonly data: Uint8Array; readonly release: () => void }> {
    const { buffer, pixelFormat, width, height } = this.picture;
    const bytes = pictureBytes(pixelFormat, width, height);
    const into = readbackMemory.allocate(bytes);
    const release = (): void => readbackMemory.release(into);
    try {
      this.gpu.assertUsable();
      return { data: await this.gpu.readback.read(buffer, bytes, { into }), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Gives the tensors back, and the picture once no other frame holds it. Call it once. */
  close(): void {
    for (const tensor of [...this.#tensors]) tensor.dispose();
    this.#lease.drop();
  }

  /** Like {@linkcode close}, for a frame that was never closed. */
  forget(): void {
    for (const tensor of this.#tensors) this.gpu.pool.abandon(tensor.gpuBuffer as GPUBuffer);
    this.#lease.forget();
  }

  #wrap({ buffer, dtype, dims }: GpuTensor): Tensor {
    const { pool } = this.gpu;
    const tensor: Tensor = Tensor.fromGpuBuffer(buffer, {
      dataType: dtype,
      dims: [...dims],
      download: () => this.#download(buffer, tensor),
      dispose: () => {
        this.#tensors.delete(tensor);
        if (this.#rgb === tensor) this.#rgb = undefined;
        pool.release(buffer);
      },
    });
    return tensor;
  }

  /** What `tensor.getData()` gives. */
  async #download(buffer: GPUBuffer, { type, size }: Tensor): Promise<TensorData> {
    const bytesEach = { uint8: 1, float16: 2, float32: 4 }[type as TensorDtype];
    const bytes = await this.gpu.readback.read(buffer, size * bytesEach);
    if (bytesEach === 1) return bytes;
    if (bytesEach === 4) return new Float32Array(bytes.buffer);
    // onnxruntime holds Float16Array where there is one, and its types say Uint16Array.
    return new Float16Array(bytes.buffer) as unknown as Uint16Array;
  }
}

/** The tensor as the conversions take it. Throws a `TypeError` for a type that no picture has. */
export function gpuTensorOf({ type, dims, gpuBuffer }: Tensor): GpuTensor {
  if (isTensorDtype(type)) return { buffer: gpuBuffer as GPUBuffer, dtype: type, dims };
  throw notAnImage(`a ${type} tensor of shape [${dims.join(",")}] in GPU memory`);
}

type TensorData = Uint8Array | Uint16Array | Float32Array;
