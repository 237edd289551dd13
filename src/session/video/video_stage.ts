/**
 * How the pictures of one stream get to its output: copied beside the processor, or encoded after it.
 *
 * @module
 */

import { roomLogger } from "../../base/mod.ts";
import type { VideoFrame } from "../../frames/mod.ts";
import type { EncoderSettings, Hardware, WarmSet } from "../../media/codec/mod.ts";
import type { Size } from "../../media/rect.ts";
import type { Packet, PixelFormat, VideoCodec } from "../../media/types.ts";
import type { VideoDescription } from "../input/input_handlers.ts";
import type { OutputPacket } from "../output/segment_output.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";
import { canCopyVideo, CopiedVideo } from "./copied_video.ts";
import { VideoOutput, type WriteOptions } from "./video_output.ts";

const log = roomLogger("session");

/** The most copied pictures that are remembered while they are decoded. */
const MAX_IN_DECODER = 512;

/** Options of a {@linkcode VideoStage}. */
export interface VideoStageOptions {
  /** Whether there is an output; otherwise pictures end with their processing. */
  readonly hasOutput: boolean;
  /** Whether the processor says that it changes nothing. */
  readonly isReadOnly: boolean;
  /** Whether it looks at pictures at all; otherwise those that are copied are not decoded. */
  readonly isLookedAt: boolean;
  /** Whether frames may be dropped. */
  readonly isLive: boolean;
  /** Layout of the processor's frames. */
  readonly pixelFormat: PixelFormat;
  /** The longest time from keyframe to keyframe of an encoder, in seconds. */
  readonly gopSeconds: number;
  /** What they are to be encoded with. */
  readonly hardware: Hardware;
  /** How well they are encoded. */
  readonly encoder: EncoderSettings;
  /** About how many frames a second an encoder gets. */
  readonly frameRate: () => number;
  readonly meters: StreamMeters;
  /** Takes packets in decoding order, in 90 kHz ticks. */
  readonly emit: (packet: OutputPacket) => Promise<void>;
  /** Takes the error of an encoder that hung. */
  readonly onHang: (error: Error) => void;
  /** Children that wait, where there are some. */
  readonly warm: WarmSet | undefined;
  readonly signal: AbortSignal;
}

/** What a stream's parameters want of its pictures. */
export interface PictureDemands {
  /** The size that they are scaled to. */
  readonly size?: Size | undefined;
  /** Whether the loading overlay takes their place. */
  readonly showsLoading?: boolean;
}

/**
 * Copies pictures where the processor only looks and nothing wants other pixels, and encodes them
 * otherwise. What is encoded once stays so until the end of the stream: nothing could be copied before
 * all frames in the processor have left.
 */
export class VideoStage implements AsyncDisposable {
  readonly #options: VideoStageOptions;
  #demands: PictureDemands = {};
  #stream: VideoDescription | undefined;
  #mapsTones = false;
  #copied: CopiedVideo | undefined;
  #encoded: VideoOutput | undefined;
  /**
   * Presentation times of pictures that were copied and are not decoded yet, in the order in which they were
   * copied. Where the clock jumps back, one may be there twice.
   */
  readonly #inDecoder: number[] = [];
  /** Frames whose pictures were copied. */
  readonly #out = new WeakSet<VideoFrame>();
  #hasCopied = false;
  /** What the decoder had lost when the first frame came that is to be encoded. */
  #lostBeside: number | undefined;

  /** Starts nothing before there is video. */
  constructor(options: VideoStageOptions) {
    this.#options = options;
  }

  /** Whether pictures are copied now. */
  get isCopying(): boolean {
    return this.#copied !== undefined;
  }

  /** Format of the pictures that go out. */
  get codec(): VideoCodec {
    return this.#copied?.codec ?? "h264";
  }

  /** Whether video has come. */
  get hasBegun(): boolean {
    return this.#stream !== undefined;
  }

