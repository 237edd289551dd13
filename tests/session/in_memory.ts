/** A source and a sink without a network, which do what a test says. */

import { BoundedQueue } from "../../src/base/mod.ts";
import type {
  InputSegment,
  SegmentSink,
  SegmentSource,
  SegmentWriter,
} from "../../src/trickle/mod.ts";

/** Bytes that arrive at once, as from a socket. */
const CHUNK_BYTES = 16_384;

/** How one segment arrives. */
export interface FedSegment {
  /** Segments missing before it. @default 0 */
  readonly skipped?: number;
  /** What its body throws after the last byte. @default it ends */
  readonly breaksWith?: Error;
  /** Whether its rest was lost on the way. @default false */
  readonly isTruncated?: boolean;
}

/** A channel that a test writes. */
export class MemorySource implements SegmentSource {
  readonly #segments = new BoundedQueue<InputSegment>({ capacity: 1_000, whenFull: "wait" });
  #seq = 0;
  /** Whether the session has given the source back. */
  disposed = false;

  /** Adds segments that are whole. */
  async feed(segments: readonly Uint8Array[]): Promise<void> {
    for (const bytes of segments) await this.feedSegment(bytes);
  }

  /** Adds a segment. */
  async feedSegment(bytes: Uint8Array, options: FedSegment = {}): Promise<void> {
    const { skipped = 0, breaksWith, isTruncated = false } = options;
    this.#seq += skipped;
    await this.#segments.push({
      seq: this.#seq++,
      skipped,
      contentType: "video/mp2t",
      isTruncated,
      body: body(bytes, breaksWith),
    });
  }

  /** Ends the channel. */
  end(): void {
    this.#segments.close();
  }

  /** Fails as a subscriber does when it gives up. */
  fail(error: Error): void {
    this.#segments.fail(error);
  }

  [Symbol.asyncIterator](): AsyncIterator<InputSegment> {
    return this.#segments[Symbol.asyncIterator]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    this.#segments.close();
    this.#segments.clear();
    return Promise.resolve();
  }
}

async function* body(bytes: Uint8Array, breaksWith?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    yield await Promise.resolve(bytes.subarray(at, at + CHUNK_BYTES));
  }
  if (breaksWith !== undefined) throw breaksWith;
}

/** One segment as a {@linkcode MemorySink} took it. */
export interface TakenSegment {
  readonly seq: number;
  readonly bytes: Uint8Array[];
  outcome: "open" | "closed" | "abandoned";
}

/** What a test does to a {@linkcode MemorySink}. */
export interface SinkScript {
  /** Called before a writer is given; may throw or wait. */
  readonly onNext?: (seq: number) => Promise<void> | void;
  /** Called before bytes are taken; may throw or wait. `write` counts from 0 in each segment. */
  readonly onWrite?: (seq: number, write: number) => Promise<void> | void;
  /** Called when a segment is closed; may throw. */
  readonly onClose?: (seq: number) => void;
}

/** A channel that a test reads. */
export class MemorySink implements SegmentSink {
  readonly segments: TakenSegment[] = [];
  /** Whether the channel was ended. */
  closed = false;
  /** Whether the session has given the sink back. */
  disposed = false;
  readonly #script: SinkScript;

  readonly #ended = Promise.withResolvers<never>();

  constructor(script: SinkScript = {}) {
    this.#script = script;
    this.#ended.promise.catch(() => {}); // rejects next(), if that waits
  }

  /** The bytes of the segments that were closed. */
  get whole(): Uint8Array[] {
    return this.segments.filter(({ outcome }) => outcome === "closed").map(bytesOf);
  }

  async next(): Promise<SegmentWriter> {
    const seq = this.segments.length;
    const segment: TakenSegment = { seq, bytes: [], outcome: "open" };
    this.segments.push(segment);
    await Promise.race([this.#script.onNext?.(seq), this.#ended.promise]);
    let writes = 0;
    const givenUp = Promise.withResolvers<never>();
    givenUp.promise.catch(() => {}); // rejects writes, if there are any
    return {
      seq,
      write: async (bytes) => {
        await Promise.race([this.#script.onWrite?.(seq, writes++), givenUp.promise]);
        segment.bytes.push(bytes);
      },
      close: () =>
        Promise.try(() => {
          this.#script.onClose?.(seq);
          segment.outcome = "closed";
        }),
      abandon: () => {
        segment.outcome = "abandoned";
        givenUp.reject(new Error(`Segment ${seq} was abandoned`));
        return Promise.resolve();
      },
    };
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    this.#ended.reject(new Error("The sink was ended"));
    return Promise.resolve();
  }
}

function bytesOf({ bytes }: TakenSegment): Uint8Array {
  const all = new Uint8Array(bytes.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of bytes) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
