/**
 * Reads a live input as it comes, whatever becomes of it afterwards: so it is known when each picture
 * arrived, and how far the decoder is behind.
 *
 * @module
 */

import type { InputEvent } from "./input_events.ts";
import type { LiveEdge } from "./live_edge.ts";

/** Bytes of pictures and sound that may wait; past that the channel is not read on. */
const MAX_WAITING_BYTES = 32 * 2 ** 20;

/** Options of a {@linkcode ReadAhead}. */
export interface ReadAheadOptions {
  /** What is read, from the first iteration on. */
  readonly events: AsyncIterable<InputEvent>;
  readonly edge: LiveEdge;
  /** How much later than the oldest that waits another may come, in milliseconds. */
  readonly maxBehindMs: number;
  /** The time in milliseconds. */
  readonly now: () => number;
}

/** An event, and when it came. */
interface Arrival {
  readonly event: InputEvent;
  readonly atMs: number;
}

/**
 * The same events, each as soon as it is asked for. Where pictures wait for longer than they may, and a
 * newer keyframe is there, those before the newest keyframe are left out: a `behind` event takes their place.
 * Sound is never left out. Iterated once.
 */
export class ReadAhead implements AsyncIterable<InputEvent> {
  readonly #options: ReadAheadOptions;
  #waiting: Arrival[] = [];
  #bytes = 0;
  #end: { readonly error?: unknown } | undefined;
  #changed = Promise.withResolvers<void>();
  #reading: Promise<void> | undefined;
  #isClosed = false;

  /** Reads nothing before it is iterated. */
  constructor(options: ReadAheadOptions) {
    this.#options = options;
  }

  /** Hands on what was read, and throws at the end what reading threw. */
  async *[Symbol.asyncIterator](): AsyncGenerator<InputEvent> {
    this.#reading ??= this.#read();
    try {
      for (;;) {
        this.#leaveOut();
        const arrival = this.#waiting.shift();
        if (arrival !== undefined) {
          this.#bytes -= sizeOf(arrival.event);
          this.#wake();
          yield withArrival(arrival);
        } else if (this.#end !== undefined) {
          if (this.#end.error !== undefined) throw this.#end.error;
          return;
        } else await this.#changed.promise;
      }
    } finally {
      this.#close();
    }
  }

  /** Waits for the end of what is read, which its owner ends, and gives up what nobody took. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    await this.#reading;
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    const { events, edge, now } = this.#options;
    try {
      for await (const event of events) {
        if (this.#isClosed) break;
        if (event.kind === "packet" && event.stream === "video") edge.arrived(event.packet);
        this.#waiting.push({ event, atMs: now() });
        this.#bytes += sizeOf(event);
        this.#wake();
        while (this.#bytes > MAX_WAITING_BYTES && !this.#isClosed) await this.#changed.promise;
      }
      this.#end = {};
    } catch (error) {
      this.#end = { error };
    }
    this.#wake();
  }

  #close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#bytes = 0;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /**
   * Leaves out the pictures before the newest keyframe, where more came for too long while the oldest waited.
   * However much comes at once is no reason to.
   */
  #leaveOut(): void {
    const { maxBehindMs, now } = this.#options;
    const waitedMs = (this.#waiting.at(-1)?.atMs ?? 0) - (this.#waiting[0]?.atMs ?? 0);
    if (waitedMs <= maxBehindMs) return;
    const newest = this.#waiting.findLastIndex(({ event }) => isPicture(event, "keyframe"));
    const left = this.#waiting.slice(0, Math.max(0, newest)).filter(({ event }) =>
      isPicture(event)
    );
    if (left.length === 0) return;
    const event: InputEvent = { kind: "behind", pictures: left.length };
    const rest = this.#waiting.filter((arrival) => !left.includes(arrival));
    rest.splice(rest.indexOf(this.#waiting[newest]!), 0, { event, atMs: now() });
    this.#waiting = rest;
    for (const { event } of left) this.#bytes -= sizeOf(event);
    this.#wake();
  }
}

function isPicture(event: InputEvent, kind?: "keyframe"): boolean {
  if (event.kind !== "packet" || event.stream !== "video") return false;
  return kind === undefined || event.packet.keyframe;
}

function sizeOf(event: InputEvent): number {
  return event.kind === "packet" ? event.packet.data.byteLength : 0;
}

function withArrival({ event, atMs }: Arrival): InputEvent {
  return event.kind === "packet" ? { ...event, arrivedMs: atMs } : event;
}