  /** Size of the pictures that are copied, in pixels. */
  get copiedSize(): Size | undefined {
    if (this.#copied === undefined || this.#stream === undefined) return undefined;
    const { width, height } = this.#stream;
    return { width, height };
  }

  /** Encoders that died and were started again. */
  get codecRestarts(): number {
    return this.#encoded?.codecRestarts ?? 0;
  }

  /** Encoders that were ended because they hung. */
  get codecHangs(): number {
    return this.#encoded?.codecHangs ?? 0;
  }

  /** Frames that were inside an encoder when it died. */
  get framesLost(): number {
    return this.#encoded?.framesLost ?? 0;
  }

  /** What frames are encoded with; undefined while none are. */
  get hardware(): Hardware | undefined {
    return this.#encoded?.hardware;
  }

  /** Hardware encoders that gave nothing. */
  get hardwareFallbacks(): number {
    return this.#encoded?.hardwareFallbacks ?? 0;
  }

  /** The process id of the encoder's child. */
  get encoderPid(): number | undefined {
    return this.#encoded?.encoderPid;
  }

  /** Takes what the parameters want; what is absent stays. It takes effect at the next keyframe. */
  want(demands: PictureDemands): void {
    this.#demands = { ...this.#demands, ...demands };
  }

  /** The video is this from its next keyframe on; `color` is that of its frames. */
  setStream(video: VideoDescription, { mapsTones }: { readonly mapsTones: boolean }): void {
    this.#stream = video;
    this.#mapsTones = mapsTones;
    if (!this.#options.hasOutput || this.#encoded !== undefined) return;
    const { codec } = video;
    const reason = this.#reasonToEncode(video);
    if (reason === undefined && codec !== undefined && canCopyVideo(codec)) {
      if (this.#copied?.codec === codec) return;
      this.#copied = new CopiedVideo({ codec, emit: this.#options.emit });
    } else if (!this.#hasCopied) this.#encode(reason); // else at the keyframe
  }

  /**
   * Takes an access unit of the input, in decoding order and before it is decoded; it may be one that
   * is not decoded (`isLost`). Resolves to what became of it, once the output has room for more; what
   * was copied is still `to look at`, or `done` where nobody does.
   */
  async take(
    packet: Packet,
    { isLost }: { readonly isLost: boolean },
  ): Promise<"to look at" | "done" | "to encode" | "lost"> {
    const copied = this.#copied;
    if (copied !== undefined && (isLost || !copied.takes(packet))) {
      copied.note(packet);
      return "lost";
    }
    if (copied === undefined || packet.keyframe && this.#turnsToEncoding()) {
      return isLost ? "lost" : "to encode";
    }
    const { meters, isLookedAt } = this.#options;
    const { ptsTicks } = packet;
    this.#hasCopied = true;
    meters.frameCopied(ptsTicks);
    if (isLookedAt) this.#remember(ptsTicks);
    else {
      meters.frameReached("processed", ptsTicks);
      meters.frameSeen(ptsTicks);
    }
    await copied.write(packet);
    return isLookedAt ? "to look at" : "done";
  }

  /** A frame comes out of the decoder, which has lost so many pictures before. */
  decoded(frame: VideoFrame, lostPictures: number): void {
    const index = this.#inDecoder.indexOf(frame.timestamp);
    if (index >= 0) this.#inDecoder.splice(index, 1);
    if (index >= 0 || this.isCopying) {
      this.#out.add(frame);
      return;
    }
    // What was copied came before: what is left of it was lost, and times may come again.
    this.#inDecoder.length = 0;
    this.#lostBeside ??= lostPictures;
  }

  /** Whether the picture of a frame is out already: the processor only looks at it. */
  isOut(frame: VideoFrame): boolean {
    return this.#out.has(frame);
  }

  /** How many of the pictures that the decoder lost had been copied. */
  lostBeside(lostPictures: number): number {
    if (!this.#hasCopied) return 0;
    return this.#lostBeside ?? lostPictures;
  }

  /** Encodes a frame; its memory is free again when the promise resolves. */
  async write(frame: VideoFrame, options?: WriteOptions): Promise<void> {
    await (this.#encoded ?? this.#encode()).write(frame, options);
  }

  /** Ends the input; resolves when everything was emitted. */
  async finish(): Promise<void> {
    await this.#encoded?.finish();
  }

  /** Ends at once. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#encoded?.[Symbol.asyncDispose]();
  }

  #remember(ptsTicks: number): void {
    this.#inDecoder.push(ptsTicks);
    if (this.#inDecoder.length > MAX_IN_DECODER) this.#inDecoder.shift();
  }

  #turnsToEncoding(): boolean {
    const reason = this.#reasonToEncode(this.#stream!);
    if (reason === undefined) return false;
    this.#encode(reason);
    return true;
  }

  /** Why pictures have to be encoded; undefined where they can go on as they came. */
  #reasonToEncode({ codec }: VideoDescription): string | undefined {
    const { isReadOnly } = this.#options;
    const { size, showsLoading } = this.#demands;
    if (!isReadOnly) return "the processor may change them";
    if (codec === undefined) return "they come from the application";
    if (!canCopyVideo(codec)) {
      return `MPEG-TS is written with H.264 and HEVC, and they are ${codec}`;
    }
    if (size !== undefined) return `width and height ask for ${size.width}x${size.height}`;
    if (showsLoading === true) return "show_loading puts the loading overlay in their place";
    if (this.#mapsTones) return "tone_map turns their high dynamic range into BT.709";
    return undefined;
  }

  #encode(reason?: string): VideoOutput {
    const { gopSeconds, frameRate, warm, pixelFormat, emit, onHang, signal } = this.#options;
    const { hardware, encoder, isLive } = this.#options;
    const { color, sampleAspect, ...own } = this.#stream!;
    const { size } = this.#demands;
    const { width, height } = size ?? own;
    if (this.#options.isReadOnly && reason !== undefined) {
      log.info("The processor only looks at the pictures, and yet they are encoded: {reason}", {
        reason,
      });
    }
    this.#copied = undefined;
    return this.#encoded = new VideoOutput({
      gopSeconds,
      frameRate: frameRate(),
      hardware,
      encoder,
      isLive,
      warm,
      shape: {
        width,
        height,
        pixelFormat,
        sampleAspect: size === undefined ? sampleAspect : undefined,
      },
      color,
      emit,
      onHang,
      signal,
    });
  }
}
