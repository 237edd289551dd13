/**
 * From input events to decoded frames and audio packets.
 *
 * @module
 */

import { TICKS_PER_SECOND } from "../../base/rational.ts";
import type { VideoFrame } from "../../frames/mod.ts";
import {
  canDecode,
  type ChangeBudget,
  type Hardware,
  type WarmSet,
} from "../../media/codec/mod.ts";
import type { Size } from "../../media/rect.ts";
import type { Packet, PixelFormat } from "../../media/types.ts";
import type { AvSync } from "../av_sync.ts";
import { inFormat } from "./frame_format.ts";
import type { InputEvent } from "./input_events.ts";
import type { InputHandlers, InputStreams } from "./input_handlers.ts";
import { StartWatch } from "./start_watch.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";
import { StreamReports } from "./stream_reports.ts";
import { VideoInput } from "./video_input.ts";

export type {
  InputHandlers,
  InputStreams,
  PacketFate,
  VideoDescription,
} from "./input_handlers.ts";

/** Options of a {@linkcode MediaInput}. */
export interface MediaInputOptions {
  readonly events: AsyncIterable<InputEvent>;
  readonly handlers: InputHandlers;
  readonly meters: StreamMeters;
  readonly sync: AvSync;
  /** Layout of the frames. */
  readonly pixelFormat: PixelFormat;
  /** Size that frames are scaled to (cover, centre crop); their own size without it. */
  readonly scale: Size | undefined;
  /** What pictures are to be decoded with. */
  readonly hardware: Hardware;
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
const MAX_AUDIO_INFO_WAIT_TICKS = TICKS_PER_SECOND;

/** Reads input events, decodes the video, and hands on frames and audio packets. */
export class MediaInput implements AsyncDisposable {
  readonly #options: MediaInputOptions;
  readonly #video: VideoInput;
  #withoutAudio: InputStreams | undefined;
  #firstVideoTicks: number | undefined;
  readonly #start: StartWatch;
  /** Whether pictures are listed, and none has come yet. */
  #lacksPictures = false;
  #sawSegment = false;
  /** Settles when the latest picture was given to the decoder, or is counted as dropped. */
  #taking: Promise<void> = Promise.resolve();
  /** Of the application's frames. */
  #lastFrameTicks: number | undefined;
  readonly #reports: StreamReports;

  /** Creates the input; {@linkcode run} reads it. */
  constructor(options: MediaInputOptions) {
    this.#options = options;
    this.#start = new StartWatch(options.now);
    this.#video = new VideoInput({ ...options, start: this.#start });
    this.#reports = new StreamReports((error) => options.handlers.onError(error, "input"));
  }

  /** Decoders that died and were started again. */
  get codecRestarts(): number {
    return this.#video.codecRestarts;
  }

  /** Decoders that were ended because they hung. */
  get codecHangs(): number {
    return this.#video.codecHangs;
  }

  /** Access units of video that were not given to a decoder, since something was missing before them. */
  get framesLeftOut(): number {
    return this.#video.framesLeftOut;
  }

  /** Access units of video that a decoder made no frame of. */
  get framesLost(): number {
    return this.#video.framesLost;
  }

  /** What pictures are decoded with; undefined before there are some. */
  get hardware(): Hardware | undefined {
    return this.#video.hardware;
  }

  /** Hardware decoders that gave nothing. */
  get hardwareFallbacks(): number {
    return this.#video.hardwareFallbacks;
  }

  /** The process id of the decoder's child, for tests and status. */
  get decoderPid(): number | undefined {
    return this.#video.decoderPid;
  }

  /** Scales frames to another size, from the next keyframe on: there is no loss at one. */
  setScale(scale: Size): void {
    this.#video.setScale(scale);
  }

  /** Maps high dynamic range to BT.709, or no more, from the next keyframe on. */
  setToneMap(toneMap: boolean): void {
    this.#video.setToneMap(toneMap);
  }

  /** Reads to the end of the input; resolves when the last frame was handed on. */
  async run(): Promise<void> {
    try {
      for await (const event of this.#options.events) await this.#take(event);
      if (this.#withoutAudio !== undefined) await this.#announce(this.#withoutAudio);
      await this.#video.drain();
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  /**
   * Stops the decoder, also while the input is being waited for, and waits until all that came is
   * accounted for. Idempotent.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#video[Symbol.asyncDispose]();
    await this.#taking.catch(() => {}); // thrown by run()
  }

  async #take(event: InputEvent): Promise<void> {
    const { handlers, meters, sync } = this.#options;
    switch (event.kind) {
      case "segment":
        if (!this.#sawSegment) handlers.onFirstSegment();
        this.#sawSegment = true;
        return;
      case "gap":
        meters.counts.segments_skipped += event.skippedSegments;
        this.#video.expectGap();
        return;
      case "behind":
        return this.#leaveOut(event.pictures);
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
        if (event.stream === "video") {
          return await (this.#taking = this.#takeVideo(event.packet, event.arrivedMs));
        }
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
    if (video !== undefined && !(await this.#video.describe(video))) {
      // An output that has begun with video goes on with it when it gets smaller.
      if (!this.#video.isStarted) await this.#setStreams({ video: undefined, audio });
      return;
    }
    if (audio !== undefined && audio.sampleRate === 0) {
      this.#withoutAudio = { video, audio: undefined };
      return;
    }
    await this.#announce(streams);
  }

  async #announce(streams: InputStreams): Promise<void> {
    this.#withoutAudio = undefined;
    await this.#options.handlers.onStreams(streams);
  }

  /** A frame of the application: it was never encoded. */
  async #takeFrame(frame: VideoFrame): Promise<void> {
    const { meters, sync, handlers, pixelFormat } = this.#options;
    const { timestamp } = frame;
    sync.noteInput("video", timestamp);
    meters.frameArrived(timestamp);
    if (timestamp <= (this.#lastFrameTicks ?? -Infinity)) {
      meters.framesDropped("late");
      return frame.close();
    }
    let fitting: VideoFrame;
    try {
      if (this.#lastFrameTicks === undefined) this.#describeFrames(frame);
      this.#lastFrameTicks = timestamp;
      fitting = await inFormat(frame, { pixelFormat, size: this.#video.scale });
    } catch (error) {
      meters.framesDropped("stop");
      throw error;
    }
    await handlers.onVideo(fitting);
  }

  /** The first frame of the application says what its pictures are. */
  #describeFrames({ width, height, color, sampleAspect }: VideoFrame): void {
    const { handlers } = this.#options;
    handlers.onFirstSegment();
    handlers.onVideoStream({ width, height, color, sampleAspect }, { mapsTones: false });
  }

  async #takeVideo(packet: Packet, arrivedMs?: number): Promise<void> {
    const { meters } = this.#options;
    meters.frameArrived(packet.ptsTicks, arrivedMs);
    try {
      await this.#stopWaitingForAudio(packet);
    } catch (error) {
      meters.framesDropped("stop");
      throw error;
    }
    this.#lacksPictures = false;
    await this.#video.take(packet);
  }

  #leaveOut(pictures: number): void {
    const { meters } = this.#options;
    meters.framesLeftOut("behind", pictures);
    this.#video.expectGap();
    this.#report(this.#reports.behind(pictures));
  }

  #report(error: Error | undefined): void {
    if (error !== undefined) this.#options.handlers.onError(error, "input");
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
}
