/**
 * Reads the body of one segment into the buffer, and goes on where it broke off: TRICKLE.md section
 * 8.6.
 *
 * @module
 */

import { describeError, roomLogger } from "../../base/mod.ts";
import { type Clock, pause } from "../clock.ts";
import { discardBody, type TransportResponse } from "../transport/transport.ts";
import { SAME_INDEX_DELAY_MS } from "./missing_segment.ts";
import type { ReceiveBuffer, ReceivedSegment } from "./receive_buffer.ts";
import type { FoundSegment, SegmentLocator } from "./segment_locator.ts";
import type { MutableSubscriberStats, SubscriberSettings } from "./subscriber_options.ts";

const log = roomLogger("trickle");

/** What a download works with. */
export interface DownloadContext {
  readonly locator: SegmentLocator;
  readonly buffer: ReceiveBuffer;
  readonly settings: SubscriberSettings;
  readonly stats: MutableSubscriberStats;
  readonly signal: AbortSignal;
}

/** Reads a segment to its end, or until nobody wants it any more. Never rejects. */
export async function downloadSegment(
  found: FoundSegment,
  context: DownloadContext,
): Promise<void> {
  const { settings, stats, locator, signal } = context;
  const download = new Download(found, context);
  let response: TransportResponse | undefined = found.response;
  let known = 0;
  let fruitless = 0;
  while (response !== undefined && !(await download.copy(response))) {
    settings.transport.renew();
    fruitless = download.receivedBytes > known ? 0 : fruitless + 1;
    known = download.receivedBytes;
    if (fruitless > settings.maxRetries) response = undefined;
    else {
      if (fruitless > 0) await pause(settings.clock, SAME_INDEX_DELAY_MS, signal);
      response = await locator.refetch(found.seq, signal);
    }
    if (response !== undefined) stats.recoveredBodies++;
  }
  download.finish(response !== undefined);
}

/** How far a download has come. */
class Download {
  readonly #found: FoundSegment;
  readonly #context: DownloadContext;
  #segment: ReceivedSegment | undefined;
  /** Bytes of the segment that came, each counted once. */
  receivedBytes = 0;

  constructor(found: FoundSegment, context: DownloadContext) {
    this.#found = found;
    this.#context = context;
  }

  /** Copies what was not received yet. False when the body broke off. */
  async copy(response: TransportResponse): Promise<boolean> {
    if (response.body === null) return true;
    const { settings, signal } = this.#context;
    const reader = response.body.getReader();
    const watch = new SilenceWatch(settings.clock, settings.bodyRefreshMs, () => {
      reader.cancel().catch(logBroken);
    });
    let known = this.receivedBytes;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        watch.touch();
        if (done) return !watch.fired;
        const fresh = value.subarray(Math.min(known, value.byteLength));
        known -= value.byteLength - fresh.byteLength;
        if (fresh.byteLength > 0 && !(await this.#deliver(fresh))) {
          await reader.cancel().catch(logBroken);
          return true;
        }
        watch.touch();
      }
    } catch (error) {
      if (signal.aborted) return true;
      logBroken(error);
      return false;
    } finally {
      watch.stop();
    }
  }

  /** Ends the segment; `isWhole` is false where its rest was lost. */
  finish(isWhole: boolean): void {
    const { buffer, stats } = this.#context;
    if (this.#segment !== undefined) buffer.complete(this.#segment, { isWhole });
    if (this.#context.signal.aborted) return;
    if (!isWhole) stats.truncatedSegments++;
    if (this.#segment !== undefined) return;
    if (isWhole) stats.emptySegments++;
    buffer.addSkipped(this.#found.skipped + (isWhole ? 0 : 1));
  }

  /** Hands bytes on; the segment exists for its reader from its first byte. */
  async #deliver(bytes: Uint8Array): Promise<boolean> {
    const { buffer, stats, signal } = this.#context;
    if (signal.aborted) return false; // After a seek the buffer belongs to the next pass.
    if (this.#segment === undefined) {
      this.#segment = buffer.open(this.#found);
      stats.segments++;
    }
    this.receivedBytes += bytes.byteLength;
    this.#context.locator.progress();
    stats.bytes += bytes.byteLength;
    return await buffer.append(this.#segment, bytes);
  }
}

function logBroken(error: unknown): void {
  log.debug("A segment's body broke off: {error}", { error: describeError(error) });
}

/** Reports once when nothing was touched for a while. One timer, however many touches. */
class SilenceWatch {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #onSilence: () => void;
  #touchedMs: number;
  #cancel: () => void;
  fired = false;

  constructor(clock: Clock, limitMs: number, onSilence: () => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onSilence = onSilence;
    this.#touchedMs = clock.now();
    this.#cancel = clock.schedule(limitMs, () => this.#check());
  }

  touch(): void {
    this.#touchedMs = this.#clock.now();
  }

  stop(): void {
    this.#cancel();
  }

  #check(): void {
    const leftMs = this.#touchedMs + this.#limitMs - this.#clock.now();
    if (leftMs > 0) {
      this.#cancel = this.#clock.schedule(leftMs, () => this.#check());
      return;
    }
    this.fired = true;
    this.#onSilence();
  }
}

/** Gives up a segment that was found but is not going to be read. */
export async function discardSegment(found: FoundSegment): Promise<void> {
  await discardBody(found.response);
}
