/**
 * Packets that are decoded beside their way out.
 *
 * @module
 */

import type { Packet } from "../../media/types.ts";

/** Options of a {@linkcode DecodeBacklog}. */
export interface DecodeBacklogOptions {
  /** Decodes a packet, one after the other. Resolves when the decoder has it. */
  readonly decode: (packet: Packet) => Promise<void>;
  /** How many packets may wait for the decoder. */
  readonly most: number;
}

/**
 * Gives packets to a decoder that nobody waits for: those that went on already must not be held up by one
 * that is slow or hangs. Past the limit packets are left out, up to the next keyframe.
 */
export class DecodeBacklog {
  readonly #options: DecodeBacklogOptions;
  #waiting = 0;
  #leftOut = 0;
  #isLeavingOut = false;
  #failure: { readonly error: unknown } | undefined;
  /** Settles when the decoder has everything, or has failed. */
  #tail: Promise<void> = Promise.resolve();

  /** Creates an empty one. */
  constructor(options: DecodeBacklogOptions) {
    this.#options = options;
  }

  /** Packets that were left out, those behind one that `decode` rejected included. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Takes the next packet. Throws what `decode` has rejected with: then nothing is decoded any more. */
  offer(packet: Packet): void {
    if (this.#failure !== undefined) {
      this.#leftOut++;
      throw this.#failure.error;
    }
    const isFull = this.#waiting >= this.#options.most;
    if (isFull) this.#isLeavingOut = true;
    else if (packet.keyframe) this.#isLeavingOut = false;
    if (this.#isLeavingOut) {
      this.#leftOut++;
      return;
    }
    this.#waiting++;
    this.#tail = this.#tail.then(async () => {
      await this.#options.decode(packet);
      this.#waiting--;
    }, (error: unknown) => {
      this.#leftOut++;
      throw error;
    });
    this.#tail.catch((error: unknown) => this.#failure ??= { error }); // thrown with the next
  }

  /** Resolves when the decoder has everything that was taken. Rejects as `decode` did. */
  drained(): Promise<void> {
    return this.#tail;
  }
}
