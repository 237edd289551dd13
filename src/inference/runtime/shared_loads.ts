/**
 * Values that take long to load and are shared: callers at the same time share one load, holders share
 * one value, and it is disposed of with its last holder.
 *
 * @module
 */

/** How something is asked for. */
export interface AcquireOptions<Value, Progress> {
  /** Ends the wait; the load goes on while other callers wait for it. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Called for the first caller. */
  readonly load: (context: {
    readonly signal: AbortSignal;
    readonly onProgress: (progress: Progress) => void;
  }) => Promise<Value>;
}

/** What is held. */
export interface Held<Value> {
  readonly core: Value;
  /** Gives it back; call it once. */
  readonly release: () => Promise<void>;
}

interface Entry<Value, Progress> {
  readonly loading: Promise<Value>;
  readonly abort: AbortController;
  readonly listeners: Set<(progress: Progress) => void>;
  holders: number;
}

/** Shared values by key. */
export class SharedLoads<Value, Progress> {
  readonly #entries = new Map<string, Entry<Value, Progress>>();
  readonly #dispose: (value: Value) => Promise<void>;

  /** `dispose` is called for a value that has lost its last holder. */
  constructor(dispose: (value: Value) => Promise<void>) {
    this.#dispose = dispose;
  }

  /**
   * Resolves to the value of a key. Rejects with the error of its load, or with the signal's
   * reason.
   */
  async acquire(key: string, options: AcquireOptions<Value, Progress>): Promise<Held<Value>> {
    const entry = this.#entries.get(key) ?? this.#start(key, options.load);
    const { onProgress } = options;
    entry.holders++;
    if (onProgress !== undefined) entry.listeners.add(onProgress);
    try {
      const core = await unlessAborted(entry.loading, options.signal);
      return { core, release: () => this.#release(key, entry) };
    } catch (error) {
      await this.#release(key, entry);
      throw error;
    } finally {
      if (onProgress !== undefined) entry.listeners.delete(onProgress);
    }
  }

  #start(
    key: string,
    load: AcquireOptions<Value, Progress>["load"],
  ): Entry<Value, Progress> {
    const abort = new AbortController();
    const listeners = new Set<(progress: Progress) => void>();
    const onProgress = (progress: Progress): void => {
      for (const listener of listeners) listener(progress);
    };
    const loading = load({ signal: abort.signal, onProgress });
    const entry = { loading, abort, listeners, holders: 0 };
    this.#entries.set(key, entry);
    loading.catch(() => this.#forget(key, entry)); // A failed load is not remembered.
    return entry;
  }

  async #release(key: string, entry: Entry<Value, Progress>): Promise<void> {
    if (--entry.holders > 0) return;
    this.#forget(key, entry);
    entry.abort.abort();
    let value: Value;
    try {
      value = await entry.loading;
    } catch {
      return; // Those that waited for it have the error.
    }
    await this.#dispose(value);
  }

  #forget(key: string, entry: Entry<Value, Progress>): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}

async function unlessAborted<Value>(
  loading: Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (signal === undefined) return await loading;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([loading, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
