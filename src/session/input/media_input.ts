/**
 * From input events to decoded frames and audio packets.
 *
 * @module
 */

import { MediaError, MPEG_TIME_BASE, roomLogger } from "../../base/mod.ts";
import type { AudioFrame, VideoFrame } from "../../frames/mod.ts";
import {
  canDecode,
  canToneMap,
  type ChangeBudget,
  MAX_VIDEO_PIXELS,
  type PictureSize,
  VideoDecoder,
  type WarmSet,
} from "../../media/codec/mod.ts";
import { decodedColor, isHdr } from "../../media/color.ts";
import type { AudioStreamInfo, Packet, PixelFormat, VideoStreamInfo } from "../../media/types.ts";
import type { AvSync } from "../av_sync.ts";
import { DecodeBacklog } from "./decode_backlog.ts";
import { inFormat, toFrame } from "./frame_format.ts";
import type { InputEvent } from "./input_events.ts";
import { ReorderDepth } from "./reorder_depth.ts";
import { type MissingStart, StartWatch } from "./start_watch.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";
import { StreamReports } from "./stream_reports.ts";
import type { Stage } from "../types.ts";

const log = roomLogger("session");

/** The streams of the input that can be used. */
export interface InputStreams {
  /** Of 0x0 pixels while it is listed and has not come. */
  readonly video: VideoStreamInfo | undefined;
  readonly audio: AudioStreamInfo | undefined;
}

/** How an access unit of video is decoded. */
export type PacketFate =
  /** Reading goes on when the decoder has it. */
  | "awaited"
  /** Reading goes on at once: its picture is out already. */
  | "beside"
  /** It needs not be decoded: its picture is out, and nobody looks at it. */
  | "done"
  /** It is not decoded. */
  | "lost";

/** Takes what a {@linkcode MediaInput} reads, in order. Each promise holds the input back. */
export interface InputHandlers {
  /** The first segment begins. */
  onFirstSegment(): void;
  /**
   * The video is or becomes this: before its first frame, also while audio is waited for. The colour is
   * that of the frames; `mapsTones` says that it is mapped to BT.709.
   */
  onVideoStream(video: VideoStreamInfo, meaning: { readonly mapsTones: boolean }): void;
  /** All that the input holds, once it is known, and again when it changes. */
  onStreams(streams: InputStreams): Promise<void>;
  /**
   * An access unit of video, in decoding order, before it is decoded; `isLost`: it cannot be, since
   * something is missing before it. Says what is to become of it. @default "awaited"
   */
  onVideoPacket?(packet: Packet, state: { readonly isLost: boolean }): Promise<PacketFate>;
  /** A decoded frame; the handler closes it. */
  onVideo(frame: VideoFrame): Promise<void>;
  /** An access unit of audio. */
  onAudio(packet: Packet): Promise<void>;
  /** Sound that is decoded already. @default dropped */
  onAudioFrame?(frame: AudioFrame): Promise<void>;
  /** Something that is wrong with the input; reading goes on. */
  onError(error: Error, stage: Stage): void;
}

/** Options of a {@linkcode MediaInput}. */
export interface MediaInputOptions {
  readonly events: AsyncIterable<InputEvent>;
  readonly handlers: InputHandlers;
  readonly meters: StreamMeters;
  readonly sync: AvSync;
  /** Layout of the frames. */
  readonly pixelFormat: PixelFormat;
  /** Size that frames are scaled to (cover, centre crop); their own size without it. */
  readonly scale: PictureSize | undefined;
  /** Whether PQ and HLG become BT.709. */
  readonly toneMap: boolean;
  /** The time in milliseconds. */
  readonly now: () => number;
  /** How often the video may change its shape. @default as often as it does */
  readonly changeBudget?: ChangeBudget | undefined;
  /** Children that wait, where there are some. */
  readonly warm?: WarmSet | undefined;
  readonly signal: AbortSignal;
}

