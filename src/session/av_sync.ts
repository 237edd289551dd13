/**
 * Keeps audio and video together at the output (specs/MEDIA.md, "Frame selection and A/V sync").
 *
 * @module
 */

import { TICKS_PER_SECOND } from "../base/rational.ts";
import type { Packet } from "../media/types.ts";
import { JumpingClock } from "./jumping_clock.ts";

/** The most audio packets that wait for the first video frame. */
export const MAX_HELD_AUDIO_PACKETS = 100;
/** The longest that audio waits for the first video frame, in milliseconds. */
export const MAX_AUDIO_WAIT_MS = 2_000;
/** How far video may fall behind audio before frames are dropped, in ticks of 90 kHz: two seconds. */
export const MAX_VIDEO_LAG_TICKS = 2 * TICKS_PER_SECOND;
/** A frame that has not been here for so long, in milliseconds, came with a burst of the input. */
const MIN_VIDEO_LAG_MS = 2_000;
/** The most frames whose arrival is remembered while they are decoded. */
const MAX_TRACKED_FRAMES = 512;
/** A longer pause of one stream may be a jump of the clock: a second, in ticks of 90 kHz. */
const MAX_PAUSE_TICKS = TICKS_PER_SECOND;
/** How long after a jump of one stream's clock that of the other must have followed, in milliseconds. */
export const MAX_JUMP_APART_MS = 10_000;

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
  /** When the audio began. */
  #waitingSinceMs: number | undefined;
  #droppedAudio = 0;
  #audioInTicks: number | undefined;
  #videoInTicks: number | undefined;
  readonly #audioOut = new JumpingClock(MAX_PAUSE_TICKS);
  readonly #videoOut = new JumpingClock(MAX_PAUSE_TICKS);
  /** When the frames came that are not decoded yet, in milliseconds. */
  readonly #arrivals = new Map<number, number>();
  #hasAudioOut = false;
  #jumpedMs = -Infinity;

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
    if (kind === "audio") {
      this.#audioInTicks = ptsTicks;
      this.#waitingSinceMs ??= this.#now();
      return;
    }
    this.#videoInTicks = ptsTicks;
    this.#arrivals.delete(ptsTicks);
    this.#arrivals.set(ptsTicks, this.#now());
    const [oldest] = this.#arrivals.keys();
    if (this.#arrivals.size > MAX_TRACKED_FRAMES) this.#arrivals.delete(oldest!);
  }

  /** The source's clock jumps here: forgets its times before. */
  reset(): void {
    this.#audioInTicks = this.#videoInTicks = undefined;
    this.#hasAudioOut = false;
  }

  /** Takes an audio packet that is ready and returns those to write now, oldest first. */
  offerAudio(packet: Packet): Packet[] {
    if (!this.#waiting) {
      this.#noteAudio(packet);
      return [packet];
    }
    this.#waitingSinceMs ??= this.#now();
    this.#held.push(packet);
    if (!this.#live) return [];
    if (this.#held.length > MAX_HELD_AUDIO_PACKETS) {
      this.#held.shift();
      this.#droppedAudio++;
    }
    return this.#now() - this.#waitingSinceMs >= MAX_AUDIO_WAIT_MS ? this.#release() : [];
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
   * offset that the source itself has between the two. Call it once per frame, in display order.
   *
   * Copied audio of an input that comes in bursts is out at once: only a frame that is here for two seconds
   * itself is late. Where a clock has jumped, what is on its way has times from before and after: nothing
   * is late before both streams are past the jump.
   */
  isLate(videoPtsTicks: number): boolean {
    this.#note(this.#videoOut, videoPtsTicks);
    const arrivedMs = this.#arrivals.get(videoPtsTicks) ?? -Infinity;
    this.#arrivals.delete(videoPtsTicks);
    if (this.#now() - arrivedMs < MIN_VIDEO_LAG_MS) return false;
    const audioTicks = this.#audioOut.lastTicks;
    if (!this.#live || audioTicks === undefined || !this.#hasAudioOut) return false;
    if (!this.#haveOneClock()) return false;
    const sourceOffset = (this.#audioInTicks ?? 0) -
      (this.#videoInTicks ?? this.#audioInTicks ?? 0);
    const lag = audioTicks - videoPtsTicks - Math.max(0, sourceOffset);
    return lag > MAX_VIDEO_LAG_TICKS;
  }

  #noteAudio({ ptsTicks }: Packet): void {
    this.#note(this.#audioOut, ptsTicks);
    this.#hasAudioOut = true;
  }

  #note(clock: JumpingClock, ticks: number): void {
    const before = clock.epoch;
    if (clock.note(ticks) !== before) this.#jumpedMs = this.#now();
  }

  /** A stream may jump alone: it paused, or a jump of the other was lost with its frames. */
  #haveOneClock(): boolean {
    if (this.#audioOut.epoch === this.#videoOut.epoch) return true;
    if (this.#now() - this.#jumpedMs < MAX_JUMP_APART_MS) return false;
    this.#audioOut.follow(this.#videoOut);
    return true;
  }

  #release(): Packet[] {
    this.#waiting = false;
    const held = this.#held;
    this.#held = [];
    for (const packet of held) this.#noteAudio(packet);
    return held;
  }
}
