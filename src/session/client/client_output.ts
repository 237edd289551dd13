/**
 * The publishing side of a `TrickleClient`.
 *
 * @module
 */

import { type Clock, MPEG_TIME_BASE, rescaleTicks } from "../../base/mod.ts";
import type { AudioFrame, VideoFrame } from "../../frames/mod.ts";
import { AudioEncoder } from "../../media/codec/mod.ts";
import type { AudioStreamInfo, Packet } from "../../media/types.ts";
import { type TlsOptions, TricklePublisher } from "../../trickle/mod.ts";
import { encodedStream } from "../audio/encoded_stream.ts";
import type { AvSync } from "../av_sync.ts";
import { readI420 } from "../video/read_back.ts";
import { SegmentOutput } from "../output/segment_output.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";
import type { Stage } from "../types.ts";
import { VideoOutput } from "../video/video_output.ts";

/** How long the first segment waits for audio that is expected, in milliseconds. */
const MAX_AUDIO_WAIT_MS = 1_000;

/** Options of a {@linkcode ClientOutput}. */
export interface ClientOutputOptions {
  readonly url: string;
  readonly tls: TlsOptions;
  readonly meters: StreamMeters;
  readonly sync: AvSync;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onError: (error: Error, stage: Stage) => void;
  readonly audioCodec: "opus" | "aac";
  readonly gopSeconds: number;
  /** Whether audio is expected, so that the first segment announces it. */
  readonly hasAudio: boolean;
}

/** Encodes frames and publishes them. */
export class ClientOutput implements AsyncDisposable {
  readonly #options: ClientOutputOptions;
  readonly #output: SegmentOutput;
  #failure: Error | undefined;
  #video: VideoOutput | undefined;
  #audio: AudioEncoder | undefined;
  #audioPumping: Promise<void> | undefined;
  #audioStream: AudioStreamInfo | undefined;
  /** While the first segment waits for sound. */
  #stopWaiting: (() => void) | undefined;

  /** Sets the output up; nothing is requested before something is written. */
  constructor(options: ClientOutputOptions) {
    const { url, tls, meters, gopSeconds, onError } = options;
    this.#options = options;
    this.#output = new SegmentOutput({
      sink: new TricklePublisher(url, { tls, autocreate: true }),
      meters,
      audioSegmentSeconds: gopSeconds,
      onFirstSegment: () => {},
      onSegmentError: (error) => onError(error, "output"),
      onClosed: (error) => {
        this.#failure = error;
      },
    });
  }

  /** Takes over the counts that the stages keep themselves. */
  updateMeters(): void {
    this.#options.meters.setDropped("encoder", this.#video?.framesLost ?? 0);
  }

  /** Encodes a frame. Rejects once the channel is gone. */
  async writeVideo(frame: VideoFrame): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    // The caller's frame stays where it is.
    using shared = frame.share();
    using readable = shared.location === "gpu" ? await readI420(shared) : shared;
    this.#video ??= this.#startVideo(readable);
    this.#options.meters.frameReached("processed", readable.timestamp);
    await this.#video.write(readable);
  }

  /** Encodes sound. Rejects once the channel is gone. */
  async writeAudio(frame: AudioFrame): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#audio ??= this.#startAudio(frame);
    await this.#audio.encode({
      samples: frame.samples,
      sampleRate: frame.sampleRate,
      ptsTicks: rescaleTicks(frame.timestamp, frame.timeBase, MPEG_TIME_BASE),
    });
  }

  /** Takes audio that is encoded already. */
  async writeAudioPacket(packet: Packet): Promise<void> {
    await this.#output.writeAll(this.#options.sync.offerAudio(packet));
  }

  /** Writes the audio that waited for video: there is none, or it will not come. */
  async releaseAudio(): Promise<void> {
    await this.#output.writeAll(this.#options.sync.release());
  }

  /** Says what the audio is, once that is known; undefined: there is none. */
  setAudioStream(stream: AudioStreamInfo | undefined): void {
    this.#audioStream = stream;
    this.#configure();
  }

  /** Writes what was given and ends the channel. */
  async finish(): Promise<void> {
    await this.#audio?.flush();
    await this.#audioPumping;
    await this.#video?.finish();
    if (this.#stopWaiting !== undefined) this.#configure();
    await this.releaseAudio();
    await this.#output.finish();
  }

  /** Ends at once. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopWaiting?.();
    await this.#video?.[Symbol.asyncDispose]();
    await this.#audio?.[Symbol.asyncDispose]();
    await this.#output[Symbol.asyncDispose]();
  }

  #startVideo(frame: VideoFrame): VideoOutput {
    const { gopSeconds, clock, signal, hasAudio } = this.#options;
    const { width, height, pixelFormat, color } = frame;
    if (!hasAudio || this.#audioStream !== undefined) this.#configure();
    else this.#stopWaiting = clock.schedule(MAX_AUDIO_WAIT_MS, () => this.#configure());
    return new VideoOutput({
      gopSeconds,
      hardware: "none",
      encoder: {},
      isLive: false,
      frameRate: 30,
      shape: { width, height, pixelFormat },
      color,
      emit: async (packet) => {
        await this.#output.write(packet);
        await this.#output.writeAll(this.#options.sync.videoWritten());
      },
      signal,
    });
  }

  #startAudio({ sampleRate, channels }: AudioFrame): AudioEncoder {
    const { audioCodec: codec, signal } = this.#options;
    const stream = encodedStream(codec, { sampleRate, channels });
    const encoder = new AudioEncoder({
      timeBase: MPEG_TIME_BASE,
      codec,
      sampleRate: stream.sampleRate,
      channels: stream.channels,
      signal,
    });
    this.#audioPumping = this.#pumpAudio(encoder);
    this.#audioPumping.catch(() => {}); // thrown by finish()
    this.setAudioStream(stream);
    return encoder;
  }

  async #pumpAudio(encoder: AudioEncoder): Promise<void> {
    for await (const packet of encoder.packets()) await this.writeAudioPacket(packet);
  }

  #configure(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
    this.#output.configure({ video: true, audio: this.#audioStream });
  }
}
