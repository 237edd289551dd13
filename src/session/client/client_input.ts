/**
 * The reading side of a `TrickleClient`.
 *
 * @module
 */

import { type BoundedQueue, MPEG_TIME_BASE } from "../../base/mod.ts";
import { AudioFrame, type VideoFrame } from "../../frames/mod.ts";
import { AudioDecoder } from "../../media/codec/mod.ts";
import type { Size } from "../../media/rect.ts";
import type { AudioStreamInfo, Packet, PixelFormat } from "../../media/types.ts";
import { type TlsOptions, TrickleSubscriber } from "../../trickle/mod.ts";
import type { AudioPath } from "../audio/audio_path.ts";
import { createAudioPath } from "../audio/create_audio_path.ts";
import { sameAudio } from "../audio/encoded_stream.ts";
import type { AvSync } from "../av_sync.ts";
import type { ClientOutput } from "./client_output.ts";
import { demuxSegments } from "../input/input_events.ts";
import { type InputStreams, MediaInput } from "../input/media_input.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";
import type { Stage } from "../types.ts";

/** Options of a {@linkcode ClientInput}. */
export interface ClientInputOptions {
  readonly url: string;
  readonly tls: TlsOptions;
  readonly meters: StreamMeters;
  readonly sync: AvSync;
  readonly signal: AbortSignal;
  readonly onError: (error: Error, stage: Stage) => void;
  readonly pixelFormat: PixelFormat;
  readonly size: Size | undefined;
  readonly audioCodec: "opus" | "aac";
  /** Where frames go; ended with the input, or failed with what ended it. */
  readonly video: BoundedQueue<VideoFrame>;
  /** Where sound goes. */
  readonly audio: BoundedQueue<AudioFrame>;
  /** Where audio is copied to without being looked at. */
  readonly copyTo: ClientOutput | undefined;
}

/** Reads a channel and decodes what is wanted of it. */
export class ClientInput {
  readonly #options: ClientInputOptions;
  readonly #subscriber: TrickleSubscriber;
  readonly #input: MediaInput;
  #running: Promise<void> | undefined;
  #wantsVideo = false;
  #wantsAudio = false;
  #stream: AudioStreamInfo | undefined;
  #decoder: AudioDecoder | undefined;
  #pumping: Promise<void> | undefined;
  #copy: AudioPath | undefined;

  /** Sets the input up; {@linkcode start} begins to read. */
  constructor(options: ClientInputOptions) {
    const { url, tls, meters, sync, pixelFormat, size, signal, onError } = options;
    this.#options = options;
    this.#subscriber = new TrickleSubscriber(url, { tls, waitForChannelMs: 2_000 });
    this.#input = new MediaInput({
      events: demuxSegments(this.#subscriber),
      meters,
      sync,
      pixelFormat,
      scale: size,
      toneMap: true,
      hardware: "none",
      now: () => performance.now(),
      signal,
      handlers: {
        onFirstSegment: () => {},
        onVideoStream: () => {},
        onStreams: (streams) => this.#setStreams(streams),
        onVideo: (frame) => this.#takeVideo(frame),
        onAudio: (packet) => this.#takeAudio(packet),
        onError,
      },
    });
  }

  /** Begins to read. Idempotent. */
  start(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#run();
    this.#running.catch(() => {}); // the queues' readers and stop() get it
  }

  /** From now on frames go to the video queue. */
  wantVideo(): void {
    this.#wantsVideo = true;
  }

  /** From now on sound is decoded and goes to the audio queue. */
  wantAudio(): void {
    this.#wantsAudio = true;
  }

  /** Takes over the counts that the stages keep themselves. */
  updateMeters(): void {
    this.#options.meters.setDropped("decoder", this.#input.framesLost);
  }

  /** Stops reading and waits until nothing is left of it. */
  async stop(): Promise<void> {
    await this.#subscriber[Symbol.asyncDispose]();
    // A reader that has left must not hold the decoder up.
    this.#options.video.close();
    this.#options.audio.close();
    await this.#running?.catch(() => {}); // told to the readers
  }

  async #run(): Promise<void> {
    const { video, audio } = this.#options;
    try {
      await this.#input.run();
      await this.#decoder?.flush();
      await this.#pumping;
      await this.#copy?.finish();
      video.close();
      audio.close();
    } catch (error) {
      video.fail(error);
      audio.fail(error);
      this.#options.onError(error instanceof Error ? error : new Error(String(error)), "input");
      throw error;
    } finally {
      await this.#subscriber[Symbol.asyncDispose]();
      await this.#decoder?.[Symbol.asyncDispose]();
      await this.#copy?.[Symbol.asyncDispose]();
    }
  }

  async #setStreams({ video, audio }: InputStreams): Promise<void> {
    const { copyTo, audioCodec, signal } = this.#options;
    if (audio !== undefined && this.#stream !== undefined && !sameAudio(audio, this.#stream)) {
      await this.#decoder?.reconfigure(audio);
    }
    this.#stream = audio;
    if (copyTo === undefined) return;
    if (video === undefined) await copyTo.releaseAudio();
    if (audio !== undefined && this.#copy?.accepts(audio) !== true) {
      const previous = this.#copy;
      await previous?.finish();
      await previous?.[Symbol.asyncDispose]();
      this.#copy = createAudioPath({
        stream: audio,
        outputCodec: audioCodec,
        process: undefined,
        emit: (packet) => copyTo.writeAudioPacket(packet),
        signal,
      });
    }
    copyTo.setAudioStream(audio === undefined ? undefined : this.#copy?.output);
  }

  async #takeVideo(frame: VideoFrame): Promise<void> {
    this.#options.meters.frameReached("decoded", frame.timestamp);
    if (this.#wantsVideo) await this.#options.video.push(frame);
    else frame.close();
  }

  async #takeAudio(packet: Packet): Promise<void> {
    await this.#copy?.write(packet);
    if (!this.#wantsAudio || this.#stream === undefined) return;
    this.#decoder ??= this.#startDecoder(this.#stream);
    await this.#decoder.decode(packet);
  }

  #startDecoder(stream: AudioStreamInfo): AudioDecoder {
    const { signal } = this.#options;
    const decoder = new AudioDecoder({ stream, timeBase: MPEG_TIME_BASE, signal });
    this.#pumping = this.#pump(decoder);
    this.#pumping.catch(() => {}); // awaited when the input ends
    return decoder;
  }

  async #pump(decoder: AudioDecoder): Promise<void> {
    for await (const { samples, sampleRate, ptsTicks } of decoder.frames()) {
      const frame = new AudioFrame({ samples, sampleRate, ptsTicks, timeBase: MPEG_TIME_BASE });
      await this.#options.audio.push(frame);
    }
  }
}