/** How long the output waits to learn what a listed audio stream is: one second of video. */
const MAX_AUDIO_INFO_WAIT_TICKS = 90_000;
/** Access units that may wait for a decoder whose pictures are out already: two seconds at 60 a second. */
const MAX_DECODE_BACKLOG = 120;

/** Reads input events, decodes the video, and hands on frames and audio packets. */
export class MediaInput implements AsyncDisposable {
  readonly #options: MediaInputOptions;
  #decoder: VideoDecoder | undefined;
  #scale: PictureSize | undefined;
  #toneMap: boolean;
  /** As it came. */
  #videoStream: VideoStreamInfo | undefined;
  #pumping: Promise<void> | undefined;
  /** Video whose size its first picture says. */
  #unsized: VideoStreamInfo | undefined;
  #withoutAudio: InputStreams | undefined;
  #firstVideoTicks: number | undefined;
  #needsKeyframe = true;
  #leftOut = 0;
  readonly #backlog = new DecodeBacklog({
    decode: (packet) => this.#decode(packet),
    most: MAX_DECODE_BACKLOG,
  });
  readonly #start: StartWatch;
  /** Whether pictures are listed, and none has come yet. */
  #lacksPictures = false;
  readonly #reorders = new ReorderDepth();
  /** A keyframe that waits for the next picture. */
  #held: Packet | undefined;
  /** Whether the pictures are larger than any that are decoded. */
  #isTooLarge = false;
  #sawSegment = false;
  /** Of the application's frames. */
  #lastFrameTicks: number | undefined;
  #saidUnmapped = false;
  readonly #reports: StreamReports;

  /** Creates the input; {@linkcode run} reads it. */
  constructor(options: MediaInputOptions) {
    this.#options = options;
    this.#scale = options.scale;
    this.#toneMap = options.toneMap;
    this.#start = new StartWatch(options.now);
    this.#reports = new StreamReports((error) => options.handlers.onError(error, "input"));
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
    const { leftOut } = this.#backlog;
    const stats = this.#decoder?.stats;
    if (stats === undefined) return leftOut;
    return leftOut + stats.droppedPackets + stats.lostPackets + stats.undecodedPackets;
  }

  /** The process id of the decoder's child, for tests and status. */
  get decoderPid(): number | undefined {
    return this.#decoder?.pid;
  }

  /** Scales frames to another size, from the next keyframe on: there is no loss at one. */
  setScale(scale: PictureSize): void {
    this.#scale = scale;
    this.#decoder?.rescale(scale).catch(() => {}); // whoever decodes learns why it cannot go on
  }

  /** Maps high dynamic range to BT.709, or no more, from the next keyframe on. */
  setToneMap(toneMap: boolean): void {
    this.#toneMap = toneMap;
    const stream = this.#videoStream;
    if (stream === undefined) return;
    this.#describe(stream).catch(() => {}); // as above
  }

  /** Reads to the end of the input; resolves when the last frame was handed on. */
  async run(): Promise<void> {
    try {
      for await (const event of this.#options.events) await this.#take(event);
      await this.#drainDecoder();
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  /** Stops the decoder, also while the input is being waited for. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#decoder?.[Symbol.asyncDispose]();
    await this.#pumping?.catch(() => {}); // already thrown by #drainDecoder, or cut off by it
  }

  async #take(event: InputEvent): Promise<void> {
    const { handlers, meters, sync } = this.#options;
    switch (event.kind) {
      case "segment":
        if (!this.#sawSegment) handlers.onFirstSegment();
        this.#sawSegment = true;
        return;
      case "gap":
        meters.segmentsSkipped += event.skippedSegments;
        this.#needsKeyframe = true;
        return;
      case "discontinuity":
        if (event.reason !== "loss") sync.reset();
        return;
      case "error":
        return handlers.onError(event.error, "input");
      case "streams":
        if (!this.#reports.program(event.program)) return;
        return await this.#takeStreams(event);
      case "packet":
        sync.noteInput(event.stream, event.packet.ptsTicks);
        if (event.stream === "video") return await this.#takeVideo(event.packet);
        meters.audioArrived(event.packet.ptsTicks);
        if (this.#lacksPictures) {
          this.#report(this.#start.missing("pictures", event.packet.dtsTicks));
        }
        return await handlers.onAudio(event.packet);
      case "video-frame":
        return await this.#takeFrame(event.frame);
      case "audio-frame":
        sync.noteInput("audio", event.frame.timestamp);
        meters.audioArrived(event.frame.timestamp);
        return await handlers.onAudioFrame?.(event.frame);
    }
  }

  async #takeStreams(event: Extract<InputEvent, { kind: "streams" }>): Promise<void> {
    const { video, audio, unsupported } = event;
    this.#reports.unsupported({ video, audio }, unsupported);
    if (video === undefined || await canDecode(video.codec)) {
      return await this.#setStreams({ video, audio });
    }
    this.#reports.noDecoder(video.codec);
    await this.#setStreams({ video: undefined, audio });
  }

  async #setStreams(streams: InputStreams): Promise<void> {
    const { video, audio } = streams;
    this.#lacksPictures = video?.width === 0;
    // What a listed stream is may take a moment to arrive; the size of the picture must be known.
    if (video !== undefined && this.#isReportedTooLarge(video)) {
      await this.#setAudio(audio);
      this.#isTooLarge = true;
      return;
    }
    this.#isTooLarge = false;
    if (video !== undefined && video.width > 0) {
      await this.#describe(video);
    } else if (video !== undefined && isSizedByDecoder(video)) {
      if (this.#decoder === undefined) this.#unsized = video;
      await this.#configureDecoder(video);
    }
    if (audio !== undefined && audio.sampleRate === 0) {
      this.#withoutAudio = { video, audio: undefined };
      return;
    }
    await this.#announce(streams);
  }

  /** The streams but for video that is too large. */
  async #setAudio(audio: AudioStreamInfo | undefined): Promise<void> {
    // An output that has begun with video goes on with it when it gets smaller.
    if (this.#decoder === undefined) await this.#setStreams({ video: undefined, audio });
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

  async #announce(streams: InputStreams): Promise<void> {
    this.#withoutAudio = undefined;
    await this.#options.handlers.onStreams(streams);
  }

  async #mapsTones({ color }: VideoStreamInfo): Promise<boolean> {
    if (!this.#toneMap || !isHdr(color)) return false;
    if (await canToneMap()) return true;
    if (!this.#saidUnmapped) {
      log.warn(
        "The pictures are of a high dynamic range, which this ffmpeg cannot map: " +
          "they stay as they are; install a build with zscale and tonemap",
      );
    }
    this.#saidUnmapped = true;
    return false;
  }

  async #describe(video: VideoStreamInfo): Promise<void> {
    const mapsTones = await this.#mapsTones(video);
    await this.#backlog.drained();
    const color = decodedColor(video.color, mapsTones);
    this.#options.handlers.onVideoStream({ ...video, color }, { mapsTones });
    await this.#configureDecoder(video);
  }

  async #configureDecoder(coded: VideoStreamInfo): Promise<void> {
    // What comes before the first keyframe of another format is nothing to a decoder.
    if (coded.codec !== this.#videoStream?.codec) this.#needsKeyframe = true;
    this.#videoStream = coded;
    const toneMap = await this.#mapsTones(coded);
    const stream = { ...coded, toneMap, reorderDepth: this.#reorders.depthOf(coded) };
    if (this.#decoder !== undefined) return await this.#decoder.reconfigure(stream);
    const { pixelFormat, changeBudget, warm, handlers, signal } = this.#options;
    const scale = this.#scale;
    const decoder = new VideoDecoder({
      stream,
      timeBase: MPEG_TIME_BASE,
      pixelFormat,
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

  /** A frame of the application: it was never encoded. */
  async #takeFrame(frame: VideoFrame): Promise<void> {
    const { meters, sync, handlers, pixelFormat } = this.#options;
    const { timestamp, width, height, color, sampleAspect } = frame;
    sync.noteInput("video", timestamp);
    meters.frameArrived(timestamp);
    if (timestamp <= (this.#lastFrameTicks ?? -Infinity)) {
      meters.framesDropped("late");
      return frame.close();
    }
    if (this.#lastFrameTicks === undefined) {
      handlers.onFirstSegment();
      handlers.onVideoStream({
        kind: "video",
        codec: "h264",
        width,
        height,
        reorderDepth: 0,
        color,
        ...(sampleAspect === undefined ? {} : { sampleAspect }),
      }, { mapsTones: false });
    }
    this.#lastFrameTicks = timestamp;
    await handlers.onVideo(await inFormat(frame, { pixelFormat, size: this.#scale }));
  }

  async #takeVideo(packet: Packet): Promise<void> {
    const { meters, handlers } = this.#options;
    meters.frameArrived(packet.ptsTicks);
    await this.#stopWaitingForAudio(packet);
    this.#lacksPictures = false;
    const missing = this.#missingBefore(packet);
    const isLost = missing !== undefined;
    const fate = await handlers.onVideoPacket?.(packet, { isLost }) ?? "awaited";
    if (isLost || fate === "lost") {
      this.#leftOut++;
      if (missing === undefined || missing === "smaller-pictures") return;
      return this.#report(this.#start.missing(missing, packet.dtsTicks));
    }
    if (fate === "done") return;
    this.#report(this.#start.decoding());
    if (fate === "beside") return this.#backlog.offer(packet);
    await this.#backlog.drained();
    await this.#decode(packet);
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
    await this.#decodeHeld(packet.dtsTicks);
    if (this.#reorders.isUnknown(packet)) this.#held = packet;
    else await this.#decoder!.decode(packet);
  }

  #report(error: Error | undefined): void {
    if (error !== undefined) this.#options.handlers.onError(error, "input");
  }

  /** Decodes the keyframe that waited to see when the next picture is decoded. */
  async #decodeHeld(nextDtsTicks?: number): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined || this.#videoStream === undefined) return;
    this.#reorders.learn(held, nextDtsTicks);
    await this.#configureDecoder(this.#videoStream);
    await this.#decoder?.decode(held);
  }

  /** A listed audio stream that stays silent must not hold the output up for ever. */
  async #stopWaitingForAudio(packet: Packet): Promise<void> {
    const streams = this.#withoutAudio;
    if (streams === undefined) return;
    this.#firstVideoTicks ??= packet.dtsTicks;
    if (packet.dtsTicks - this.#firstVideoTicks >= MAX_AUDIO_INFO_WAIT_TICKS) {
      await this.#announce(streams);
    }
  }

  async #pumpFrames(decoder: VideoDecoder): Promise<void> {
    const { handlers } = this.#options;
    for await (const decoded of decoder.frames()) {
      this.#start.decoded();
      const { width, height } = decoded;
      if (this.#unsized !== undefined) {
        handlers.onVideoStream({ ...this.#unsized, width, height }, { mapsTones: false });
        this.#unsized = undefined;
      }
      await handlers.onVideo(toFrame(decoded));
    }
  }

  async #drainDecoder(): Promise<void> {
    if (this.#withoutAudio !== undefined) await this.#announce(this.#withoutAudio);
    await this.#backlog.drained();
    await this.#decodeHeld();
    if (this.#decoder === undefined) return;
    await this.#decoder.flush();
    await this.#pumping;
  }
}

/** Whether the container does not say how large pictures are. */
function isSizedByDecoder({ codec }: VideoStreamInfo): boolean {
  return codec !== "h264" && codec !== "hevc" && codec !== "mpeg2video";
}
