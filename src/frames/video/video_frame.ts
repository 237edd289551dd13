/**
 * One picture of a stream on its way through a processor.
 *
 * @module
 */

import type { Tensor, TypedTensor } from "onnxruntime-common";
import type { Rational } from "../../base/mod.ts";
import {
  convertPicture as convertGpuPicture,
  currentGpu,
  type Gpu,
  type GpuPicture,
  imageFromTensor as imageFromGpuTensor,
  type ImageFromTensorOptions,
  type ImageToTensorOptions,
} from "../../gpu/mod.ts";
import {
  checkPicture,
  DEFAULT_COLOR,
  type Picture,
  type YuvPlanes,
  yuvPlanes,
} from "../../media/picture.ts";
import type { ColorInfo, PixelFormat } from "../../media/types.ts";
import { convertPicture } from "../convert/convert.ts";
import { type FrameDevice, FramePixels } from "./frame_pixels.ts";
import { imageFromTensor } from "../convert/image_tensor.ts";
import { GpuPixels, gpuTensorOf } from "./gpu_pixels.ts";
import { countClosed, countOpen, Lease } from "./lease.ts";
import { checkTime } from "../time.ts";

/** Marks video frames of every copy of this module, where `instanceof` would tell them apart. */
const BRAND = Symbol.for("@runnel/runnel VideoFrame");

/** What a {@linkcode VideoFrame} is made of. */
export interface VideoFrameInit extends Picture {
  /** Presentation time in ticks of `timeBase`; becomes {@linkcode VideoFrame.timestamp}. */
  readonly ptsTicks: number;
  /** How long a tick is. */
  readonly timeBase: Rational;
  /** Width of a pixel in its heights; kept by frames made from it that have its shape. @default 1:1 */
  readonly sampleAspect?: Rational | undefined;
  /** Anything that belongs to the frame; kept by the frames made from it. @default {} */
  readonly metadata?: Record<string, unknown>;
  /** Takes `data` back when the frame and all frames that share its bytes are closed. */
  readonly release?: () => void;
}

/** How `replaceTensor()` reads a tensor; what is absent follows from its type and shape. */
export type ReplaceTensorOptions = Omit<ImageFromTensorOptions, "color">;

/** The parts of a frame that is made from another frame: its pixels may be on the CPU or the GPU. */
interface FrameParts
  extends Pick<VideoFrameInit, "ptsTicks" | "timeBase" | "sampleAspect" | "metadata"> {
  readonly pixels: FramePixels;
}

/**
 * A video frame, in CPU memory or on the GPU. Its holder closes it (`using` works). After that its size
 * and time can still be read, but not its pixels.
 *
 * ```ts
 * import { VideoFrame } from "./video_frame.ts";
 *
 * using frame = new VideoFrame({
 *   pixelFormat: "rgb24",
 *   data: new Uint8Array(640 * 480 * 3),
 *   width: 640,
 *   height: 480,
 *   ptsTicks: 3000,
 *   timeBase: { num: 1, den: 90_000 },
 * });
 * frame.tensor.data.fill(255); // uint8 [480, 640, 3]
 * ```
 */
export class VideoFrame implements Picture {
  /** Layout of the pixels. */
  readonly pixelFormat: PixelFormat;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** How the YUV of this frame is meant. */
  readonly color: ColorInfo;
  /** Presentation time in ticks of `timeBase`: a whole number. */
  readonly timestamp: number;
  /** How long a tick of `timestamp` is. */
  readonly timeBase: Rational;
  /** Width of a pixel in its heights; undefined: pixels are square. */
  readonly sampleAspect: Rational | undefined;
  /** Anything that belongs to the frame. */
  readonly metadata: Record<string, unknown>;

  readonly #pixels: FramePixels;
  #isCounted = false;

  /**
   * Makes a frame over `init.data`, which is not copied. Throws a `TypeError` or `RangeError` when the
   * data does not fit format and size, or the time is not a whole number of ticks.
   */
  constructor(init: VideoFrameInit | FrameParts) {
    checkTime(init.ptsTicks, init.timeBase);
    this.#pixels = "pixels" in init ? init.pixels : cpuPixels(init);
    const { pixelFormat, width, height, color } = this.#pixels.format;
    this.pixelFormat = pixelFormat;
    this.width = width;
    this.height = height;
    this.color = color;
    this.timestamp = init.ptsTicks;
    this.timeBase = init.timeBase;
    this.sampleAspect = init.sampleAspect;
    this.metadata = init.metadata ?? {};
    this.#count();
  }

  /** Marks every video frame, of any copy of the library. */
  get [BRAND](): true {
    return true;
  }

  /** Whether the frame was closed. */
  get closed(): boolean {
    return this.#pixels.isClosed;
  }

  /** The memory that the pixels are used from; {@linkcode to} changes it. */
  get location(): FrameDevice {
    return this.#pixels.location;
  }

