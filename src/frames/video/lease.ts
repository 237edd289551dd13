/**
 * Who still uses a frame's pixels. Frames made from one another may share them; the memory goes back
 * to its pool when the last one is closed.
 *
 * @module
 */

import { roomLogger } from "../../base/log.ts";

const log = roomLogger("frames");

/** How many frames are in use, and how many were forgotten. */
export interface FrameCounts {
  /** Frames that hold pooled memory and are not closed yet. */
  readonly open: number;
  /** Frames that were collected as garbage without a `close()`: their memory never went back. */
  readonly leaked: number;
}

/** What a frame holds. It must not refer to the frame. */
export interface Holding {
  /** The frame was collected as garbage without `close()`. */
  forget(): void;
}

let open = 0;
let leaked = 0;
let leakHook: ((leaked: number) => void) | undefined;

const registry = new FinalizationRegistry<Holding>((holding) => {
  open--;
  leaked++;
  holding.forget();
  if (leaked === 1) {
    log.warn(
      "A frame was never closed, so its memory did not go back: close() frames, or use `using`",
    );
  }
  leakHook?.(leaked);
});

/** The counts over the whole process, for metrics. */
export function frameCounts(): FrameCounts {
  return { open, leaked };
}

/**
 * Calls `hook` with the number of leaked frames each time one more is found; `undefined` ends that.
 * When a leak is found is up to the garbage collector.
 */
export function onFrameLeak(hook: ((leaked: number) => void) | undefined): void {
  leakHook = hook;
}

/** Counts a frame as open; its loss without {@linkcode countClosed} is counted as a leak. */
export function countOpen(frame: object, holding: Holding): void {
  open++;
  registry.register(frame, holding, frame);
}

/** Counts a frame as closed. */
export function countClosed(frame: object): void {
  registry.unregister(frame);
  open--;
}

/** What happens to memory once it has no holder. */
export interface LeaseOptions {
  /** Takes the memory back. */
  readonly release: () => void;
  /**
   * The last holder was collected, not closed. The memory may still be read, so it cannot be used again.
   * @default nothing: the garbage collector frees it
   */
  readonly forget?: () => void;
}

/** A reference count: memory goes back once, when its last holder releases it. */
export class Lease {
  readonly #options: LeaseOptions;
  #holders = 1;
  #isForgotten = false;

  /** Creates a lease with one holder. */
  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Adds a holder, and returns the lease. */
  hold(): this {
    this.#holders++;
    return this;
  }

  /** Removes a holder; the last one gives the memory back. */
  drop(): void {
    if (--this.#holders > 0) return;
    if (this.#isForgotten) this.#options.forget?.();
    else this.#options.release();
  }

  /** Removes a holder that was never closed. */
  forget(): void {
    this.#isForgotten = true;
    this.drop();
  }
}
