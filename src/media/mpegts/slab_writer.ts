/**
 * Writes units of unknown size one behind the other into large shared buffers, so that each byte is
 * copied once and few buffers are allocated. A finished unit is a view that stays valid; the buffer
 * lives as long as one of its views.
 */
export class SlabWriter {
  readonly #slabBytes: number;
  #slab: Uint8Array;
  #start = 0;
  #end = 0;
  /** Size of the last piece appended: the bytes in front of `#end`. */
  #lastPiece = 0;

  /** Creates a writer whose buffers have `slabBytes`, more where one unit needs it. */
  constructor(slabBytes: number) {
    this.#slabBytes = slabBytes;
    this.#slab = new Uint8Array(slabBytes);
  }

  /** Bytes of the unit so far. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Begins the next unit behind the last. */
  begin(): void {
    this.#start = this.#end;
  }

  /** Appends the bytes of `data` from `start` to `end`. */
  append(data: Uint8Array, start: number, end: number): void {
    const bytes = end - start;
    if (this.#end + bytes > this.#slab.length) this.#grow(bytes);
    this.#slab.set(data.subarray(start, end), this.#end);
    this.#end += bytes;
    this.#lastPiece = bytes;
  }

  /** The unit so far, as a view. */
  view(): Uint8Array {
    return this.#slab.subarray(this.#start, this.#end);
  }

  /** Whether the piece appended last equals the bytes of `data` from `start` to `end`. */
  endsWith(data: Uint8Array, start: number, end: number): boolean {
    const bytes = end - start;
    if (bytes !== this.#lastPiece) return false;
    const from = this.#end - bytes;
    for (let i = 0; i < bytes; i++) {
      if (this.#slab[from + i] !== data[start + i]) return false;
    }
    return true;
  }

  #grow(bytes: number): void {
    const unit = this.view();
    this.#slab = new Uint8Array(Math.max(this.#slabBytes, 2 * (unit.length + bytes)));
    this.#slab.set(unit);
    this.#start = 0;
    this.#end = unit.length;
    this.#lastPiece = 0;
  }
}
