/**
 * Where the frames of a session come from: a channel, media that is demuxed already, or the application.
 *
 * @module
 */

import type { Clock } from "../../base/clock.ts";
import { MediaError } from "../../base/errors.ts";
import type { AudioFrame, VideoFrame } from "../../frames/mod.ts";
import { type FeedOutcome, FrameFeed } from "./frame_feed.ts";
import {
  demuxSegments,
  type InputChoice,
  type InputCounts,
  type InputEvent,
} from "./input_events.ts";
import { LiveEdge } from "./live_edge.ts";
import { ReadAhead } from "./read_ahead.ts";
import type { SessionOptions, StreamParams } from "../types.ts";

/** How far a live stream may be behind its input by default, in milliseconds. */
const MAX_BEHIND_MS = 2_000;

/** Options of a {@linkcode SessionInput}. */
export interface SessionInputOptions extends
  Pick<
    SessionOptions,
    "id" | "source" | "media" | "inputFound" | "pace" | "maxBehindMs"
  > {
  readonly clock: Clock;
}

/** The input of one session, and its end. */
export class SessionInput implements Disposable {
  /** Where the input is; undefined where it does not matter. */
  readonly edge: LiveEdge | undefined;
  /** How far a live stream may be behind it, in milliseconds. */
  readonly maxBehindMs: number;
  readonly #options: SessionInputOptions;
  readonly #counts: InputCounts;
  readonly #feed = new FrameFeed();
  readonly #choice: InputChoice = {};
  #ahead: ReadAhead | undefined;
  /** Whether anything was read. */
  wasSeen = false;

  /** Reads nothing yet; what is read is added to the counts. */
  constructor(options: SessionInputOptions, counts: InputCounts) {
    this.#options = options;
    this.#counts = counts;
    const { source, pace = "live", maxBehindMs = MAX_BEHIND_MS, clock } = options;
    this.maxBehindMs = maxBehindMs;
    const isFollowed = source !== undefined && pace === "live";
    if (isFollowed) this.edge = new LiveEdge(() => clock.now());
  }

  /** Whether frames come from the application. */
  get isFed(): boolean {
    return this.#options.source === undefined && this.#options.media === undefined;
  }

  /** What is read; iterated once. */
  get events(): AsyncIterable<InputEvent> {
    const { source, media } = this.#options;
    if (media !== undefined) return media.events;
    if (source === undefined) return this.#feed;
    const { clock } = this.#options;
    const events = demuxSegments(source, this.#counts, this.#choice);
    const { edge, maxBehindMs } = this;
    if (edge === undefined) return events;
    return this.#ahead = new ReadAhead({ events, edge, maxBehindMs, now: () => clock.now() });
  }

  /** Takes parameters of the stream: `program`, from the next bytes on. */
  applyParams({ program }: StreamParams): void {
    if (program !== undefined) this.#choice.program = program;
  }

  /** Takes a frame of the application; see `Session.sendFrame`. */
  async send(frame: VideoFrame | AudioFrame): Promise<FeedOutcome> {
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
    await this.#ahead?.[Symbol.asyncDispose]();
  }

  /** Gives up what nobody read. */
  [Symbol.dispose](): void {
    this.#feed[Symbol.dispose]();
  }
}