  /**
   * The pixels in CPU memory, tightly packed; not a copy. Throws a `TypeError` on a closed frame, and on
   * one that is on the GPU.
   */
  get data(): Uint8Array {
    return this.#open("data").data ?? this.#misplaced("data", "cpu");
  }

  /**
   * The planes of an `i420` frame in CPU memory, not copies. Throws a `TypeError` for other formats,
   * when closed, or when on the GPU.
   */
  get planes(): YuvPlanes {
    const data = this.#open("planes").data ?? this.#misplaced("planes", "cpu");
    return yuvPlanes({ ...this.#pixels.format, data });
  }

  /**
   * The pixels as a `uint8` tensor `[height, width, 3]`, RGB 0-255, in the memory that the frame is in.
   * For an `rgb24` frame in CPU memory it shares the frame's bytes: what is written to it is written to
   * the frame. Otherwise it is converted once, when first asked for; hand changes back with
   * {@linkcode replaceTensor}. A tensor on the GPU is valid until the frame is closed or moved.
   * Throws a `TypeError` on a closed frame, and a `GpuError` when the frame's device is lost.
   */
  get tensor(): TypedTensor<"uint8"> {
    return this.#open("tensor").tensor();
  }

  /** The device that the frame is on. Throws a `TypeError` on a closed frame or one in CPU memory. */
  get gpu(): Gpu {
    return this.#onGpu("gpu").gpu;
  }

  /**
   * The pixels in GPU memory, for shaders; they must not be written to. Valid until the frame is closed
   * or moved. Throws a `TypeError` on a closed frame or one in CPU memory.
   */
  get gpuPicture(): GpuPicture {
    return this.#onGpu("gpuPicture").picture;
  }

  /**
   * The tensor that a model takes, made on the GPU in one pass: layout, type, range, and another size
   * where asked for. It is valid until it is disposed, or the frame is closed or moved. Throws a
   * `TypeError` on a closed frame or one in CPU memory, a `TypeError` or `RangeError` for options that
   * make no tensor, and a `GpuError` when the device is lost or the tensor too large for it.
   */
  gpuTensor(options: ImageToTensorOptions = {}): Tensor {
    return this.#onGpu("gpuTensor()").modelTensor(options);
  }

  /**
   * A new frame with the tensor's picture and size, and this frame's time and metadata. The tensor is
   * `uint8` (0-255), `float32` or `float16` (0-1), of shape `[H,W,C]`, `[1,H,W,C]`, `[C,H,W]` or
   * `[1,C,H,W]` with C = 1, 3 or 4; where both orders fit, the last dimension is the channels. Values
   * are clamped and rounded, NaN is 0. `options` describes tensors whose numbers mean something else.
   *
   * In CPU memory the frame becomes `rgb24`, `rgba` or, for one channel, a grey `i420`, and a `uint8`
   * tensor with three or four channels last is not copied and belongs to the frame. A tensor on the GPU
   * is converted there at once, to `rgba` (grey to `i420`), and may be disposed right after.
   *
   * Throws a `TypeError` that names what it got and what is accepted, or on a closed frame; and a
   * `GpuError` when the tensor's device is lost.
   */
  replaceTensor(tensor: Tensor, options: ReplaceTensorOptions = {}): VideoFrame {
    this.#open("replaceTensor()");
    if (tensor?.location !== "gpu-buffer") {
      return this.#derive(imageFromTensor(tensor, { ...options, color: this.color }));
    }
    const gpu = this.#pixels.gpu?.gpu ?? currentGpu();
    if (gpu === undefined) throw noDevice();
    const picture = { ...options, color: this.color };
    return this.#deriveOnGpu(gpu, imageFromGpuTensor(gpu, gpuTensorOf(tensor), picture));
  }

  /**
   * A new frame with other pixels in CPU memory, and this frame's time and metadata; `color` is this
   * frame's unless given. Throws like the constructor, or a `TypeError` on a closed frame.
   */
  replaceData(picture: Picture): VideoFrame {
    this.#open("replaceData()");
    return this.#derive({ ...pictureOf(picture), color: picture.color ?? this.color });
  }

  /**
   * A new frame over a picture in GPU memory, and this frame's time and metadata. The picture's buffer
   * is from the pool of this frame's device and goes back to it with the new frame. Throws a
   * `TypeError` on a closed frame or one in CPU memory.
   */
  replaceGpuPicture(picture: GpuPicture): VideoFrame {
    return this.#deriveOnGpu(this.#onGpu("replaceGpuPicture()").gpu, picture);
  }

  /**
   * A new frame of another pixel format with its own pixels, in the same memory. Throws a `TypeError` on
   * a closed frame, and a `GpuError` when the frame's device is lost.
   */
  convert(pixelFormat: PixelFormat): VideoFrame {
    const { gpu, data } = this.#open("convert()");
    if (gpu !== undefined) {
      return this.#deriveOnGpu(gpu.gpu, convertGpuPicture(gpu.gpu, gpu.picture, { pixelFormat }));
    }
    const picture = { ...this.#pixels.format, data: data! };
    return this.#derive({ ...picture, pixelFormat, data: convertPicture(picture, pixelFormat) });
  }

  /**
   * A second frame over the same pixels, at the same time unless another is given: they go back to their
   * pool when both are closed. Throws a `TypeError` on a closed frame, and a `RangeError` for a time
   * that cannot be.
   */
  share(ptsTicks: number = this.timestamp, timeBase: Rational = this.timeBase): VideoFrame {
    const pixels = this.#open("share()").share();
    try {
      const { sampleAspect, metadata } = this;
      return new VideoFrame({ pixels, ptsTicks, timeBase, sampleAspect, metadata });
    } catch (error) {
      pixels.close();
      throw error;
    }
  }

  /** A copy with its own pixels, which outlives this frame. Throws like {@linkcode convert}. */
  clone(): VideoFrame {
    return this.convert(this.pixelFormat);
  }

  /**
   * Moves the frame to the memory of a device, and resolves to it. An unchanged frame keeps its bytes in
   * CPU memory beside those on the GPU, so that moving it back costs nothing; other frames are read
   * back. Rejects with a `TypeError` on a closed frame, and with a `GpuError` when there is no GPU,
   * it is out of memory, or the pixels were on one that is lost.
   */
  async to(device: FrameDevice): Promise<this> {
    const pixels = this.#open(`to("${device}")`);
    await (device === "gpu" ? pixels.toGpu() : pixels.toCpu());
    this.#open(`to("${device}")`);
    this.#count();
    return this;
  }

  /** Gives the pixels back. Idempotent. */
  close(): void {
    this.#pixels.close();
    if (!this.#isCounted) return;
    this.#isCounted = false;
    countClosed(this);
  }

  /** Closes the frame at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(what: string): FramePixels {
    if (!this.#pixels.isClosed) return this.#pixels;
    throw new TypeError(
      `Cannot use ${what} of a closed frame (timestamp ${this.timestamp}): ` +
        "use it before close(), or keep a clone()",
    );
  }

  #onGpu(what: string): GpuPixels {
    return this.#open(what).gpu ?? this.#misplaced(what, "gpu");
  }

  #misplaced(what: string, device: FrameDevice): never {
    const place = this.location === "gpu" ? "on the GPU" : "in CPU memory";
    throw new TypeError(
      `Cannot use ${what} of a frame ${place} (timestamp ${this.timestamp}): ` +
        `await frame.to("${device}") first`,
    );
  }

  #derive(picture: Picture): VideoFrame {
    const { data, color = DEFAULT_COLOR, pixelFormat, width, height } = picture;
    checkPicture(picture);
    // The bytes may belong to this frame, through its tensor: then both frames hold them.
    const lease = this.#pixels.leaseOf(data.buffer);
    return this.#with(FramePixels.onCpu({ pixelFormat, width, height, color }, data, lease));
  }

  #deriveOnGpu(gpu: Gpu, picture: GpuPicture): VideoFrame {
    return this.#with(FramePixels.onGpu(new GpuPixels(gpu, picture)));
  }

  #with(pixels: FramePixels): VideoFrame {
    const { timestamp: ptsTicks, timeBase, metadata } = this;
    const { width, height } = pixels.format;
    // A picture of another shape was cropped or stretched: its pixel aspect is unknown.
    const sampleAspect = width * this.height === height * this.width
      ? this.sampleAspect
      : undefined;
    return new VideoFrame({ pixels, ptsTicks, timeBase, sampleAspect, metadata });
  }

  #count(): void {
    if (this.#isCounted || !this.#pixels.isPooled) return;
    this.#isCounted = true;
    countOpen(this, this.#pixels);
  }
}

/** Whether a value is a {@linkcode VideoFrame}, also one of another copy of this library. */
export function isVideoFrame(value: unknown): value is VideoFrame {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** Only the picture of a frame: a spread would miss its accessors. */
function pictureOf(picture: Picture): Picture {
  const { pixelFormat, data, width, height, color } = picture;
  return { pixelFormat, data, width, height, ...(color === undefined ? {} : { color }) };
}

function cpuPixels(init: VideoFrameInit): FramePixels {
  checkPicture(init);
  const { pixelFormat, width, height, color = DEFAULT_COLOR, data, release } = init;
  const lease = release === undefined ? undefined : new Lease({ release });
  return FramePixels.onCpu({ pixelFormat, width, height, color }, data, lease);
}

function noDevice(): TypeError {
  return new TypeError(
    "Cannot take a tensor in GPU memory: no GPU is open; " +
      'open it with sharedGpu() or frame.to("gpu"), and give tensors of that device',
  );
}
