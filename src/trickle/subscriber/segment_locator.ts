/**
 * Finds the next segment there is: asks, refreshes, retries and jumps until a segment's body is at
 * hand or nothing more comes. TRICKLE.md sections 8.3 to 8.5.
 *
 * @module
 */

import { describeError, roomLogger, TrickleError } from "../../base/mod.ts";
import { pause } from "../clock.ts";
import {
  CLOSED_HEADER,
  LATEST_HEADER,
  parseDecimal,
  SEQ_HEADER,
  STATUS_NO_SEGMENT,
} from "../protocol.ts";
import {
  discardBody,
  tellFailure,
  tellStatus,
  type TransportResponse,
} from "../transport/transport.ts";
import { afterMissingSegment, FREE_JUMPS, SAME_INDEX_DELAY_MS } from "./missing_segment.ts";
import type { MutableSubscriberStats, SubscriberSettings } from "./subscriber_options.ts";

const log = roomLogger("trickle");
/** Pause after a transport error or an unexpected status: 300 to 500 ms. */
const RETRY_DELAY_MS = 400;

/** A segment whose body is about to be read. */
export interface FoundSegment {
  readonly kind: "segment";
  /** Its index; where the server did not say, the one asked for. */
  readonly seq: number;
  /** Whether the server said the index: only then is it known what follows. */
  readonly hasSeq: boolean;
  /** Segments missing between the last one and this one. */
  readonly skipped: number;
  readonly contentType: string;
  readonly response: TransportResponse;
}

/** What a search led to. */
export type Located =
  | FoundSegment
  | { readonly kind: "ended" }
  | { readonly kind: "not-found" }
  | { readonly kind: "aborted" }
  | { readonly kind: "failed"; readonly error: TrickleError };

/** Where a search stands. */
interface Search {
  index: number;
  /** The index that would follow without a gap; undefined while that is not known. */
  expected: number | undefined;
  skipped: number;
  retries: number;
  misses: number;
}

/** What to do next in a search; undefined: ask again. */
type Verdict = Located | undefined;

/** Searches for segments of one channel. The retry budget is shared by all searches. */
export class SegmentLocator {
  readonly #url: string;
  readonly #settings: SubscriberSettings;
  readonly #stats: MutableSubscriberStats;
  readonly #graceEndsMs: number;
  #isChannelSeen = false;
  #failures = 0;
  #firstFailureMs = 0;
  /** Whether the server was out of reach since it last knew the channel: it may have begun anew. */
  #wasLost = false;
  /** Answers since the last byte of a segment. */
  #fruitless = 0;

  /** Creates a locator; `url` is the channel's, without a slash at its end. */
  constructor(url: string, settings: SubscriberSettings, stats: MutableSubscriberStats) {
    this.#url = url;
    this.#settings = settings;
    this.#stats = stats;
    this.#graceEndsMs = settings.clock.now() + settings.waitForChannelMs;
  }

