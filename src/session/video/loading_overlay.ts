/**
 * When a stream shows its loading screen instead of frames, and what the screen says.
 *
 * @module
 */

import { ticksToSeconds } from "../../base/mod.ts";
import {
  fillRects,
  loadingScreen,
  overlayRects,
  pictureBytes,
  type PictureFormat,
  VideoFrame,
} from "../../frames/mod.ts";

/** What a stream shows while the processor is not ready, or hangs. */
export type OverlayMode =
  /** A dark picture with a message and a bar: nothing of the input. */
  | "progressbar"
  /** The input as it is. */
  | "passthrough"
  /** Nothing: frames wait for the processor, or are dropped. */
  | "off";

/** How the loading overlay of a live stream behaves. */
export interface OverlayOptions {
  /** @default "progressbar" */
  readonly mode?: OverlayMode;
  /** What the screen says until somebody says something else. @default "Loading..." */
  readonly message?: string;
  /**
   * How long frames come in while nothing comes out of the processor before the overlay is shown, in
   * milliseconds; twice as long as the processor takes for a frame where that is more. @default 1500
   */
  readonly afterMs?: number;
}

/** What a loading screen says from now on; what is absent stays as it is. */
export interface LoadingUpdate {
  /** The message; `\n` starts a new line. */
  readonly message?: string;
  /** From 0 to 1, and what is beyond counts as these; null: unknown. */
  readonly progress?: number | null;
}

/** Why the overlay is shown, or that it is not. */
export type OverlayState =
  | "hidden"
  /** Somebody wants it: frames do not go to the processor. */
  | "by-hand"
  /** The processor gives nothing: it keeps what it has, and the newest frame waits for it. */
  | "automatic";

/** Processors slower than `afterMs` are still seen: so many times their time passes first. */
const PATIENCE = 2;

/** The overlay of one stream. */
export class LoadingOverlay {
  /** What is shown. */
  readonly mode: OverlayMode;
  readonly #now: () => number;
  readonly #afterMs: number;
  readonly #usualMessage: string;
  #message: string;
  #progress: number | undefined;
  #state: OverlayState = "hidden";
  /** Hidden by hand, until something comes out of the processor. */
  #isSuppressed = false;
  /** Since when frames come in and nothing comes out. */
  #waitingSinceMs: number | undefined;
  #memory = new Uint8Array(0);

  /** Creates an overlay that is not shown. Throws a `RangeError` for a time below zero. */
  constructor(options: OverlayOptions, now: () => number = () => performance.now()) {
    const { mode = "progressbar", message = "Loading...", afterMs = 1_500 } = options;
    if (!(afterMs >= 0)) {
      throw new RangeError(`Cannot show the overlay after ${afterMs} ms: use a number from 0`);
    }
    this.mode = mode;
    this.#usualMessage = this.#message = message;
    this.#afterMs = afterMs;
    this.#now = now;
  }

  /** Whether it is shown, and why. */
  get state(): OverlayState {
    return this.mode === "off" ? "hidden" : this.#state;
  }

  /**
   * Changes what the screen says, until the next time that it was shown and is over. Throws a
   * `RangeError` for a progress that is not a number.
   */
  update(update: LoadingUpdate): void {
    checkLoadingUpdate(update);
    const { message, progress } = update;
    if (message !== undefined) this.#message = message;
    if (progress !== undefined) this.#progress = progress ?? undefined;
  }

  /** Shows it by hand; or hides it, then also what comes by itself until the processor answers. */
  show(isShown: boolean): void {
    this.#isSuppressed = !isShown && this.#state !== "hidden";
    this.#waitingSinceMs = undefined;
    if (isShown) this.#state = "by-hand";
    else this.#end();
  }

  /** A frame came in; `serviceMs` is how long the processor takes for one. */
  frameArrived(serviceMs: number): void {
    const now = this.#now();
    this.#waitingSinceMs ??= now;
    if (this.#state !== "hidden" || this.#isSuppressed) return;
    const waitedMs = now - this.#waitingSinceMs;
    if (waitedMs >= Math.max(this.#afterMs, PATIENCE * serviceMs)) this.#state = "automatic";
  }

  /** Something came out of the processor. */
  frameAnswered(): void {
    this.#waitingSinceMs = undefined;
    this.#isSuppressed = false;
    if (this.#state === "automatic" || (this.#state === "hidden" && this.#progress === 1)) {
      this.#end();
    }
  }

  /**
   * The loading screen as a frame at the time of another, `format` large. It holds nothing of that
   * frame. Its memory is used again by the next one.
   */
  screen(at: VideoFrame, format: PictureFormat): VideoFrame {
    const { pixelFormat, width, height, color } = format;
    const bytes = pictureBytes(pixelFormat, width, height);
    if (this.#memory.length !== bytes) this.#memory = new Uint8Array(bytes);
    const data = this.#memory;
    const seconds = ticksToSeconds(at.timestamp, at.timeBase);
    const overlay = loadingScreen({
      width,
      height,
      message: this.#message,
      progress: this.#progress,
      seconds,
    });
    fillRects({ pixelFormat, data, width, height, color }, overlayRects(overlay));
    const { timestamp: ptsTicks, timeBase } = at;
    return new VideoFrame({ pixelFormat, data, width, height, color, ptsTicks, timeBase });
  }

  #end(): void {
    this.#state = "hidden";
    this.#message = this.#usualMessage;
    this.#progress = undefined;
  }
}

/** Throws a `RangeError` for a progress that is not a number. */
export function checkLoadingUpdate({ progress }: LoadingUpdate): void {
  if (typeof progress !== "number" || !Number.isNaN(progress)) return;
  throw new RangeError(`Cannot show a progress of ${progress}: use a number from 0 to 1`);
}
