/** The place at which the sender may have finished an access unit. */

import type { ByteWindow } from "./byte_window.ts";
import type { NalScanner } from "./nal_scanner.ts";
import type { NalKind, SliceRelation } from "./picture_reader.ts";

/** What a {@linkcode UnitMark} reports to. */
export interface UnitMarkSink {
  /**
   * Whether a picture, and all behind it, ended at the place that was marked last; if not, whether the
   * unit was handed on there without its end.
   */
  judged(isEnd: boolean, tooEarly: boolean): void;
}

/** The NAL unit that comes behind a mark. */
export interface NextNal {
  readonly kind: NalKind;
  readonly relation: SliceRelation | undefined;
  /** Where its start code begins. */
  readonly start: number;
}

/** Remembers a place, and learns from what follows whether the unit before had ended there. */
export class UnitMark {
  readonly #window: ByteWindow;
  readonly #scanner: NalScanner;
  readonly #sink: UnitMarkSink;
  /** Where the unit ends before a place that was marked and not judged yet, or -1. */
  #at = -1;
  /** That place: SEI may lie between. */
  #end = -1;
  /** Whether a NAL unit was taken since. */
  #isPassed = false;
  /** Whether the unit before the mark was handed on. */
  #isHandedOn = false;
  #again = false;

  /** Creates a mark in the window that `scanner` reads. */
  constructor(window: ByteWindow, options: { scanner: NalScanner; sink: UnitMarkSink }) {
    this.#window = window;
    this.#scanner = options.scanner;
    this.#sink = options.sink;
  }

  /** Whether a place is marked that was not judged. */
  get isSet(): boolean {
    return this.#at >= 0;
  }

  /** Where the unit before the mark ends. */
  get unitEnd(): number {
    return this.#at;
  }

  /** Whether the unit before the mark was handed on. */
  get isHandedOn(): boolean {
    return this.#isHandedOn;
  }

  /** Whether the unit that is open was handed on before it ended. */
  get again(): boolean {
    return this.#again;
  }

  /** Marks the end of the window; the unit itself ends at `unitEnd`. */
  set(unitEnd: number): void {
    this.#end = this.#window.end;
    this.#at = unitEnd;
    this.#isPassed = false;
  }

  /** The unit before the mark was handed on. */
  handOn(): void {
    this.#isHandedOn = true;
  }

  /** Forgets the mark: the unit that was open is done. */
  clear(): void {
    this.#at = -1;
    this.#isHandedOn = this.#again = false;
  }

  /** Whether what came since looks as if the unit had ended at the mark. */
  get seemsTrue(): boolean {
    return this.isSet && (this.#at < this.#end || !this.#hasGoneOn());
  }

  /**
   * Reports now if the NAL unit in which the mark stands has gone on. Returns where the unit must be
   * cut that was handed on, or -1.
   */
  settle(): number {
    return this.isSet && this.#hasGoneOn() ? this.#decide(false, this.#at) : -1;
  }

  /**
   * Learns from the next NAL unit whether the picture ended at the mark. Returns where the unit must be
   * cut that was handed on, or -1.
   */
  judge({ kind, relation, start }: NextNal): number {
    if (!this.isSet) return -1;
    if (relation === "second-field") {
      this.#at = -1;
      return -1;
    }
    const isFirst = !this.#isPassed;
    this.#isPassed = true;
    if (relation === "same-picture") return this.#goOn();
    if (isFirst && !this.#zerosBetween(this.#end, start)) return this.#decide(false, start);
    // What stands behind a picture may belong to it, or to the next.
    const isSure = kind === "slice" || kind === "delimiter" || kind === "parameter-set";
    return isSure ? this.#decide(true, start) : -1;
  }

  /** The NAL unit at the mark ended there, or went on: if it was a slice, the picture did. */
  #decide(isEnd: boolean, start: number): number {
    const at = this.#at;
    if (!isEnd && at === this.#end) return this.#goOn();
    const cut = this.#isHandedOn ? Math.min(at, start) : -1;
    this.#at = -1;
    this.#isHandedOn = false;
    this.#sink.judged(isEnd, false);
    return cut;
  }

  /** The picture before the mark goes on behind it. */
  #goOn(): number {
    this.#again ||= this.#isHandedOn;
    this.#sink.judged(false, this.#isHandedOn);
    this.#at = -1;
    this.#isHandedOn = false;
    return -1;
  }

  /** Whether the NAL unit that the mark stands in has gone on behind it. */
  #hasGoneOn(): boolean {
    return !this.#isPassed && this.#scanner.nal < this.#end &&
      !this.#zerosBetween(this.#end, this.#window.end);
  }

  #zerosBetween(from: number, to: number): boolean {
    for (let at = from; at < to; at++) {
      if (this.#window.at(at) !== 0) return false;
    }
    return true;
  }
}
