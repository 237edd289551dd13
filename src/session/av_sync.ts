/**
 * Keeps audio and video together at the output (specs/MEDIA.md, "Frame selection and A/V sync").
 *
 * @module
 */

import type { Packet } from "../media/types.ts";

/** The most audio packets that wait for the first video frame. */
export const MAX_HELD_AUDIO_PACKETS = 100;
/** The longest that audio waits for the first video frame, in milliseconds. */
export const MAX_AUDIO_WAIT_MS = 2_000;
/** How far video may fall behind audio before frames are dropped, in ticks of 90 kHz: two seconds. */
export const MAX_VIDEO_LAG_TICKS = 180_000;

/** Options of an {@linkcode AvSync}. */
export interface AvSyncOptions {
  /** Whether the stream has video that audio should wait for. */
  readonly waitForVideo: boolean;
  /** Whether audio may be dropped while it waits, and video when it lags. */
  readonly live: boolean;
  /** The current time in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/**
 * Holds audio back until the first video frame was written, so that no output segment opens with audio
 * alone, and tells when video lags so far behind audio that it should be dropped to catch up. All
 * ticks are 90 kHz.
 */
export class AvSync {
  readonly #live: boolean;
  readonly #now: () => number;
  #waiting: boolean;
  #held: Packet[] = [];
  #heldSinceMs: number | undefined;
  #droppedAudio = 0;
  #audioInTicks: number | undefined;
  #videoInTicks: number | undefined;
  #audioOutTicks: number | undefined;

  /** Creates the state for one stream. */
  constructor(options: AvSyncOptions) {
    this.#waiting = options.waitForVideo;
    this.#live = options.live;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Audio packets that were dropped while they waited for video. */
  get droppedAudio(): number {
    return this.#droppedAudio;
  }

  /** Notes the newest input timestamp, from which the source's own offset between the two is known. */
  noteInput(kind: "audio" | "video", ptsTicks: number): void {
    if (kind === "audio") this.#audioInTicks = ptsTicks;
    else this.#videoInTicks = ptsTicks;
  }

  /** Forgets timestamps after the source's clock jumped. */
  reset(): void {
    this.#audioInTicks = this.#videoInTicks = this.#audioOutTicks = undefined;
  }

  /** Takes an audio packet that is ready and returns those to write now, oldest first. */
  offerAudio(packet: Packet): Packet[] {
    if (!this.#waiting) {
      this.#audioOutTicks = packet.ptsTicks;
      return [packet];
    }
    this.#heldSinceMs ??= this.#now();
    this.#held.push(packet);
    if (!this.#live) return [];
    if (this.#held.length > MAX_HELD_AUDIO_PACKETS) {
      this.#held.shift();
      this.#droppedAudio++;
    }
    return this.#now() - this.#heldSinceMs >= MAX_AUDIO_WAIT_MS ? this.#release() : [];
  }

  /** Notes that a video frame was written; returns the audio that waited for it. */
  videoWritten(): Packet[] {
    return this.#waiting ? this.#release() : [];
  }

  /** Nothing is waited for any more: the stream has no video, or it ends. Returns what waited. */
  release(): Packet[] {
    return this.#release();
  }

  /**
   * Whether a video frame lags more than two seconds behind the audio that was written, apart from the
   * offset that the source itself has between the two.
   */
  isLate(videoPtsTicks: number): boolean {
    if (!this.#live || this.#audioOutTicks === undefined) return false;
    const sourceOffset = (this.#audioInTicks ?? 0) -
      (this.#videoInTicks ?? this.#audioInTicks ?? 0);
    const lag = this.#audioOutTicks - videoPtsTicks - Math.max(0, sourceOffset);
    return lag > MAX_VIDEO_LAG_TICKS;
  }

  #release(): Packet[] {
    this.#waiting = false;
    const held = this.#held;
    this.#held = [];
    const last = held.at(-1);
    if (last !== undefined) this.#audioOutTicks = last.ptsTicks;
    return held;
  }
}
