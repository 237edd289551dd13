/**
 * Who still uses a frame's pixels. Frames made from one another may share them; the buffer goes back
 * to its pool when the last one is closed.
 *
 * @module
 */

/** How many frames are in use, and how many were forgotten. */
export interface FrameCounts {
  /** Frames with a `release` that are not closed yet. */
  readonly open: number;
  /** Frames that were collected as garbage without a `close()`: their buffers never went back. */
  readonly leaked: number;
}

let open = 0;
let leaked = 0;
let leakHook: ((leaked: number) => void) | undefined;

const registry = new FinalizationRegistry<void>(() => {
  open--;
  leaked++;
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

/** A buffer that goes back once, when the last of its holders lets go of it. */
export class BufferLease {
  readonly #release: () => void;
  #holders = 0;

  /** Creates a lease without holders. */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** Adds a holder. Its loss without {@linkcode drop} is counted as a leak. */
  hold(holder: object): void {
    this.#holders++;
    open++;
    registry.register(holder, undefined, holder);
  }

  /** Removes a holder, and gives the buffer back when it was the last one. */
  drop(holder: object): void {
    registry.unregister(holder);
    open--;
    if (--this.#holders === 0) this.#release();
  }
}
