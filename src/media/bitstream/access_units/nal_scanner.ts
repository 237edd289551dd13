/**
 * NAL units in an Annex B byte stream that comes in pieces. In codecs before H.264 they are what lies
 * between two start codes, which are the same.
 *
 * Spec: ISO/IEC 14496-10 and ISO/IEC 23008-2, Annex B; ISO/IEC 13818-2 section 5.2.3.
 */

import { withoutTrailingZeros } from "../video/annexb.ts";
import type { ByteWindow } from "./byte_window.ts";
import type { PictureReader } from "./picture_reader.ts";
import { messageEndBehind } from "./sei.ts";
import { SLICE_HEAD_BYTES } from "./slice_reader.ts";

/** Headers between two pictures that are read: more only keep a damaged stream busy. */
const MAX_HEADERS = 64;

/** What a {@linkcode NalScanner} reports to. */
export interface NalSink {
  /** The head of the NAL unit at `nal` is there: the bytes up to `limit`. */
  take(nal: number, limit: number): void;
  /** An SEI unit says that decoding may start at the next picture. */
  recoveryPoint(): void;
  /** A parameter set could not be read. */
  badParameterSet(): void;
}

/** How much is read: what is sure, what a mark asks for, or all there is. */
export type ScanUntil = "bytes" | "mark" | "end";

/** Finds NAL units in a window, hands on their heads, and reads what is whole. */
export class NalScanner {
  readonly #window: ByteWindow;
  readonly #reader: PictureReader;
  readonly #sink: NalSink;
  /** Where to go on looking for start codes. */
  #search = 0;
  /** The header of the last NAL unit found, or -1; and whether it was taken. */
  #nal = -1;
  #taken = true;
  #headers = 0;

  /** Creates a scanner at the start of a window. */
  constructor(window: ByteWindow, options: { reader: PictureReader; sink: NalSink }) {
    this.#window = window;
    this.#reader = options.reader;
    this.#sink = options.sink;
  }

  /** The header of the last NAL unit found, or -1. */
  get nal(): number {
    return this.#nal;
  }

  /** Whether that was taken. */
  get taken(): boolean {
    return this.#taken;
  }

  /** Bytes that were not looked at. */
  get unread(): number {
    return this.#window.end - this.#search;
  }

  /** Where the first NAL unit that was not taken may begin, no earlier than its start code. */
  get pendingFrom(): number {
    return this.#taken ? this.#search - 1 : this.#nal - 4;
  }

  /** Goes on behind the end of the window. */
  restart(): void {
    this.#search = this.#window.end;
    this.#nal = -1;
    this.#taken = true;
  }

  /** A picture began: headers before it are done. */
  pictureBegan(): void {
    this.#headers = 0;
  }

  /** Reads all NAL units that can be read; at the end also what is known only in part. */
  scan(until: ScanUntil): void {
    const window = this.#window;
    for (;;) {
      const found = window.findNalUnit(this.#search);
      const isFound = found >= 0 && found < window.end;
      const limit = isFound ? found - 3 : window.end;
      if (!this.#taken && (isFound || this.#canTake(limit, until))) {
        this.#taken = true;
        this.#sink.take(this.#nal, limit);
      }
      if (!isFound) {
        this.#search = Math.max(this.#search, found >= 0 ? found - 3 : window.end - 2);
        return;
      }
      const end = this.#nal < 0 ? -1 : this.#complete(this.#nal, found - 3);
      if (end === "more" && until !== "end") {
        this.#search = found - 3;
        return;
      }
      if (typeof end === "number" && end >= 0) {
        this.#search = end;
        continue;
      }
      this.#nal = this.#search = found;
      this.#taken = false;
    }
  }

  /** Whether enough of the last NAL unit is there to tell what it is. */
  #canTake(limit: number, until: ScanUntil): boolean {
    if (until === "end" || limit - this.#nal >= SLICE_HEAD_BYTES) return true;
    if (until === "bytes") return false;
    const window = this.#window;
    const [at, end] = [window.index(this.#nal), window.index(limit)];
    const kind = this.#reader.kind(window.data, at, end);
    return kind !== "slice" || this.#reader.canRead(window.data, at, end);
  }

  /**
   * Takes a NAL unit that ends before the start code at `code`. If that is part of a message, returns
   * where the message ends, or `"more"` when more bytes are needed to tell.
   */
  #complete(nal: number, code: number): number | "more" {
    const window = this.#window;
    const { data } = window;
    const at = window.index(nal);
    const kind = this.#reader.kind(data, at, window.index(code));
    const isHeader = kind === "parameter-set" || kind === "delimiter";
    if (!isHeader && kind !== "sei") return -1;
    const unit = data.subarray(at, window.index(code));
    if (isHeader) {
      const reads = this.#headers++ < MAX_HEADERS;
      if (reads && !this.#reader.header(unit)) this.#sink.badParameterSet();
      return -1;
    }
    const behind = messageEndBehind(data, {
      from: at + this.#reader.headerBytes,
      code: window.index(code),
      end: window.index(window.end),
    });
    if (behind !== -1) return behind === "more" ? behind : behind - at + nal;
    if (this.#reader.recoveryPoint(withoutTrailingZeros(unit))) this.#sink.recoveryPoint();
    return -1;
  }
}
