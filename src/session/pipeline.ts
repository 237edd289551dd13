/**
 * The stages of one stream, wired together: input, processor, encoders, output.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { AudioFrame, VideoFrame } from "../frames/mod.ts";
import {
  ChangeBudget,
  type EncoderSettings,
  type VideoHardware,
  type WarmSet,
} from "../media/codec/mod.ts";
import type { Size } from "../media/rect.ts";
import type { Packet } from "../media/types.ts";
import type { ErrorPolicy, ProcessorGuard } from "../processor/mod.ts";
import type { SegmentSink } from "../trickle/mod.ts";
import { AudioStage } from "./audio/audio_stage.ts";
import { AvSync } from "./av_sync.ts";
import { CatchUp } from "./video/catch_up.ts";
import { encoderFrameRate, FrameRateLimiter } from "./video/frame_rate_limiter.ts";
import type { InputEvent } from "./input/input_events.ts";
import type { LiveEdge } from "./input/live_edge.ts";
import { FrameEmitter } from "./video/frame_emitter.ts";
import {
  LoadingOverlay,
  type LoadingUpdate,
  type OverlayOptions,
} from "./video/loading_overlay.ts";
import {
  type InputStreams,
  MediaInput,
  type PacketFate,
  type VideoDescription,
} from "./input/media_input.ts";
import { readBack } from "./video/read_back.ts";
import { StreamOutput } from "./output/stream_output.ts";
import type { StreamMeters } from "./telemetry/stream_meters.ts";
import { requestedSize } from "./video/stream_size.ts";
import type { OutputAudioCodec, Stage, StreamParams } from "./types.ts";
import { processFrame, type VideoOutcome } from "./video/video_outcome.ts";
import { VideoPath } from "./video/video_path.ts";
import { VideoStage } from "./video/video_stage.ts";

/** Options of a {@linkcode Pipeline}, with every default applied. */
export interface PipelineOptions {
  readonly events: AsyncIterable<InputEvent>;
  /** Whether the events are frames of the application. */
  readonly isFed: boolean;
  /** Where a live input is, which may be joined late. */
  readonly edge: LiveEdge | undefined;
  /** How long pictures may be late before some are passed over, in milliseconds. */
  readonly graceMs: number;
  readonly sink: SegmentSink | undefined;
  /** See `SessionOptions.fixedStreams`. */
  readonly fixedStreams: boolean;
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
  readonly hardware: VideoHardware;
  readonly encoder: EncoderSettings;
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
  readonly #input: MediaInput;
  readonly #loading: LoadingOverlay;
  readonly #emitter: FrameEmitter;
  readonly #videoPath: VideoPath;
  readonly #output: StreamOutput;
  readonly #audio: AudioStage;
  readonly #video: VideoStage;
  #hasVideo = false;

