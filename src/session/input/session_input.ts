/**
 * Where the frames of a session come from: a channel, media that is demuxed already, or the application.
 *
 * @module
 */

import { MediaError } from "../../base/errors.ts";
import type { AudioFrame, VideoFrame } from "../../frames/mod.ts";
import { FrameFeed } from "./frame_feed.ts";
import {
  demuxSegments,
  type InputChoice,
  type InputCounts,
  type InputEvent,
} from "./input_events.ts";
import type { SessionOptions, StreamParams } from "../types.ts";

/** The input of one session, and its end. */
export class SessionInput implements Disposable {
  readonly #options: Pick<SessionOptions, "id" | "source" | "media" | "inputFound">;
  readonly #counts: InputCounts;
  readonly #feed = new FrameFeed();
  readonly #choice: InputChoice = {};
  /** Whether anything was read. */
  wasSeen = false;

  /** Reads nothing yet; what is read is added to the counts. */
  constructor(
    options: Pick<SessionOptions, "id" | "source" | "media" | "inputFound">,
    counts: InputCounts,
  ) {
    this.#options = options;
    this.#counts = counts;
  }

  /** Whether frames come from the application. */
  get isFed(): boolean {
    return this.#options.source === undefined && this.#options.media === undefined;
  }

  /** What is read; iterated once. */
  get events(): AsyncIterable<InputEvent> {
    const { source, media } = this.#options;
    if (media !== undefined) return media.events;
    return source === undefined ? this.#feed : demuxSegments(source, this.#counts, this.#choice);
  }

  /** Takes parameters of the stream: `program`, from the next bytes on. */
  applyParams({ program }: StreamParams): void {
    if (program !== undefined) this.#choice.program = program;
  }

  /** Takes a frame of the application; see `Session.sendFrame`. */
  async send(frame: VideoFrame | AudioFrame): Promise<boolean> {
    if (this.isFed) return await this.#feed.send(frame);
    throw new TypeError(
      `Cannot send a frame to stream ${this.#options.id}: its frames come from its input`,
    );
  }

  /** A channel that was read may be gone by the time of the last request: that is its end. */
  async problem(): Promise<MediaError | undefined> {
    if (this.wasSeen || await this.#options.inputFound?.() !== false) return undefined;
    return new MediaError(
      "MEDIA_NO_STREAM",
      "Cannot read the input: its channel does not exist; check the URL to subscribe to",
    );
  }

  /** Reads no more. Idempotent. Rejects as the source does. */
  async close(): Promise<void> {
    this.#feed.close();
    this.#options.media?.close();
    await this.#options.source?.[Symbol.asyncDispose]();
  }

  /** Gives up what nobody read. */
  [Symbol.dispose](): void {
    this.#feed[Symbol.dispose]();
  }
}
