/**
 * The pictures of the input: packets in, decoded frames out.
 *
 * @module
 */

import { MediaError, MPEG_TIME_BASE, roomLogger } from "../../base/mod.ts";
import {
  type ChangeBudget,
  findToneMapping,
  type Hardware,
  MAX_VIDEO_PIXELS,
  type ToneMapping,
  VideoDecoder,
  type WarmSet,
} from "../../media/codec/mod.ts";
import { isPlainVideo } from "../../media/bitstream/mod.ts";
import { decodedColor, isHdr } from "../../media/color.ts";
import type { Size } from "../../media/rect.ts";
import type { Packet, PixelFormat, VideoStreamInfo } from "../../media/types.ts";
import { toFrame } from "./frame_format.ts";
import { DecodeBacklog } from "./decode_backlog.ts";
import type { InputHandlers } from "./input_handlers.ts";
import { ReorderDepth } from "./reorder_depth.ts";
import type { MissingStart, StartWatch } from "./start_watch.ts";

const log = roomLogger("session");

/** Access units that may wait for a decoder whose pictures are out already: two seconds at 60 a second. */
const MAX_DECODE_BACKLOG = 120;

/** Options of a {@linkcode VideoInput}. */
export interface VideoInputOptions {
  readonly handlers: Pick<
    InputHandlers,
    "onVideo" | "onVideoPacket" | "onVideoStream" | "onError"
  >;
  /** Watches whether pictures can be decoded at all. */
  readonly start: StartWatch;
  /** Layout of the frames. */
  readonly pixelFormat: PixelFormat;
  /** Size that frames are scaled to (cover, centre crop); their own size without it. */
  readonly scale: Size | undefined;
  /** What pictures are to be decoded with. */
  readonly hardware: Hardware;
  /** Whether PQ and HLG become BT.709. */
  readonly toneMap: boolean;
  /** How often the video may change its shape. @default as often as it does */
  readonly changeBudget?: ChangeBudget | undefined;
  /** Children that wait, where there are some. */
  readonly warm?: WarmSet | undefined;
  readonly signal: AbortSignal;
}

