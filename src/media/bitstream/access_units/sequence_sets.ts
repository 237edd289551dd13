/** The sequence parameter sets of a stream, of either codec. */

import { sameBytes } from "../../../base/bytes.ts";
import { MediaError } from "../../../base/errors.ts";

/** Keeps the latest set of each number. One that is repeated is not read again. */
export class SequenceSets<Sps extends { readonly id: number }> {
  readonly #parse: (nal: Uint8Array) => Sps;
  readonly #count: number;
  readonly #sets = new Map<number, { readonly raw: Uint8Array; readonly parsed: Sps }>();
  #latest: Sps | undefined;

  /** `parse` throws a `MediaError` for a set that is damaged; the codec has numbers below `count`. */
  constructor(parse: (nal: Uint8Array) => Sps, count: number) {
    this.#parse = parse;
    this.#count = count;
  }

  /** The one that came last. */
  get latest(): Sps | undefined {
    return this.#latest;
  }

  /** The one of this number. */
  get(id: number): Sps | undefined {
    return this.#sets.get(id)?.parsed;
  }

  /** Takes a NAL unit; returns whether it could be read. */
  take(nal: Uint8Array): boolean {
    for (const { raw, parsed } of this.#sets.values()) {
      if (!sameBytes(raw, nal)) continue;
      this.#latest = parsed;
      return true;
    }
    try {
      const parsed = this.#parse(nal);
      if (parsed.id >= this.#count) return false;
      this.#sets.set(parsed.id, { raw: nal.slice(), parsed });
      this.#latest = parsed;
      return true;
    } catch (error) {
      // Damaged input is the sender's: the stream goes on with the set it had.
      if (!(error instanceof MediaError)) throw error;
      return false;
    }
  }
}
