/**
 * One channel: a ring of five segments and the rules of TRICKLE.md sections 4 and 6, with section
 * 11's "our server" column where the reference has a quirk. Nothing here knows of HTTP.
 *
 * @module
 */

import type { TrickleLimits } from "./limits.ts";
import type { ClientId, MemoryHolder, MemoryPool } from "./access/memory_pool.ts";
import { SegmentBuffer, worstAllocation } from "./segment_buffer.ts";
import { INDEX_CURRENT, INDEX_NEXT } from "../protocol.ts";

/** Segments that a channel keeps (section 6.1). */
export const RING_SIZE = 5;

/** What became of bytes handed to {@linkcode Channel.write}. */
export type WriteOutcome =
  /** Readers can have them. */
  | "stored"
  /** The segment was closed by someone else: they go nowhere (Q11). */
  | "dropped"
  /** They would go beyond a limit: the segment is closed now (Q16). */
  | "segment-full"
  | "memory-full";

/** What a channel needs of its server. */
export interface ChannelContext {
  readonly limits: TrickleLimits;
  readonly pool: MemoryPool;
  /** Milliseconds of the server's clock. */
  readonly now: () => number;
  readonly figures: ServerFigures;
}

/** What a server counts. */
export interface ServerFigures {
  /** Requests begun. */
  requests: number;
  /** Bytes that publishers sent, those that nobody could have included. */
  receivedBytes: number;
  /** Readers that lost their segment to the memory limits. */
  cutReaders: number;
}

/** A channel of a trickle server. */
export class Channel implements Disposable, MemoryHolder {
  /** Its name, percent-decoded. */
  readonly name: string;
  /** Its media type, fixed at creation; "" when none was given. */
  readonly mime: string;
  readonly #context: ChannelContext;
  readonly #ring: (SegmentBuffer | undefined)[] = new Array(RING_SIZE);
  /** Segments that left the ring while someone was still reading them, oldest first. */
  readonly #detached = new Set<SegmentBuffer>();
  readonly #leavePool: () => void;
  #client: ClientId;
  #next = 0;
  #lastWriteMs: number;
  #heldBytes = 0;
  #closed = false;

  /** Creates an empty channel. */
  constructor(name: string, mime: string, context: ChannelContext) {
    this.name = name;
    this.mime = mime;
    this.#context = context;
    this.#lastWriteMs = context.now();
    this.#leavePool = context.pool.add(this);
  }

  /** `NEXT`: one past the most recent segment whose data started. */
  get next(): number {
    return this.#next;
  }

  /** When it was created or last written, on the server's clock. */
  get lastWriteMs(): number {
    return this.#lastWriteMs;
  }

  /** Whether the channel has ended. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Memory that its segments hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whose memory its segments are: who was the last to write a byte. */
  get client(): ClientId {
    return this.#client;
  }

  /** Finds or installs the segment that a POST writes to. `index` is -1 or at least 0. */
  openForWrite(index: number): SegmentBuffer {
    const resolved = index === INDEX_NEXT ? this.#next : index;
    return this.#inRing(resolved) ?? this.#install(resolved);
  }