/** Decodes the pictures of one input, whatever becomes of their shape. */
export class VideoInput implements AsyncDisposable {
  readonly #options: VideoInputOptions;
  #decoder: VideoDecoder | undefined;
  #scale: Size | undefined;
  #toneMap: boolean;
  /** As it came. */
  #stream: VideoStreamInfo | undefined;
  #pumping: Promise<void> | undefined;
  /** Video whose size its first picture says. */
  #unsized: VideoStreamInfo | undefined;
  #needsKeyframe = true;
  #leftOut = 0;
  /** Access units and pictures that were on their way when decoding ended or became impossible. */
  #abandoned = 0;
  readonly #backlog = new DecodeBacklog({
    decode: (packet) => this.#decode(packet),
    most: MAX_DECODE_BACKLOG,
  });
  readonly #reorders = new ReorderDepth();
  /** A keyframe that waits for the next picture. */
  #held: Packet | undefined;
  /** Whether the pictures are larger than any that are decoded. */
  #isTooLarge = false;
  #saidUnmapped = false;

  /** Creates the input; {@linkcode describe} says what is decoded. */
  constructor(options: VideoInputOptions) {
    this.#options = options;
    this.#scale = options.scale;
    this.#toneMap = options.toneMap;
  }

  /** Whether pictures are or were decoded. */
  get isStarted(): boolean {
    return this.#decoder !== undefined;
  }

  /** Size that frames are scaled to. */
  get scale(): Size | undefined {
    return this.#scale;
  }

  /** Decoders that died and were started again. */
  get codecRestarts(): number {
    return this.#decoder?.stats.restarts ?? 0;
  }

  /** Decoders that were ended because they hung. */
  get codecHangs(): number {
    return this.#decoder?.stats.hangs ?? 0;
  }

  /** Access units of video that were not given to a decoder, since something was missing before them. */
  get framesLeftOut(): number {
    return this.#leftOut;
  }

  /** Access units of video that a decoder made no frame of. */
  get framesLost(): number {
    const left = this.#backlog.leftOut + this.#abandoned;
    const stats = this.#decoder?.stats;
    if (stats === undefined) return left;
    return left + stats.droppedPackets + stats.lostPackets + stats.undecodedPackets;
  }

  /** What pictures are decoded with; undefined before there are some. */
  get hardware(): Hardware | undefined {
    return this.#decoder?.hardware;
  }

  /** Hardware decoders that gave nothing. */
  get hardwareFallbacks(): number {
    return this.#decoder?.stats.hardwareFallbacks ?? 0;
  }

  /** The process id of the decoder's child, for tests and status. */
  get decoderPid(): number | undefined {
    return this.#decoder?.pid;
  }

  /** Scales frames to another size, from the next keyframe on: there is no loss at one. */
  setScale(scale: Size): void {
    this.#scale = scale;
    this.#decoder?.rescale(scale).catch(() => {}); // whoever decodes learns why it cannot go on
  }

  /** Maps high dynamic range to BT.709, or no more, from the next keyframe on. */
  setToneMap(toneMap: boolean): void {
    this.#toneMap = toneMap;
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#announce(stream).catch(() => {}); // as above
  }

  /** A part of the input is missing: nothing can be decoded before the next keyframe. */
  expectGap(): void {
    this.#needsKeyframe = true;
  }

  /**
   * The video is or becomes this, from the next picture on. Returns whether it is decoded: pictures that
   * are too large are reported, and passed over.
   */
  async describe(video: VideoStreamInfo): Promise<boolean> {
    this.#isTooLarge = this.#isReportedTooLarge(video);
    if (this.#isTooLarge) return false;
    if (video.width > 0) await this.#announce(video);
    else if (isPlainVideo(video.codec)) {
      if (this.#decoder === undefined) this.#unsized = video;
      await this.#configure(video);
    }
    return true;
  }

  /** Takes the next picture; the promise holds the input back. */
  async take(packet: Packet): Promise<void> {
    const { start, handlers } = this.#options;
    const missing = this.#missingBefore(packet);
    const isLost = missing !== undefined;
    const fate = await this.#orCount(() => handlers.onVideoPacket?.(packet, { isLost })) ??
      "awaited";
    if (isLost || fate === "lost") {
      this.#leftOut++;
      if (missing === undefined || missing === "smaller-pictures") return;
      return this.#report(start.missing(missing, packet.dtsTicks));
    }
    if (fate === "done") return;
    this.#report(start.decoding());
    if (fate === "beside") return this.#backlog.offer(packet);
    await this.#orCount(() => this.#backlog.drained());
    await this.#decode(packet);
  }

  /** The input ended: resolves when the last frame was handed on. */
  async drain(): Promise<void> {
    await this.#backlog.drained();
    await this.#decodeHeld();
    if (this.#decoder === undefined) return;
    await this.#decoder.flush();
    await this.#pumping;
  }

  /** Stops the decoder. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#held !== undefined) this.#abandoned++;
    this.#held = undefined;
    await this.#decoder?.[Symbol.asyncDispose]();
    // What was on its way is counted.
    await this.#backlog.drained().catch(() => {}); // told to take()
    await this.#pumping?.catch(() => {}); // already thrown by drain(), or cut off by it
  }

  /** What an access unit lacks to be decoded. */
  #missingBefore({ keyframe }: Packet): MissingStart | "smaller-pictures" | undefined {
    if (this.#isTooLarge) {
      this.#needsKeyframe = true;
      return "smaller-pictures";
    }
    if (this.#decoder === undefined) return "parameter-sets";
    if (keyframe) this.#needsKeyframe = false;
    return this.#needsKeyframe ? "keyframe" : undefined;
  }

  async #decode(packet: Packet): Promise<void> {
    await this.#orCount(async () => {
      await this.#decodeHeld(packet.dtsTicks);
      if (this.#reorders.isUnknown(packet)) this.#held = packet;
      else await this.#decoder!.decode(packet);
    });
  }

  /** Takes a step of one access unit or picture, which is counted where the step fails. */
  async #orCount<T>(step: () => T | PromiseLike<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      this.#abandoned++;
      throw error;
    }
  }

  async #announce(video: VideoStreamInfo): Promise<void> {
    const mapsTones = await this.#toneMapping(video) !== undefined;
    await this.#backlog.drained();
    const color = decodedColor(video.color, mapsTones);
    this.#options.handlers.onVideoStream({ ...video, color }, { mapsTones });
    await this.#configure(video);
  }

  #report(error: Error | undefined): void {
    if (error !== undefined) this.#options.handlers.onError(error, "input");
  }

  /** Pictures of such a size are hundreds of megabytes each, in every queue. */
  #isReportedTooLarge({ width, height }: VideoStreamInfo): boolean {
    if (width * height <= MAX_VIDEO_PIXELS) return false;
    if (this.#isTooLarge) return true;
    const found = `they have more than ${MAX_VIDEO_PIXELS} pixels; publish smaller ones`;
    this.#options.handlers.onError(
      new MediaError(
        "MEDIA_BAD_FRAME",
        `Cannot decode pictures of ${width}x${height}: ${found}`,
        { context: { width, height } },
      ),
      "input",
    );
    return true;
  }

  async #toneMapping({ color }: VideoStreamInfo): Promise<ToneMapping | undefined> {
    if (!this.#toneMap || !isHdr(color)) return undefined;
    const mapping = await findToneMapping();
    if (mapping === undefined && !this.#saidUnmapped) {
      log.warn(
        "The pictures are of a high dynamic range, which this ffmpeg cannot map: " +
          "they stay as they are; install a build with zscale and tonemap",
      );
    }
    this.#saidUnmapped ||= mapping === undefined;
    return mapping;
  }

  async #configure(coded: VideoStreamInfo): Promise<void> {
    // What comes before the first keyframe of another format is nothing to a decoder.
    if (coded.codec !== this.#stream?.codec) this.#needsKeyframe = true;
    this.#stream = coded;
    const toneMap = await this.#toneMapping(coded);
    const stream = { ...coded, toneMap, reorderDepth: this.#reorders.depthOf(coded) };
    if (this.#decoder !== undefined) return await this.#decoder.reconfigure(stream);
    const { pixelFormat, hardware, changeBudget, warm, handlers, signal } = this.#options;
    const scale = this.#scale;
    const decoder = new VideoDecoder({
      stream,
      timeBase: MPEG_TIME_BASE,
      pixelFormat,
      hardware,
      changeBudget,
      warm,
      onHang: (error) => handlers.onError(error, "decode"),
      signal,
      ...(scale === undefined ? {} : { scale }),
    });
    this.#decoder = decoder;
    this.#pumping = this.#pumpFrames(decoder);
    this.#pumping.catch(() => {}); // thrown where the decoder is drained
  }

  /** Decodes the keyframe that waited to see when the next picture is decoded. */
  async #decodeHeld(nextDtsTicks?: number): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined || this.#stream === undefined) return;
    const stream = this.#stream;
    this.#reorders.learn(held, nextDtsTicks);
    await this.#orCount(async () => {
      await this.#configure(stream);
      await this.#decoder?.decode(held);
    });
  }

  #describeUnsized({ width, height }: Size): void {
    if (this.#unsized === undefined) return;
    const video = { ...this.#unsized, width, height };
    this.#unsized = undefined;
    this.#options.handlers.onVideoStream(video, { mapsTones: false });
  }

  async #pumpFrames(decoder: VideoDecoder): Promise<void> {
    const { handlers } = this.#options;
    for await (const decoded of decoder.frames()) {
      this.#options.start.decoded();
      const frame = toFrame(decoded);
      try {
        this.#describeUnsized(decoded);
      } catch (error) {
        this.#abandoned++;
        frame.close();
        throw error;
      }
      await handlers.onVideo(frame);
    }
  }
}
