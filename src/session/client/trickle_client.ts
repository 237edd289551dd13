/**
 * Trickle channels as decoded frames, without a server and without a processor.
 *
 * @module
 */

import { BoundedQueue, type Clock, ConfigError, systemClock } from "../../base/mod.ts";
import type { AudioFrame, VideoFrame } from "../../frames/mod.ts";
import type { Size } from "../../media/rect.ts";
import type { PixelFormat } from "../../media/types.ts";
import type { TlsOptions } from "../../trickle/mod.ts";
import { AvSync } from "../av_sync.ts";
import { ClientInput } from "./client_input.ts";
import { ClientOutput } from "./client_output.ts";
import { StreamMeters } from "../telemetry/stream_meters.ts";
import type { SessionMetrics, Stage } from "../types.ts";

/** Pieces of sound that wait for their reader; the oldest make room. */
const MAX_WAITING_AUDIO = 200;

/** Options of a {@linkcode TrickleClient}. */
export interface TrickleClientOptions {
  /** URL of the channel that frames come from. */
  readonly subscribeUrl?: string;
  /** URL of the channel that frames are published to. */
  readonly publishUrl?: string;
  /** Layout of the frames that come in. @default "i420" */
  readonly pixelFormat?: PixelFormat;
  /** Size that frames are scaled to (cover, centre crop). @default their own */
  readonly size?: Size;
  /** Frames that wait for their reader; past that the oldest are dropped and counted. @default 30 */
  readonly maxQueueSize?: number;
  /**
   * What the audio of the output is: the input's (`copy`), what `publishAudioFrame` is given
   * (`frames`), or `none`. @default "copy" with an input, else "frames"
   */
  readonly publishAudio?: "copy" | "frames" | "none";
  /** Codec of the output's audio. @default "opus" */
  readonly audioCodec?: "opus" | "aac";
  /** Seconds between keyframes of the output, which is also a segment's length. @default 2 */
  readonly gopSeconds?: number;
  /** What is demanded of the trickle servers' certificates. @default {{ mode: "system" }} */
  readonly tls?: TlsOptions;
  /** What tells how long sound and pictures wait for each other. @default {systemClock} */
  readonly clock?: Clock;
  /** Takes errors that do not end the stream. @default they are counted */
  readonly onError?: (error: Error, stage: Stage) => void;
}

/**
 * Reads frames from one trickle channel and publishes frames to another.
 *
 * ```ts ignore
 * import { TrickleClient } from "@runnel/runnel";
 *
 * await using client = new TrickleClient({
 *   subscribeUrl: "http://localhost:2939/camera",
 *   publishUrl: "http://localhost:2939/camera-out",
 * });
 * for await (const frame of client.videoFrames()) await client.publishVideoFrame(frame);
 * ```
 */
export class TrickleClient implements AsyncDisposable {
  readonly #meters = new StreamMeters();
  readonly #abort = new AbortController();
  readonly #video: BoundedQueue<VideoFrame>;
  readonly #audio = new BoundedQueue<AudioFrame>({
    capacity: MAX_WAITING_AUDIO,
    whenFull: "drop-oldest",
    onDrop: () => this.#meters.audioLost(),
  });
  readonly #input: ClientInput | undefined;
  readonly #output: ClientOutput | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Creates a client. Nothing is requested before frames are asked for or published. Throws a
   * `ConfigError` `CONFIG_INVALID` when neither URL is given.
   */
  constructor(options: TrickleClientOptions) {
    const { subscribeUrl, publishUrl, onError } = options;
    if (subscribeUrl === undefined && publishUrl === undefined) {
      throw new ConfigError(
        "CONFIG_INVALID",
        "Cannot create a TrickleClient without channels: give subscribeUrl, publishUrl or both",
      );
    }
    this.#video = new BoundedQueue({
      capacity: options.maxQueueSize ?? 30,
      whenFull: "drop-oldest",
      onDrop: (frame) => {
        this.#meters.framesDropped("queue");
        frame.close();
      },
    });
    const clock = options.clock ?? systemClock;
    const parts = {
      meters: this.#meters,
      sync: new AvSync({ waitForVideo: true, live: true, now: () => clock.now() }),
      signal: this.#abort.signal,
      onError: (error: Error, stage: Stage): void => {
        this.#meters.errorAt(stage);
        onError?.(error, stage);
      },
    };
    const audioCodec = options.audioCodec ?? "opus";
    const tls = options.tls ?? { mode: "system" };
    const publishAudio = options.publishAudio ?? (subscribeUrl === undefined ? "frames" : "copy");
    this.#output = publishUrl === undefined ? undefined : new ClientOutput({
      ...parts,
      clock,
      url: publishUrl,
      tls,
      audioCodec,
      gopSeconds: options.gopSeconds ?? 2,
      hasAudio: publishAudio !== "none",
    });
    this.#input = subscribeUrl === undefined ? undefined : new ClientInput({
      ...parts,
      url: subscribeUrl,
      tls,
      audioCodec,
      pixelFormat: options.pixelFormat ?? "i420",
      size: options.size,
      video: this.#video,
      audio: this.#audio,
      copyTo: publishAudio === "copy" ? this.#output : undefined,
    });
  }

  /** The figures of this moment. */
  get metrics(): SessionMetrics {
    this.#input?.updateMeters();
    this.#output?.updateMeters();
    return this.#meters.snapshot({});
  }

  /**
   * The frames of the input, in display order; the reader closes each, or publishes it. Ends with the
   * channel. Throws a `TypeError` without `subscribeUrl`; iterating throws what ended the input.
   */
  videoFrames(): AsyncIterable<VideoFrame> {
    this.#startInput("videoFrames()").wantVideo();
    return this.#video;
  }

  /** The sound of the input. Ends with the channel; throws like {@linkcode videoFrames}. */
  audioFrames(): AsyncIterable<AudioFrame> {
    this.#startInput("audioFrames()").wantAudio();
    return this.#audio;
  }

  /**
   * Encodes and publishes a frame, and closes it. Frames go out in the order of the calls with their own
   * timestamps. Rejects with a `MediaError`, `FfmpegError` or `TrickleError`, and with a `TypeError`
   * without `publishUrl` or after the close.
   */
  async publishVideoFrame(frame: VideoFrame): Promise<void> {
    try {
      await this.#openOutput("publishVideoFrame()").writeVideo(frame);
    } finally {
      frame.close();
    }
  }

  /** Encodes and publishes sound; see {@linkcode publishVideoFrame}. Needs `publishAudio: "frames"`. */
  async publishAudioFrame(frame: AudioFrame): Promise<void> {
    await this.#openOutput("publishAudioFrame()").writeAudio(frame);
  }

  /** Stops reading, publishes what was given, and ends the output channel. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** See {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#input?.stop();
      await this.#output?.finish();
    } finally {
      this.#video.close();
      this.#video.clear();
      this.#audio.close();
      this.#audio.clear();
      this.#abort.abort();
      await this.#output?.[Symbol.asyncDispose]();
    }
  }

  #startInput(method: string): ClientInput {
    if (this.#input === undefined) {
      throw new TypeError(`Cannot use ${method} without an input: give subscribeUrl`);
    }
    if (this.#closing !== undefined) throw new TypeError(`Cannot use ${method} of a closed client`);
    this.#input.start();
    return this.#input;
  }

  #openOutput(method: string): ClientOutput {
    if (this.#output === undefined) {
      throw new TypeError(`Cannot use ${method} without an output: give publishUrl`);
    }
    if (this.#closing !== undefined) throw new TypeError(`Cannot use ${method} of a closed client`);
    return this.#output;
  }
}
