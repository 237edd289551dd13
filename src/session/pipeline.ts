/**
 * The stages of one stream, wired together: input, processor, encoders, output.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { AudioFrame, VideoFrame } from "../frames/mod.ts";
import { ChangeBudget, type PictureSize, type WarmSet } from "../media/codec/mod.ts";
import type { Packet, VideoStreamInfo } from "../media/types.ts";
import type { ProcessorGuard } from "../processor/mod.ts";
import type { SegmentSink } from "../trickle/mod.ts";
import { AudioStage } from "./audio/audio_stage.ts";
import { AvSync } from "./av_sync.ts";
import { FrameRateLimiter } from "./video/frame_rate_limiter.ts";
import type { InputEvent } from "./input/input_events.ts";
import { FrameEmitter } from "./video/frame_emitter.ts";
import {
  LoadingOverlay,
  type LoadingUpdate,
  type OverlayOptions,
} from "./video/loading_overlay.ts";
import { type InputStreams, MediaInput } from "./input/media_input.ts";
import { readBack } from "./video/read_back.ts";
import { Interleaver } from "./output/interleaver.ts";
import { SegmentOutput } from "./output/segment_output.ts";
import type { StreamMeters } from "./telemetry/stream_meters.ts";
import { requestedSize } from "./video/stream_size.ts";
import type { OutputAudioCodec, Stage, StreamParams } from "./types.ts";
import { VideoOutput } from "./video/video_output.ts";
import { encoderFrameRate } from "./warm_codecs.ts";
import type { VideoOutcome } from "./video/video_outcome.ts";
import { VideoPath } from "./video/video_path.ts";

/** Options of a {@linkcode Pipeline}, with every default applied. */
export interface PipelineOptions {
  readonly events: AsyncIterable<InputEvent>;
  /** Whether the events are frames of the application. */
  readonly isFed: boolean;
  readonly sink: SegmentSink | undefined;
  readonly guard: ProcessorGuard;
  readonly meters: StreamMeters;
  /** The parameters at the start. */
  readonly params: StreamParams;
  /** Frame-rate cap where the parameters have none. */
  readonly targetFps: number;
  /** Of the input, where that is known. */
  readonly frameRate: number | undefined;
  readonly maxQueueSize: number;
  readonly maxQueueLatencyMs: number;
  readonly live: boolean;
  /** See `VideoPathOptions.depth`. */
  readonly gpuDepth: number;
  /** Resolves once the processor may have frames; to false when it never gets any. */
  readonly ready: Promise<boolean>;
  readonly overlay: OverlayOptions;
  readonly audioCodec: OutputAudioCodec;
  readonly gopSeconds: number;
  /** Children that wait, where there are some. */
  readonly warm: WarmSet | undefined;
  readonly clock: Clock;
  readonly onFirstInput: () => void;
  readonly onFirstOutput: () => void;
  readonly onError: (error: Error, stage: Stage) => void;
  /** The output channel was closed by somebody else, or is gone. */
  readonly onOutputClosed: (error: Error) => void;
}

/** What is more is a container's mistake. */
const MAX_FPS = 240;

/** Runs one stream from its first input event to its last output byte. */
export class Pipeline implements AsyncDisposable {
  readonly #options: PipelineOptions;
  readonly #abort = new AbortController();
  readonly #limiter: FrameRateLimiter;
  readonly #sync: AvSync;
  /** Of files. */
  readonly #interleaver: Interleaver | undefined;
  readonly #input: MediaInput;
  readonly #loading: LoadingOverlay;
  readonly #emitter: FrameEmitter;
  readonly #videoPath: VideoPath;
  readonly #output: SegmentOutput | undefined;
  readonly #audio: AudioStage;
  #size: PictureSize | undefined;
  #video: VideoOutput | undefined;
  #hasVideo = false;

