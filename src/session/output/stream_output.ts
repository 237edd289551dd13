/**
 * The packets of one stream, put in order and written to its segments.
 *
 * @module
 */

import type { AudioStreamInfo, Packet, VideoCodec } from "../../media/types.ts";
import type { SegmentSink } from "../../trickle/mod.ts";
import type { AvSync } from "../av_sync.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";
import type { Stage } from "../types.ts";
import { FilePackets } from "./file_packets.ts";
import { type OutputPacket, SegmentOutput } from "./segment_output.ts";

/** Options of a {@linkcode StreamOutput}. */
export interface StreamOutputOptions {
  /** Where segments go. @default nowhere: packets end here */
  readonly sink: SegmentSink | undefined;
  /** Whether it is a file, in which nothing may be left out; else it is live. */
  readonly isFile: boolean;
  /** See `SessionOptions.fixedStreams`. */
  readonly fixedStreams: boolean;
  readonly sync: AvSync;
  readonly meters: StreamMeters;
  /** Length of a segment without video, in seconds. */
  readonly gopSeconds: number;
  /** What the stages give: the format of the pictures, and the sound once it is known. */
  readonly coded: () => {
    readonly videoCodec: VideoCodec;
    readonly audio: AudioStreamInfo | undefined;
  };
  readonly onFirstSegment: () => void;
  readonly onError: (error: Error, stage: Stage) => void;
  /** The channel was closed by somebody else, or is gone. */
  readonly onClosed: (error: Error) => void;
}

/** Takes packets of both kinds as they come, and writes them in the order of their times. */
export class StreamOutput implements AsyncDisposable {
  readonly #options: StreamOutputOptions;
  readonly #segments: SegmentOutput | undefined;
  readonly #file: FilePackets | undefined;

  /** Writes nothing before {@linkcode configure}. */
  constructor(options: StreamOutputOptions) {
    const { sink, isFile, fixedStreams, meters, gopSeconds } = options;
    const { onFirstSegment, onError, onClosed } = options;
    this.#options = options;
    const onSegmentError = (error: Error): void => onError(error, "output");
    this.#segments = sink === undefined ? undefined : new SegmentOutput({
      sink,
      meters,
      audioSegmentSeconds: gopSeconds,
      onFirstSegment,
      onSegmentError,
      onClosed,
    });
    this.#file = !isFile ? undefined : new FilePackets({
      fixedStreams,
      meters,
      write: (packets) => this.#write(packets),
      announce: (video) => this.configure(video),
      onError: onSegmentError,
    });
  }

  /** Says what the segments from the next one on carry. */
  configure({ hasVideo }: { readonly hasVideo: boolean }): void {
    const { videoCodec, audio } = this.#options.coded();
    const video = hasVideo && this.#file?.expectsVideo !== false;
    this.#segments?.configure({ video, videoCodec, audio });
  }

  /** Says which packets will come, where that is known. */
  async expect(streams: { readonly video: boolean; readonly audio: boolean }): Promise<void> {
    await this.#file?.expect("video", streams.video);
    await this.#file?.expect("audio", streams.audio);
  }

  /** Takes the next packet of the pictures, in decoding order. */
  async writeVideo(packet: OutputPacket): Promise<void> {
    if (this.#file !== undefined) return await this.#file.take(packet);
    await this.#segments?.write(packet);
    await this.#write(this.#options.sync.videoWritten());
  }

  /** Takes the next packet of the sound. */
  async writeAudio(packet: Packet): Promise<void> {
    const ready = this.#options.sync.offerAudio(packet);
    if (this.#file !== undefined) return await this.#file.take(packet);
    await this.#write(ready);
  }

  /** There are no pictures that sound would have to wait for. */
  async releaseAudio(): Promise<void> {
    await this.#write(this.#options.sync.release());
  }

  /** All packets came: writes those that wait, and ends the output. */
  async finish(): Promise<void> {
    if (this.#file !== undefined) await this.#file.finish();
    else await this.releaseAudio();
    await this.#segments?.finish();
  }

  /** Ends at once: what waits is dropped and counted. */
  abort(): void {
    this.#segments?.abort();
  }

  /** Does what {@linkcode abort} does and waits until nothing is left. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#file?.drop();
    await this.#segments?.[Symbol.asyncDispose]();
  }

  async #write(packets: readonly Packet[]): Promise<void> {
    await this.#segments?.writeAll(packets);
  }
}
