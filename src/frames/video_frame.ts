/**
 * One picture of a stream on its way through a processor.
 *
 * @module
 */

import type { Tensor, TypedTensor } from "onnxruntime-common";
import { GpuError, type Rational } from "../base/mod.ts";
import type { ColorInfo, PixelFormat } from "../media/types.ts";
import { convertPicture } from "./convert.ts";
import { BufferLease } from "./lease.ts";
import {
  checkPicture,
  DEFAULT_COLOR,
  type Picture,
  type YuvPlanes,
  yuvPlanes,
} from "../media/picture.ts";
import { pictureToTensor, tensorToPicture } from "./tensor.ts";
import { checkTime } from "./time.ts";

/** Marks video frames of every copy of this module, where `instanceof` would tell them apart. */
const BRAND = Symbol.for("@runnel/runnel VideoFrame");

/** What a {@linkcode VideoFrame} is made of. */
export interface VideoFrameInit extends Picture {
  /** Presentation time in ticks of `timeBase`; becomes {@linkcode VideoFrame.timestamp}. */
  readonly ptsTicks: number;
  /** How long a tick is. */
  readonly timeBase: Rational;
  /** Anything that belongs to the frame; kept by the frames made from it. @default {} */
  readonly metadata?: Record<string, unknown>;
  /** Takes `data` back when the frame and all frames that share its bytes are closed. */
  readonly release?: () => void;
}

/**
 * A video frame in CPU memory. Whoever holds it closes it (`using` works); its pixels cannot be read
 * after that, while size and time can.
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
  /** Layout of `data`. */
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
  /** Anything that belongs to the frame. */
  readonly metadata: Record<string, unknown>;

  #data: Uint8Array | undefined;
  #tensor: TypedTensor<"uint8"> | undefined;
  #lease: BufferLease | undefined;

  /**
   * Makes a frame over `init.data`, which is not copied. Throws a `TypeError` or `RangeError` when the
   * data does not fit format and size, or the time is not a whole number of ticks.
   */
  constructor(init: VideoFrameInit) {
    checkPicture(init);
    checkTime(init.ptsTicks, init.timeBase);
    this.pixelFormat = init.pixelFormat;
    this.width = init.width;
    this.height = init.height;
    this.color = init.color ?? DEFAULT_COLOR;
    this.timestamp = init.ptsTicks;
    this.timeBase = init.timeBase;
    this.metadata = init.metadata ?? {};
    this.#data = init.data;
    if (init.release !== undefined) this.#holdLease(new BufferLease(init.release));
  }

  /** Marks every video frame, from whichever copy of the library. */
  get [BRAND](): true {
    return true;
  }

  /** Whether the frame was closed. */
  get closed(): boolean {
    return this.#data === undefined;
  }

  /** The pixels, tightly packed; not a copy. Throws a `TypeError` on a closed frame. */
  get data(): Uint8Array {
    return this.#open("data");
  }

  /** The planes of an `i420` frame, not copies. Throws a `TypeError` for other formats or when closed. */
  get planes(): YuvPlanes {
    this.#open("planes");
    return yuvPlanes(this);
  }

  /**
   * The pixels as a `uint8` tensor `[height, width, 3]`, RGB 0–255. For an `rgb24` frame it shares the
   * frame's bytes: what is written to it is written to the frame. For `i420` and `rgba` it is converted
   * once, when first asked for; hand changes back with {@linkcode replaceTensor}.
   * Throws a `TypeError` on a closed frame.
   */
  get tensor(): TypedTensor<"uint8"> {
    this.#open("tensor");
    return this.#tensor ??= pictureToTensor(this);
  }

  /**
   * A new frame with the tensor's picture and size, and this frame's time and metadata. The tensor is
   * `uint8` (0–255), `float32` or `float16` (0–1), of shape `[H,W,C]`, `[1,H,W,C]`, `[C,H,W]` or
   * `[1,C,H,W]` with C = 1, 3 or 4; where both orders fit, the last dimension is the channels. Values
   * are clamped and rounded, NaN is 0. The frame becomes `rgb24`, `rgba` or, for one channel, a grey
   * `i420`. A `uint8` tensor with three or four channels last is not copied and belongs to the frame.
   *
   * Throws a `TypeError` that names what it got and what is accepted, or on a closed frame.
   */
  replaceTensor(tensor: Tensor): VideoFrame {
    this.#open("replaceTensor()");
    return this.#derive(tensorToPicture(tensor, this.color));
  }

  /**
   * A new frame with other pixels, and this frame's time and metadata; `color` is this frame's unless
   * given. Throws like the constructor, or a `TypeError` on a closed frame.
   */
  replaceData(picture: Picture): VideoFrame {
    this.#open("replaceData()");
    return this.#derive({ ...pictureOf(picture), color: picture.color ?? this.color });
  }

  /** A new frame of another pixel format with its own bytes. Throws a `TypeError` on a closed frame. */
  convert(pixelFormat: PixelFormat): VideoFrame {
    this.#open("convert()");
    return this.#derive({
      ...pictureOf(this),
      pixelFormat,
      data: convertPicture(this, pixelFormat),
    });
  }

  /**
   * A second frame over the same bytes: they go back to their pool when both are closed. Throws a
   * `TypeError` on a closed frame.
   */
  share(): VideoFrame {
    this.#open("share()");
    return this.#derive(pictureOf(this));
  }

  /** A copy with its own bytes, which outlives this frame. Throws a `TypeError` on a closed frame. */
  clone(): VideoFrame {
    return this.convert(this.pixelFormat);
  }

  /**
   * The frame in the memory of a device. Frames live on the CPU so far: `"cpu"` resolves to this frame,
   * and `"gpu"` rejects with a {@linkcode GpuError} of code `GPU_UNAVAILABLE`.
   */
  to(device: "cpu" | "gpu"): Promise<this> {
    if (device === "cpu") return Promise.resolve(this);
    return Promise.reject(
      new GpuError(
        "GPU_UNAVAILABLE",
        'Cannot move a frame to the GPU: this build keeps frames in CPU memory; use to("cpu")',
      ),
    );
  }

  /** Gives the pixels back. Idempotent. */
  close(): void {
    if (this.#data === undefined) return;
    this.#data = undefined;
    this.#tensor = undefined;
    this.#lease?.drop(this);
    this.#lease = undefined;
  }

  /** Closes the frame at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(what: string): Uint8Array {
    if (this.#data !== undefined) return this.#data;
    throw new TypeError(
      `Cannot use ${what} of a closed frame (timestamp ${this.timestamp}): ` +
        "use it before close(), or keep a clone()",
    );
  }

  #derive(picture: Picture): VideoFrame {
    const frame = new VideoFrame({
      ...picture,
      ptsTicks: this.timestamp,
      timeBase: this.timeBase,
      metadata: this.metadata,
    });
    // The bytes may be this frame's own, through its tensor: then both frames hold them.
    if (this.#lease !== undefined && picture.data.buffer === this.#data?.buffer) {
      frame.#holdLease(this.#lease);
    }
    return frame;
  }

  #holdLease(lease: BufferLease): void {
    lease.hold(this);
    this.#lease = lease;
  }
}

/** Whether a value is a {@linkcode VideoFrame}, also one of another copy of this library. */
export function isVideoFrame(value: unknown): value is VideoFrame {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** Only the picture of a frame, whose accessors a spread would miss. */
function pictureOf(picture: Picture): Picture {
  const { pixelFormat, data, width, height, color } = picture;
  return { pixelFormat, data, width, height, ...(color === undefined ? {} : { color }) };
}