  /**
   * Wires the stages; {@linkcode run} starts them. Throws a `ConfigError` for parameters that cannot be,
   * a `RangeError` for other options out of range.
   */
  constructor(options: PipelineOptions) {
    const { events, guard, meters, live, params, targetFps, clock } = options;
    this.#options = options;
    const size = requestedSize(params);
    this.#loading = createOverlay(options);
    this.#video = this.#createVideo();
    this.#video.want({ size, showsLoading: params.show_loading === true });
    this.#emitter = new FrameEmitter({
      onErrorPolicy: errorPolicyOf(guard),
      isOut: (frame) => this.#video.isOut(frame),
      output: options.sink === undefined ? undefined : this.#video,
      loading: this.#loading,
      meters,
      onError: (error) => options.onError(error, "process"),
    });
    this.#emitter.keepInputSize = params.detect_out_resolution === false;
    this.#limiter = new FrameRateLimiter(params.max_framerate ?? targetFps);
    const isFile = !live && !options.isFed;
    this.#sync = new AvSync({ waitForVideo: !isFile, live, now: () => clock.now() });
    this.#audio = new AudioStage({
      guard,
      meters,
      outputCodec: options.audioCodec,
      ready: options.ready,
      live,
      hasOutput: options.sink !== undefined,
      emit: (packet) => this.#output.writeAudio(packet),
      onError: options.onError,
      isDispensable: () => this.#hasVideo,
      onOutput: () => this.#output.configure({ hasVideo: this.#hasVideo }),
      clock,
      ...(live ? { changeBudget: new ChangeBudget({ now: () => clock.now() }) } : {}),
      warm: options.warm,
      signal: this.#abort.signal,
    });
    this.#output = this.#createOutput(isFile);
    this.#videoPath = new VideoPath({
      process: (frame) => processFrame(guard, frame),
      complete: (outcome) => this.#complete(outcome),
      emit: (emission, place) => this.#emitter.emit(emission, place),
      isOut: (frame) => this.#video.isOut(frame),
      ready: options.ready,
      loading: this.#loading,
      limiter: this.#limiter,
      sync: this.#sync,
      catchUp: options.edge === undefined
        ? undefined
        : new CatchUp({ edge: options.edge, graceMs: options.graceMs, now: () => clock.now() }),
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
      scale: size,
      toneMap: params.tone_map ?? true,
      hardware: options.hardware.decoder ?? "none",
      now: () => clock.now(),
      ...(live ? { changeBudget: new ChangeBudget({ now: () => clock.now() }) } : {}),
      warm: options.warm,
      signal: this.#abort.signal,
      handlers: {
        onFirstSegment: options.onFirstInput,
        onVideoStream: (video, meaning) => this.#setVideo(video, meaning),
        onStreams: (streams) => this.#setStreams(streams),
        onVideoPacket: (packet, state) => this.#takePacket(packet, state),
        onVideo: (frame) => this.#takeFrame(frame),
        onAudio: (packet) => this.#audio.write(packet),
        onAudioFrame: (frame) => this.#takeAudioFrame(frame),
        onError: options.onError,
      },
    });
  }

  /** The process ids of the children that code video now. */
  get codecPids(): { readonly decoder: number | undefined; readonly encoder: number | undefined } {
    return { decoder: this.#input.decoderPid, encoder: this.#video.encoderPid };
  }

  /** Size of the last picture that went out, in pixels. */
  get outputSize(): Size | undefined {
    return this.#video.copiedSize ?? this.#emitter.outputSize;
  }

  /**
   * Takes changed parameters: `width` and `height` from the next keyframe of the input on, the others
   * from the next frame on. What is absent stays as it is.
   */
  applyParams(params: StreamParams): void {
    const { max_framerate, detect_out_resolution, show_loading } = params;
    if (max_framerate !== undefined) this.#limiter.setMaxFps(max_framerate);
    if (detect_out_resolution !== undefined) this.#emitter.keepInputSize = !detect_out_resolution;
    if (show_loading !== undefined) {
      this.#loading.show(show_loading);
      this.#video.want({ showsLoading: show_loading });
    }
    const size = requestedSize(params);
    if (params.tone_map !== undefined) this.#input.setToneMap(params.tone_map);
    if (size === undefined) return;
    this.#video.want({ size });
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
      const isOut = this.#video.isCopying;
      const looked = this.#videoPath.finish();
      // What was copied does not wait for a processor that only looks.
      if (!isOut) await looked;
      await Promise.all([looked, this.#finishOutput()]);
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  async #finishOutput(): Promise<void> {
    await Promise.all([this.#audio.finish(), this.#video.finish()]);
    await this.#output.finish();
    await this.#audio.heard;
  }

  /** Ends the stream where it is: what is on its way is dropped and counted. */
  abort(): void {
    this.#videoPath.abort();
    this.#abort.abort();
    this.#output.abort();
  }

  /** Takes over the counts that the stages keep themselves. */
  updateMeters(): void {
    const { meters } = this.#options;
    meters.loading = this.#loading.state !== "hidden";
    const { framesLeftOut, framesLost } = this.#input;
    const lostBeside = this.#video.lostBeside(framesLost);
    meters.setDropped("decoder", framesLeftOut + framesLost - lostBeside);
    meters.setUnseen("decoder", lostBeside);
    meters.setDropped("encoder", this.#video.framesLost);
    meters.counts.codec_restarts = this.#input.codecRestarts + this.#video.codecRestarts +
      this.#audio.codecRestarts;
    meters.counts.codec_hangs = this.#input.codecHangs + this.#video.codecHangs +
      this.#audio.codecHangs;
    meters.counts.hardware_fallbacks = this.#input.hardwareFallbacks +
      this.#video.hardwareFallbacks;
    meters.hardware = { decoder: this.#input.hardware, encoder: this.#video.hardware };
    meters.setAudioDropped("sync", this.#sync.droppedAudio);
    meters.setAudioDropped("codec", this.#audio.packetsLost);
    meters.setAudioUnheard(this.#audio.packetsUnheard);
  }

  #createOutput(isFile: boolean): StreamOutput {
    const { sink, fixedStreams, meters, gopSeconds, onFirstOutput, onError } = this.#options;
    return new StreamOutput({
      sink,
      isFile,
      fixedStreams,
      sync: this.#sync,
      meters,
      gopSeconds,
      // There is no sound once it was given up.
      coded: () => ({ videoCodec: this.#video.codec, audio: this.#audio.output }),
      onFirstSegment: onFirstOutput,
      onError,
      onClosed: this.#options.onOutputClosed,
    });
  }

  /** Whether anybody wants the sound. */
  get #wantsAudio(): boolean {
    return this.#options.sink !== undefined || this.#options.guard.handlesAudio;
  }

  async #setStreams({ video, audio }: InputStreams): Promise<void> {
    this.#hasVideo = video !== undefined;
    if (video === undefined) await this.#output.releaseAudio();
    if (!this.#wantsAudio) return;
    await this.#audio.setStream(audio);
    this.#output.configure({ hasVideo: this.#hasVideo });
    await this.#output.expect({ video: this.#hasVideo, audio: audio !== undefined });
  }

  #createVideo(): VideoStage {
    const { sink, guard, live, gopSeconds, meters, warm, onError } = this.#options;
    const { hardware, encoder } = this.#options;
    return new VideoStage({
      hasOutput: sink !== undefined,
      isReadOnly: guard.isReadOnly,
      isLookedAt: guard.handlesVideo,
      isLive: live,
      pixelFormat: guard.processor.pixelFormat,
      gopSeconds,
      hardware: hardware.encoder ?? "none",
      encoder,
      frameRate: () => this.#frameRate(),
      meters,
      emit: (packet) => this.#output.writeVideo(packet),
      onHang: (error) => onError(error, "encode"),
      warm,
      signal: this.#abort.signal,
    });
  }

  #setVideo(video: VideoDescription, meaning: { readonly mapsTones: boolean }): void {
    // Frames of the application come without a description of the streams.
    if (this.#options.isFed && !this.#video.hasBegun) {
      this.#output.configure({ hasVideo: true });
    }
    this.#video.setStream(video, meaning);
  }

  async #takePacket(packet: Packet, state: { readonly isLost: boolean }): Promise<PacketFate> {
    const fate = await this.#video.take(packet, state);
    if (fate === "lost" || fate === "done") return fate;
    return fate === "to look at" && this.#options.live ? "beside" : "awaited";
  }

  async #takeFrame(frame: VideoFrame): Promise<void> {
    if (!this.#options.isFed) this.#video.decoded(frame, this.#input.framesLost);
    await this.#videoPath.offer(frame);
  }

  /** What only was looked at needs not come back from the GPU. */
  async #complete(outcome: VideoOutcome): Promise<VideoOutcome> {
    return this.#video.isOut(outcome.input) ? outcome : await readBack(outcome);
  }

  /** About how many frames a second the encoder gets. */
  #frameRate(): number {
    const { maxFps } = this.#limiter;
    const { frameRate = encoderFrameRate(maxFps) } = this.#options;
    return Math.min(frameRate, maxFps, MAX_FPS);
  }

  async #takeAudioFrame(frame: AudioFrame): Promise<void> {
    if (!this.#wantsAudio || !await this.#audio.writeFrame(frame)) return;
    this.#output.configure({ hasVideo: this.#video.hasBegun });
  }

  /** Ends the stream where it is and waits until nothing of it is left. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.abort();
    await Promise.allSettled([
      this.#input[Symbol.asyncDispose](),
      this.#audio[Symbol.asyncDispose](),
      this.#video[Symbol.asyncDispose](),
      this.#videoPath.settled,
    ]);
    await this.#output[Symbol.asyncDispose]();
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

/** A processor that only looks has nothing to hide: what it fails on goes on all the same. */
function errorPolicyOf({ processor, isReadOnly }: ProcessorGuard): ErrorPolicy {
  return isReadOnly && processor.onError === "drop" ? "passthrough" : processor.onError;
}