  /**
   * Finds the segment at `index` or the one that takes its place. `expected` is the index that
   * would follow the last segment without a gap. Never rejects.
   */
  async locate(
    index: number,
    expected: number | undefined,
    signal: AbortSignal,
  ): Promise<Located> {
    const search: Search = { index, expected, skipped: 0, retries: 0, misses: 0 };
    while (!signal.aborted) {
      try {
        if (this.#fruitless > FREE_JUMPS) {
          await pause(this.#settings.clock, SAME_INDEX_DELAY_MS, signal);
        }
        const response = await this.#ask(search.index, signal);
        const verdict = await this.#judge(response, search, signal);
        if (verdict !== undefined) return verdict;
      } catch (error) {
        if (signal.aborted) break;
        this.#wasLost = true;
        this.#settings.transport.renew();
        const failure = await this.#failed(tellFailure(error), signal, error);
        if (failure !== undefined) return failure;
      }
    }
    return { kind: "aborted" };
  }

  /** Says that bytes of a segment came: the server gives what it promises. */
  progress(): void {
    this.#fruitless = 0;
  }

  /**
   * Asks for a segment whose body broke off. Undefined when it is gone, and what is left of it with
   * it. Never rejects.
   */
  async refetch(seq: number, signal: AbortSignal): Promise<TransportResponse | undefined> {
    while (!signal.aborted) {
      try {
        const response = await this.#ask(seq, signal);
        if (response.status === 200 && !response.headers.has(CLOSED_HEADER)) {
          const answered = parseDecimal(response.headers.get(SEQ_HEADER)) ?? seq;
          if (answered === seq) return response;
        }
        await discardBody(response);
        return undefined;
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#settings.transport.renew();
        if (await this.#failed(tellFailure(error), signal, error) !== undefined) return undefined;
      }
    }
    return undefined;
  }

  /** One request, made anew for as long as no answer comes (section 8.3). */
  async #ask(index: number, signal: AbortSignal): Promise<TransportResponse> {
    const { transport, clock, refreshMs } = this.#settings;
    for (;;) {
      const refresh = new AbortController();
      const cancel = clock.schedule(refreshMs, () => refresh.abort());
      try {
        return await transport.request({
          method: "GET",
          url: `${this.#url}/${index}`,
          signal: AbortSignal.any([signal, refresh.signal]),
        });
      } catch (error) {
        if (!refresh.signal.aborted || signal.aborted) throw error;
        this.#stats.refreshes++;
        transport.renew();
      } finally {
        cancel();
      }
    }
  }

  async #judge(
    response: TransportResponse,
    search: Search,
    signal: AbortSignal,
  ): Promise<Verdict> {
    if (response.headers.has(CLOSED_HEADER)) {
      await discardBody(response);
      return { kind: "ended" };
    }
    if (response.status === 200) return await this.#present(response, search, signal);
    await discardBody(response);
    if (response.status === 404) return await this.#notFound(signal);
    if (response.status === STATUS_NO_SEGMENT) return await this.#missing(response, search, signal);
    const found = tellStatus(response.status);
    const isRefused = response.status === 401 || response.status === 403;
    if (!isRefused || this.#isChannelSeen) return await this.#failed(found, signal);
    // Whoever never had the right does not get it by asking again.
    return {
      kind: "failed",
      error: new TrickleError("TRICKLE_UNREACHABLE", `Cannot read ${this.#url}: ${found}`, {
        context: { url: this.#url, status: response.status },
      }),
    };
  }

  /** A 200: a body, or an empty segment to skip. */
  async #present(
    response: TransportResponse,
    search: Search,
    signal: AbortSignal,
  ): Promise<Verdict> {
    this.#failures = 0;
    this.#wasLost = false;
    this.#isChannelSeen = true;
    const answered = parseDecimal(response.headers.get(SEQ_HEADER));
    const hasSeq = answered !== undefined && answered >= 0;
    const seq = hasSeq ? answered : search.index;
    if (search.expected !== undefined && seq > search.expected) {
      search.skipped += seq - search.expected;
    }
    if (response.headers.get("Content-Length") !== "0") {
      this.#fruitless++; // it may be empty all the same
      const contentType = response.headers.get("Content-Type") ?? "";
      return { kind: "segment", seq, hasSeq, skipped: search.skipped, contentType, response };
    }
    await discardBody(response);
    this.#stats.emptySegments++;
    const latest = parseDecimal(response.headers.get(LATEST_HEADER));
    // Quirk Q9: the edge was deleted and the next index is going to point back to it.
    const isStuck = !hasSeq || latest !== undefined && latest <= seq;
    search.index = hasSeq ? seq + 1 : seq;
    search.expected = search.index >= 0 ? search.index : undefined;
    search.retries = 0;
    if (!isStuck) this.#fruitless++;
    else await pause(this.#settings.clock, SAME_INDEX_DELAY_MS, signal);
    return undefined;
  }

  /** A 404: final, but for the grace at the start (section 10.4) and after a restart of the server. */
  async #notFound(signal: AbortSignal): Promise<Verdict> {
    const { clock } = this.#settings;
    if (this.#isChannelSeen && this.#wasLost) {
      const failure = await this.#failed("the server has come back without the channel", signal);
      return failure === undefined ? undefined : { kind: "not-found" };
    }
    if (this.#isChannelSeen || clock.now() >= this.#graceEndsMs) return { kind: "not-found" };
    await pause(clock, SAME_INDEX_DELAY_MS, signal);
    return undefined;
  }

  async #missing(
    response: TransportResponse,
    search: Search,
    signal: AbortSignal,
  ): Promise<Verdict> {
    const step = afterMissingSegment({
      requested: search.index,
      latest: parseDecimal(response.headers.get(LATEST_HEADER)),
      retries: search.retries,
      misses: search.misses,
    });
    this.#isChannelSeen = true;
    if (this.#wasLost) this.#failures = 0; // it is back
    this.#wasLost = false;
    search.misses++;
    search.retries = step.index === search.index ? search.retries + 1 : 0;
    const failure = step.isAdvance ? undefined : this.#countFailure(
      "TRICKLE_PROTOCOL",
      `segment ${search.index} does not exist and no other one came in its place`,
    );
    if (failure !== undefined) return failure;
    // A publisher that restarts counts anew: nothing is missing (section 6.10).
    if (search.expected !== undefined && step.index >= 0 && step.index < search.expected - 1) {
      search.expected = undefined;
    }
    search.index = step.index;
    if (step.delayMs > 0) await pause(this.#settings.clock, step.delayMs, signal);
    return undefined;
  }

  async #failed(found: string, signal: AbortSignal, cause?: unknown): Promise<Verdict> {
    const failure = this.#countFailure("TRICKLE_UNREACHABLE", found, cause);
    if (failure === undefined) await pause(this.#settings.clock, RETRY_DELAY_MS, signal);
    return failure;
  }

  #countFailure(
    code: "TRICKLE_PROTOCOL" | "TRICKLE_UNREACHABLE",
    found: string,
    cause?: unknown,
  ): Located | undefined {
    const { clock, maxRetries, reconnectMs } = this.#settings;
    if (this.#failures++ === 0) this.#firstFailureMs = clock.now();
    const lastsMs = clock.now() - this.#firstFailureMs;
    const mayComeBack = code === "TRICKLE_UNREACHABLE" && this.#isChannelSeen &&
      lastsMs < reconnectMs;
    if (this.#failures <= maxRetries || mayComeBack) {
      if (this.#failures === 2) {
        const detail = cause === undefined ? found : describeError(cause);
        log.warn("Cannot read {url}, and tries again: {detail}", { url: this.#url, detail });
      }
      this.#stats.retries++;
      return undefined;
    }
    const error = new TrickleError(
      code,
      `Cannot read ${this.#url}: ${found}, ${this.#failures} failures in a row; ` +
        "check the URL and the server",
      { cause, context: { url: this.#url, failures: this.#failures } },
    );
    return { kind: "failed", error };
  }
}