  /**
   * Finds the segment that a GET reads, or installs the one that comes next; undefined: status 470.
   */
  openForRead(index: number): SegmentBuffer | undefined {
    let resolved = index;
    if (index === INDEX_NEXT) resolved = this.#next;
    if (index === INDEX_CURRENT) resolved = Math.max(0, this.#next - 1);
    const found = this.#inRing(resolved);
    if (found !== undefined) return found;
    const isAhead = resolved === this.#next || (this.#next === 0 && resolved === 1);
    return isAhead && !this.#closed ? this.#install(resolved) : undefined;
  }

  /** Adds a client's bytes to a segment, moving `NEXT` at its first byte (section 4, Q10, Q11, Q16). */
  write(segment: SegmentBuffer, bytes: Uint8Array, client?: ClientId): WriteOutcome {
    this.#context.figures.receivedBytes += bytes.byteLength;
    if (segment.closed) return "dropped";
    const { limits, pool } = this.#context;
    if (segment.byteLength + bytes.byteLength > limits.maxSegmentBytes) {
      this.finish(segment);
      return "segment-full";
    }
    const worst = worstAllocation(bytes.byteLength, segment.allocatedBytes);
    this.#belongTo(client);
    const wish = { bytes: worst, client, keep: segment };
    if (!this.#makeRoom(worst, segment) || !pool.makeRoom(wish)) {
      this.finish(segment);
      return "memory-full";
    }
    this.#startAt(segment);
    const before = segment.allocatedBytes;
    segment.append(bytes);
    this.#count(segment.allocatedBytes - before);
    return "stored";
  }

  /**
   * The clean end of a POST, with or without bytes: closes the segment. Never lowers `NEXT` (Q5,
   * Q6).
   */
  finish(segment: SegmentBuffer): void {
    segment.close();
    if (this.#closed) return;
    this.#lastWriteMs = this.#context.now();
    if (segment.index >= this.#next) this.#moveNext(segment.index + 1);
  }

  /**
   * Closes a segment by index, keeping its bytes. False when the ring does not hold it. The edge is closed
   * also where nobody has come to it yet: a reader that came later would wait for what will never be.
   */
  deleteSegment(index: number): boolean {
    const segment = this.#inRing(index);
    if (segment === undefined && index !== this.#next) return false;
    segment?.close();
    // Q9: a waiting edge without a publisher would send its readers round in circles.
    if (index === this.#next) this.#moveNext(index + 1);
    return true;
  }

  /** Closes every segment of the ring below `index` (section 6.9). */
  resetBelow(index: number): void {
    for (const segment of this.#ring) {
      if (segment !== undefined && segment.index < index) segment.close();
    }
  }

  /** Counts a reader in: its segment stays alive until {@linkcode detachReader}. */
  attachReader(segment: SegmentBuffer): void {
    segment.readers++;
  }

  /** Counts a reader out. */
  detachReader(segment: SegmentBuffer): void {
    segment.readers--;
    if (segment.readers === 0 && this.#detached.delete(segment)) this.#release(segment);
  }

  cutSlowReaders(): boolean {
    for (const segment of this.#detached) {
      if (segment.allocatedBytes === 0) continue;
      this.#detached.delete(segment);
      this.#context.figures.cutReaders += segment.readers;
      this.#release(segment);
      return true;
    }
    return false;
  }

  dropOldest(keep: SegmentBuffer, alsoOpen: boolean): boolean {
    let oldest: SegmentBuffer | undefined;
    for (const segment of this.#ring) {
      if (segment === undefined || segment === keep || segment.byteLength === 0) continue;
      if (!segment.closed && !alsoOpen) continue;
      if (oldest === undefined || segment.index < oldest.index) oldest = segment;
    }
    if (oldest === undefined) return false;
    this.#evict(oldest.index % RING_SIZE);
    return true;
  }

  /** Ends the channel: all its segments close, and nothing is kept but what is still being read. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    for (let slot = 0; slot < RING_SIZE; slot++) this.#evict(slot);
    this.#leavePoolWhenIdle();
  }

  #inRing(index: number): SegmentBuffer | undefined {
    const segment = this.#ring[index % RING_SIZE];
    return segment?.index === index ? segment : undefined;
  }

  #install(index: number): SegmentBuffer {
    const slot = index % RING_SIZE;
    this.#evict(slot);
    const segment = new SegmentBuffer(index, index < this.#next);
    // A POST that arrives as the channel closes gets a segment that is closed already.
    if (this.#closed) segment.close();
    else this.#ring[slot] = segment;
    return segment;
  }

  #evict(slot: number): void {
    const segment = this.#ring[slot];
    if (segment === undefined) return;
    this.#ring[slot] = undefined;
    segment.close(); // Q7: whoever follows it is released, on every eviction.
    if (segment.readers > 0) this.#detached.add(segment);
    else this.#release(segment);
  }

  #startAt(segment: SegmentBuffer): void {
    this.#lastWriteMs = this.#context.now();
    const isFirst = segment.byteLength === 0;
    const past = segment.index + 1;
    // Section 6.10: a restarted publisher moves NEXT down; Q10: mere reverse order does not.
    if (past > this.#next || (isFirst && segment.restart)) this.#moveNext(past);
  }

  #moveNext(next: number): void {
    this.#next = next;
    for (;;) {
      const edge = this.#inRing(this.#next);
      if (edge === undefined || !edge.closed || edge.byteLength > 0) return;
      this.#next++;
    }
  }

  #makeRoom(bytes: number, keep: SegmentBuffer): boolean {
    while (this.#heldBytes + bytes > this.#context.limits.maxChannelBytes) {
      if (!this.cutSlowReaders() && !this.dropOldest(keep, false)) return false;
    }
    return true;
  }

  #belongTo(client: ClientId): void {
    if (client === this.#client) return;
    this.#context.pool.count(-this.#heldBytes, this.#client);
    this.#client = client;
    this.#context.pool.count(this.#heldBytes, client);
  }

  #release(segment: SegmentBuffer): void {
    this.#count(-segment.allocatedBytes);
    segment.discard();
    this.#leavePoolWhenIdle();
  }

  #leavePoolWhenIdle(): void {
    if (this.#closed && this.#detached.size === 0) this.#leavePool();
  }

  #count(bytes: number): void {
    this.#heldBytes += bytes;
    this.#context.pool.count(bytes, this.#client);
  }
}
