/**
 * The way of packets into a file.
 *
 * @module
 */

import { MediaError } from "../../base/mod.ts";
import type { Packet } from "../../media/types.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";
import { Interleaver } from "./interleaver.ts";
import type { OutputPacket } from "./segment_output.ts";

/** Options of {@linkcode FilePackets}. */
export interface FilePacketsOptions {
  /** Whether no stream can join later what the first segments say there is. */
  readonly fixedStreams: boolean;
  readonly meters: Pick<StreamMeters, "framesDropped" | "audioLost">;
  /** Writes packets, in order. */
  readonly write: (packets: readonly Packet[]) => Promise<void>;
  /** Says whether the segments from the next one on have pictures. */
  readonly announce: (video: { readonly hasVideo: boolean }) => void;
  readonly onError: (error: Error) => void;
}

/**
 * Puts the packets of a file in order. Sound waits for pictures that are listed, in bounds: past them the
 * file goes on as one of sound. Pictures that come then join it where they can, and are dropped, counted
 * and reported where not.
 */
export class FilePackets {
  readonly #options: FilePacketsOptions;
  readonly #interleaver = new Interleaver();
  #isReported = false;

  /** Creates the way into an empty file. */
  constructor(options: FilePacketsOptions) {
    this.#options = options;
  }

  /** Says whether packets of a stream will come. */
  async expect(kind: "video" | "audio", isComing: boolean): Promise<void> {
    await this.#options.write(this.#interleaver.expect(kind, isComing));
  }

  /** Takes the next packet of its stream. */
  async take(packet: OutputPacket): Promise<void> {
    const { fixedStreams, meters, announce, write } = this.#options;
    const lackedVideo = this.#interleaver.lacksVideo;
    if (packet.kind === "video" && lackedVideo && fixedStreams) {
      meters.framesDropped("output");
      return this.#reportLate();
    }
    const packets = this.#interleaver.offer(packet);
    const { lacksVideo } = this.#interleaver;
    if (lacksVideo !== lackedVideo) announce({ hasVideo: !lacksVideo });
    await write(packets);
  }

  /** Whether pictures that are listed are to be announced. */
  get expectsVideo(): boolean {
    return !this.#interleaver.lacksVideo;
  }

  /** All packets came: writes those that wait. */
  async finish(): Promise<void> {
    // A container without pictures must not announce them.
    if (!this.#interleaver.hasVideo) this.#options.announce({ hasVideo: false });
    await this.#options.write(this.#interleaver.release());
  }

  /** The stream ends: what waits for its turn is not written. */
  drop(): void {
    const { meters } = this.#options;
    for (const { kind } of this.#interleaver.release()) {
      if (kind === "video") meters.framesDropped("stop");
      else meters.audioLost();
    }
  }

  #reportLate(): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.#options.onError(
      new MediaError(
        "MEDIA_NO_STREAM",
        "Cannot write the pictures: they begin behind more sound than a file's header can wait for, " +
          "so that the file has only sound; write a .ts file, which pictures may join later",
      ),
    );
  }
}
