/**
 * Processed frames into encoded packets.
 *
 * @module
 */

import { MPEG_TIME_BASE, type Rational, rescaleTicks } from "../../base/mod.ts";
import type { VideoFrame } from "../../frames/mod.ts";
import {
  type EncoderSettings,
  type Hardware,
  type PictureShape,
  VideoEncoder,
  type WarmSet,
} from "../../media/codec/mod.ts";
import type { Size } from "../../media/rect.ts";
import type { ColorInfo, Packet } from "../../media/types.ts";

/** Frames inside the encoder of a live stream: one is encoded, one comes out, and one waits. */
const MAX_INSIDE = 3;

/** Options of a {@linkcode VideoOutput}. */
export interface VideoOutputOptions {
  /** The longest time from keyframe to keyframe, in seconds. */
  readonly gopSeconds: number;
  /** About how many frames a second will come. */
  readonly frameRate: number;
  /** What they are to be encoded with. */
  readonly hardware: Hardware;
  /** How well they are encoded. */
  readonly encoder: EncoderSettings;
  /** Whether frames are better dropped before the encoder than late behind it. */
  readonly isLive: boolean;
  /** The frames that are expected, so that the encoder can start before the first of them. */
  readonly shape: PictureShape;
  /** How the expected frames' YUV values are meant. */
  readonly color: ColorInfo;
  /** Takes the packets in order, in 90 kHz ticks. */
  readonly emit: (packet: Packet) => Promise<void>;
  /** Takes the error of an encoder that hung. */
  readonly onHang?: (error: Error) => void;
  /** Children that wait, where there are some. */
  readonly warm?: WarmSet | undefined;
  readonly signal: AbortSignal;
}

/** How one frame is encoded. */
export interface WriteOptions {
  /** Size that it is scaled to. @default its own */
  readonly outputSize?: Size | undefined;
  /** Of the pixels that come out. @default the frame's */
  readonly sampleAspect?: Rational | undefined;
}

/** Encodes frames of any size and format, in order, and emits packets in 90 kHz ticks. */
export class VideoOutput implements AsyncDisposable {
  readonly #encoder: VideoEncoder;
  readonly #pumping: Promise<void>;

  /** Starts the encoder's child. Throws an `FfmpegError` when that is not possible. */
  constructor(options: VideoOutputOptions) {
    const { gopSeconds, frameRate, shape, color, emit, onHang, warm, signal } = options;
    const { hardware, encoder, isLive } = options;
    this.#encoder = new VideoEncoder({
      timeBase: MPEG_TIME_BASE,
      gopSeconds,
      frameRate,
      hardware,
      ...encoder,
      ...(isLive ? { maxInside: MAX_INSIDE } : {}),
      shape,
      color,
      warm,
      onHang,
      signal,
    });
    this.#encoder.prewarm();
    this.#pumping = this.#pump(emit);
    this.#pumping.catch(() => {}); // thrown by finish()
  }

  /** Encoders that died and were started again. */
  get codecRestarts(): number {
    return this.#encoder.stats.restarts;
  }

  /** Encoders that were ended because they hung. */
  get codecHangs(): number {
    return this.#encoder.stats.hangs;
  }

  /** Frames that were inside an encoder when it died. */
  get framesLost(): number {
    return this.#encoder.stats.lostFrames;
  }

  /** What frames are encoded with. */
  get hardware(): Hardware {
    return this.#encoder.hardware;
  }

  /** Hardware encoders that gave nothing. */
  get hardwareFallbacks(): number {
    return this.#encoder.stats.hardwareFallbacks;
  }

  /** The process id of the encoder's child. */
  get encoderPid(): number | undefined {
    return this.#encoder.pid;
  }

  /** Encodes a frame; its memory is free again when the promise resolves. */
  async write(frame: VideoFrame, options: WriteOptions = {}): Promise<void> {
    const { outputSize, sampleAspect = frame.sampleAspect } = options;
    const { width, height, pixelFormat, data, color } = frame;
    const ptsTicks = rescaleTicks(frame.timestamp, frame.timeBase, MPEG_TIME_BASE);
    const picture = { width, height, pixelFormat, data, color, sampleAspect, ptsTicks };
    await this.#encoder.encode(outputSize === undefined ? picture : { ...picture, outputSize });
  }

  /** Ends the input; resolves when every packet was emitted. */
  async finish(): Promise<void> {
    await this.#encoder.flush();
    await this.#pumping;
  }

  /** Stops the child; what it holds is lost. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#encoder[Symbol.asyncDispose]();
  }

  async #pump(emit: (packet: Packet) => Promise<void>): Promise<void> {
    for await (const packet of this.#encoder.packets()) await emit(packet);
  }
}