  /**
   * Wires the stages; {@linkcode run} starts them. Throws a `ConfigError` for parameters that cannot be,
   * a `RangeError` for other options out of range.
   */
  constructor(options: PipelineOptions) {
    const { events, guard, meters, live, params, targetFps, clock } = options;
    this.#options = options;
    this.#size = requestedSize(params);
    this.#loading = createOverlay(options);
    this.#emitter = new FrameEmitter({
      onErrorPolicy: guard.processor.onError,
      loading: this.#loading,
      meters,
      onError: (error) => options.onError(error, "process"),
    });
    this.#emitter.keepInputSize = params.detect_out_resolution === false;
    this.#limiter = new FrameRateLimiter(params.max_framerate ?? targetFps);
    this.#interleaver = live || options.isFed ? undefined : new Interleaver();
    const waitForVideo = this.#interleaver === undefined;
    this.#sync = new AvSync({ waitForVideo, live, now: () => clock.now() });
    this.#audio = new AudioStage({
      guard,
      meters,
      outputCodec: options.audioCodec,
      ready: options.ready,
      live,
      hasOutput: options.sink !== undefined,
      emit: (packet) => this.#writeAudio(packet),
      onError: options.onError,
      isDispensable: () => this.#hasVideo,
      onOutput: () => this.#output?.configure({ video: this.#hasVideo, audio: this.#audio.output }),
      clock,
      ...(live ? { changeBudget: new ChangeBudget({ now: () => clock.now() }) } : {}),
      warm: options.warm,
      signal: this.#abort.signal,
    });
    this.#output = this.#createOutput();
    this.#videoPath = new VideoPath({
      process: (frame) => this.#process(frame),
      complete: readBack,
      emit: (emission, place) => this.#emitter.emit(emission, place),
      ready: options.ready,
      loading: this.#loading,
      limiter: this.#limiter,
      sync: this.#sync,
      meters,
      maxQueueSize: options.maxQueueSize,
      maxQueueLatencyMs: options.maxQueueLatencyMs,
      live,
      maxInFlight: guard.processor.maxInFlight,
      depth: options.gpuDepth,
      clock,
    });
    this.#input = new MediaInput({
      events,
      meters,
      sync: this.#sync,
      pixelFormat: guard.processor.pixelFormat,
      scale: this.#size,
      toneMap: params.tone_map ?? true,
      now: () => clock.now(),
      ...(live ? { changeBudget: new ChangeBudget({ now: () => clock.now() }) } : {}),
      warm: options.warm,
      signal: this.#abort.signal,
      handlers: {
        onFirstSegment: options.onFirstInput,
        onVideoStream: (video) => this.#startVideo(video),
        onStreams: (streams) => this.#setStreams(streams),
        onVideo: (frame) => this.#videoPath.offer(frame),
        onAudio: (packet) => this.#audio.write(packet),
        onAudioFrame: (frame) => this.#takeAudioFrame(frame),
        onError: options.onError,
      },
    });
  }

  /** The process ids of the children that code video now. */
  get codecPids(): { readonly decoder: number | undefined; readonly encoder: number | undefined } {
    return { decoder: this.#input.decoderPid, encoder: this.#video?.encoderPid };
  }

  /** Size of the last picture that went out, in pixels. */
  get outputSize(): PictureSize | undefined {
    return this.#emitter.outputSize;
  }

  /**
   * Takes changed parameters: `width` and `height` from the next keyframe of the input on, the others
   * from the next frame on. What is absent stays as it is.
   */
  applyParams(params: StreamParams): void {
    const { max_framerate, detect_out_resolution, show_loading } = params;
    if (max_framerate !== undefined) this.#limiter.setMaxFps(max_framerate);
    if (detect_out_resolution !== undefined) this.#emitter.keepInputSize = !detect_out_resolution;
    if (show_loading !== undefined) this.#loading.show(show_loading);
    const size = requestedSize(params);
    if (params.tone_map !== undefined) this.#input.setToneMap(params.tone_map);
    if (size === undefined) return;
    this.#size = size;
    this.#input.setScale(size);
  }

  /** Changes what the loading overlay says. Throws a `RangeError` for a progress that is no number. */
  setLoading(update: LoadingUpdate): void {
    this.#loading.update(update);
  }

  /**
   * Carries the stream to the end of its input and writes out what is on its way. Rejects when it
   * cannot go on. All children are gone afterwards, in any case.
   */
  async run(): Promise<void> {
    try {
      await Promise.race([this.#input.run(), this.#videoPath.done, this.#audio.failure]);
      await this.#videoPath.finish();
      await Promise.all([this.#audio.finish(), this.#video?.finish()]);
      await this.#writeHeld();
      await this.#output?.finish();
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  /** Ends the stream where it is: what is on its way is dropped and counted. */
  abort(): void {
    this.#videoPath.abort();
    this.#abort.abort();
    this.#output?.abort();
  }

  /** Takes over the counts that the stages keep themselves. */
  updateMeters(): void {
    const { meters } = this.#options;
    meters.loading = this.#loading.state !== "hidden";
    meters.setDropped("decoder", this.#input.framesLost);
    meters.setDropped("encoder", this.#video?.framesLost ?? 0);
    meters.codecRestarts = this.#input.codecRestarts + (this.#video?.codecRestarts ?? 0) +
      this.#audio.codecRestarts;
    meters.codecHangs = this.#input.codecHangs + (this.#video?.codecHangs ?? 0) +
      this.#audio.codecHangs;
    meters.setAudioDropped("sync", this.#sync.droppedAudio);
    meters.setAudioDropped("codec", this.#audio.packetsLost);
  }

  #createOutput(): SegmentOutput | undefined {
    const { sink, meters, gopSeconds, onFirstOutput, onError, onOutputClosed } = this.#options;
    if (sink === undefined) return undefined;
    return new SegmentOutput({
      sink,
      meters,
      audioSegmentSeconds: gopSeconds,
      onFirstSegment: onFirstOutput,
      onSegmentError: (error) => onError(error, "output"),
      onClosed: onOutputClosed,
    });
  }

  async #setStreams(streams: InputStreams): Promise<void> {
    const { video } = streams;
    this.#hasVideo = video !== undefined;
    if (video === undefined) await this.#write(this.#sync.release());
    if (this.#output === undefined && !this.#options.guard.handlesAudio) return;
    await this.#audio.setStream(streams.audio);
    this.#output?.configure({ video: video !== undefined, audio: this.#audio.output });
    await this.#write(this.#interleaver?.expect("video", video !== undefined));
    await this.#write(this.#interleaver?.expect("audio", streams.audio !== undefined));
  }

  #startVideo(video: VideoStreamInfo): void {
    if (this.#output === undefined || this.#video !== undefined) return;
    const { gopSeconds, guard } = this.#options;
    const { width, height } = this.#size ?? video;
    const { color } = video;
    const sampleAspect = this.#size === undefined ? video.sampleAspect : undefined;
    // Frames of the application come without a description of the streams.
    if (this.#options.isFed) this.#output.configure({ video: true, audio: this.#audio.output });
    this.#emitter.output = this.#video = new VideoOutput({
      gopSeconds,
      frameRate: this.#frameRate(),
      warm: this.#options.warm,
      shape: { width, height, pixelFormat: guard.processor.pixelFormat, sampleAspect },
      color,
      emit: (packet) => this.#writeVideo(packet),
      onHang: (error) => this.#options.onError(error, "encode"),
      signal: this.#abort.signal,
    });
  }

  /** About how many frames a second the encoder gets. */
  #frameRate(): number {
    const { maxFps } = this.#limiter;
    const { frameRate = encoderFrameRate(maxFps) } = this.#options;
    return Math.min(frameRate, maxFps, MAX_FPS);
  }

  async #takeAudioFrame(frame: AudioFrame): Promise<void> {
    if (this.#output === undefined && !this.#options.guard.handlesAudio) return;
    if (!await this.#audio.writeFrame(frame)) return;
    this.#output?.configure({ video: this.#video !== undefined, audio: this.#audio.output });
  }

  async #process(frame: VideoFrame): Promise<VideoOutcome> {
    const { guard } = this.#options;
    try {
      if (guard.processor.device === "gpu") await frame.to("gpu");
      const output = await guard.processVideo(frame);
      if (output === null) return { kind: "dropped", input: frame };
      return { kind: "frame", input: frame, output };
    } catch (error) {
      return { kind: "failed", input: frame, error: asError(error) };
    }
  }

  async #writeVideo(packet: Packet): Promise<void> {
    if (this.#interleaver !== undefined) return await this.#write(this.#interleaver.offer(packet));
    await this.#output?.write(packet);
    await this.#write(this.#sync.videoWritten());
  }

  async #writeAudio(packet: Packet): Promise<void> {
    const ready = this.#sync.offerAudio(packet);
    await this.#write(this.#interleaver?.offer(packet) ?? ready);
  }

  /** The stream ends: nothing is waited for any more. */
  async #writeHeld(): Promise<void> {
    // A container without pictures must not announce them.
    if (this.#interleaver?.hasVideo === false) {
      this.#output?.configure({ video: false, audio: this.#audio.output });
    }
    await this.#write(this.#interleaver?.release() ?? this.#sync.release());
  }

  async #write(packets: readonly Packet[] = []): Promise<void> {
    await this.#output?.writeAll(packets);
  }

  /** Ends the stream where it is and waits until nothing of it is left. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.abort();
    await Promise.allSettled([
      this.#input[Symbol.asyncDispose](),
      this.#audio[Symbol.asyncDispose](),
      this.#video?.[Symbol.asyncDispose](),
      this.#videoPath.done,
    ]);
    await this.#output?.[Symbol.asyncDispose]();
  }
}

/** Frames can only be shown in place of others where somebody watches, and others are not waited for. */
function createOverlay({ overlay, live, sink, params, clock }: PipelineOptions): LoadingOverlay {
  const isSeen = live && sink !== undefined;
  const shown: OverlayOptions = isSeen ? overlay : { ...overlay, mode: "off" };
  const loading = new LoadingOverlay(shown, () => clock.now());
  if (params.show_loading === true) loading.show(true);
  return loading;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
