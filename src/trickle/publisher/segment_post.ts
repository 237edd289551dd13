/**
 * One POST of a segment, from its head to its answer: TRICKLE.md section 7.1.
 *
 * @module
 */

import { discardBody, type Transport } from "../transport/transport.ts";
import type { SegmentData } from "./segment_data.ts";

/** How a POST ended. */
export type PostResult =
  | {
    readonly kind: "answered";
    readonly status: number;
    readonly headers: Headers;
    /** Whether the whole body had been handed over before the answer came. */
    readonly isComplete: boolean;
  }
  /** The connection broke, or never came about. */
  | { readonly kind: "broken"; readonly error: unknown }
  /** It was given up with {@linkcode SegmentPost.abort}. */
  | { readonly kind: "aborted" };

/** What to post, and where. */
export interface PostTarget {
  readonly transport: Transport;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A POST under way. Its head is sent at once, its body as the data comes. */
export class SegmentPost {
  /** How it ended. Never rejects. */
  readonly result: Promise<PostResult>;
  readonly #data: SegmentData;
  readonly #abort = new AbortController();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isOver = false;
  #isComplete = false;

  /** Sends the request. */
  constructor(target: PostTarget, data: SegmentData) {
    this.#data = data;
    this.result = this.#run(target);
  }

  /**
   * Cuts the request off: the server sees a lost connection, never a clean end, which would publish
   * an empty segment (section 7.3).
   */
  abort(): void {
    this.#cut();
    this.#abort.abort();
  }

  async #run(target: PostTarget): Promise<PostResult> {
    try {
      const response = await target.transport.request({
        method: "POST",
        url: target.url,
        headers: target.headers,
        body: this.#body(),
        signal: this.#abort.signal,
      });
      const isComplete = this.#isComplete;
      await discardBody(response);
      this.#cut();
      return { kind: "answered", status: response.status, headers: response.headers, isComplete };
    } catch (error) {
      const isAborted = this.#abort.signal.aborted;
      this.#cut();
      return isAborted ? { kind: "aborted" } : { kind: "broken", error };
    }
  }

  #body(): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller): void => {
        this.#controller = controller;
      },
      pull: async (controller): Promise<void> => {
        while (!this.#isOver) {
          const bytes = this.#data.take();
          if (bytes !== undefined) return controller.enqueue(bytes);
          if (this.#data.isEnded) {
            this.#isComplete = true;
            this.#data.wake();
            return controller.close();
          }
          await this.#data.changed();
        }
      },
    }, { highWaterMark: 0 });
  }

  /** Ends the body with an error unless it has ended: an early answer must not leave it open. */
  #cut(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#isComplete) this.#controller?.error(new Error("The segment's POST was given up"));
    this.#data.wake();
  }
}
