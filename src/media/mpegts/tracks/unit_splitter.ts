import type { PesUnit } from "../pes/pes_assembler.ts";

/** The largest access unit that is put together. */
const MAX_UNIT_BYTES = 8 * 1024 * 1024;

/** What a start code means for the access unit that it stands in. */
export type StartCodeRole =
  /** Comes before a picture: begins a unit where there was a picture. */
  | "head"
  /** Begins a picture. */
  | "picture"
  /** Belongs to whatever it stands in. */
  | "rest";

/** One access unit, and the 33-bit times of the PES that its picture begins in, if they are its. */
export interface SplitUnit {
  readonly data: Uint8Array;
  /** Where the picture's start code is in the data. */
  readonly pictureAt: number;
  readonly pts: number | undefined;
  readonly dts: number | undefined;
}

/** How a codec's units are told apart. */
export interface UnitRules {
  role(code: number): StartCodeRole;
  /** Whether a picture is one field of a frame: the next one is the other. @default frames only */
  isField?(picture: Uint8Array): boolean;
}

interface Mark {
  readonly offset: number;
  readonly pts: number | undefined;
  readonly dts: number | undefined;
}

/**
 * Takes an elementary stream of start codes (`00 00 01`) apart into access units, wherever its PES
 * packets begin. A unit is whole when the next one begins. The times of a PES belong to the first
 * picture that begins in it (ISO/IEC 13818-1 section 2.4.3.7).
 */
export class UnitSplitter {
  readonly #rules: UnitRules;
  readonly #onUnit: (unit: SplitUnit) => void;
  #data = new Uint8Array(65_536);
  #length = 0;
  #scanned = 0;
  #marks: Mark[] = [];
  #picture: Mark | undefined;
  #hasSecondField = false;

  /** Creates a splitter that hands units to `onUnit`; their data stays valid. */
  constructor(rules: UnitRules, onUnit: (unit: SplitUnit) => void) {
    this.#rules = rules;
    this.#onUnit = onUnit;
  }

  /** Takes the payload of the next PES. Returns how many bytes were given up. */
  push({ payload, pts, dts }: PesUnit): number {
    let dropped = 0;
    if (this.#length + payload.length > MAX_UNIT_BYTES) {
      dropped = this.#length;
      this.reset();
    }
    this.#reserve(this.#length + payload.length);
    this.#marks.push({ offset: this.#length, pts, dts });
    this.#data.set(payload, this.#length);
    this.#length += payload.length;
    this.#scan();
    return dropped;
  }

  /** The stream ends: hands on the last unit. */
  finish(): void {
    if (this.#picture !== undefined) this.#emit(this.#length);
    this.reset();
  }

  /** Forgets what is incomplete. Returns how many bytes that were. */
  reset(): number {
    const dropped = this.#length;
    this.#length = 0;
    this.#scanned = 0;
    this.#marks = [];
    this.#picture = undefined;
    this.#hasSecondField = false;
    return dropped;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#data.length) return;
    const larger = new Uint8Array(Math.max(bytes, 2 * this.#data.length));
    larger.set(this.#data.subarray(0, this.#length));
    this.#data = larger;
  }

  #scan(): void {
    let at = this.#scanned;
    for (;;) {
      const one = this.#data.subarray(0, this.#length).indexOf(1, at + 2);
      if (one < 0 || one + 1 >= this.#length) break;
      const isCode = this.#data[one - 1] === 0 && this.#data[one - 2] === 0;
      at = isCode ? this.#startCode(one - 2, this.#data[one + 1]!) : one - 1;
    }
    // A start code may have begun in the last three bytes.
    this.#scanned = Math.max(0, at, this.#length - 3);
  }

  /** Takes note of a start code; returns where the search goes on. */
  #startCode(at: number, code: number): number {
    const role = this.#rules.role(code);
    if (role === "rest") return at + 3;
    let offset = at;
    if (this.#picture !== undefined && this.#isSecondField(role)) this.#hasSecondField = true;
    else if (this.#picture !== undefined) {
      this.#emit(at);
      offset = 0;
    }
    if (role === "picture") {
      // A start code belongs to the PES in which its first byte is.
      const mark = this.#marks.findLast((mark) => mark.offset <= offset);
      this.#marks = this.#marks.filter((mark) => mark.offset > offset);
      this.#picture ??= { offset, pts: mark?.pts, dts: mark?.dts };
    }
    return offset + 3;
  }

  #isSecondField(role: StartCodeRole): boolean {
    if (role !== "picture" || this.#hasSecondField) return false;
    const picture = this.#data.subarray(this.#picture!.offset, this.#length);
    return this.#rules.isField?.(picture) === true;
  }

  /** Hands on the unit that ends at `end`, and keeps what follows. */
  #emit(end: number): void {
    const { offset, pts, dts } = this.#picture!;
    const data = this.#data.slice(0, end);
    this.#data.copyWithin(0, end, this.#length);
    this.#length -= end;
    this.#marks = this.#marks.map((mark) => ({ ...mark, offset: Math.max(0, mark.offset - end) }));
    this.#picture = undefined;
    this.#hasSecondField = false;
    this.#onUnit({ data, pictureAt: offset, pts, dts });
  }
}
