/**
 * Access units in a stream of start codes that comes in pieces.
 *
 * Spec: ISO/IEC 14496-10 section 7.4.1.2.3, ISO/IEC 23008-2 section 7.4.2.4.4, ISO/IEC 13818-2 section
 * 6.2.
 */

import { startCodeOffset } from "../video/annexb.ts";
import type { AccessUnitSink, MarkedUnit } from "./access_unit.ts";
import { ByteWindow } from "./byte_window.ts";
import { createPictureReader, type StartCodeCodec } from "./create_picture_reader.ts";
import { NalScanner, type ScanUntil } from "./nal_scanner.ts";
import type { CodedPicture, NalKind, PictureReader, SliceRelation } from "./picture_reader.ts";
import { UnitMark } from "./unit_mark.ts";

/** The most bytes of one access unit. */
const MAX_UNIT_BYTES = 8 * 1024 * 1024;

/** So many bytes are looked at together. */
const SCAN_BYTES = 4096;

/** The picture of the unit that is being read. */
interface OpenPicture {
  readonly at: number;
  readonly picture: CodedPicture;
  readonly markedAt: number | undefined;
  readonly seiAt: number | undefined;
  readonly recoveryPoint: boolean;
  intra: boolean;
  /** Whether its second field is missing. */
  half: boolean;
}

/**
 * Finds access units by what is in them. A unit ends where the next one is seen to begin; whoever
 * knows that the sender has finished a unit can {@linkcode mark} the place and hand it on before.
 */
export class AccessUnitParser {
  readonly #sink: AccessUnitSink;
  readonly #reader: PictureReader;
  readonly #window: ByteWindow;
  readonly #scanner: NalScanner;
  /** Whether what the window begins with begins a unit. */
  #synced = false;
  #picture: OpenPicture | undefined;
  /** Behind the open picture: where the next unit begins if the picture does not go on; or -1. */
  #next = -1;
  /** Where a header says that the next unit begins; a delimiter is sure of it. */
  #marked: { readonly at: number; readonly isSure: boolean } | undefined;
  #recoveryPoint = false;
  /** Where the last SEI unit since the last slice begins. */
  #seiAt: number | undefined;
  readonly #mark: UnitMark;
  #expectsNext = false;

  /** Creates a parser; `slabBytes` is the size of the buffers that units share. */
  constructor(codec: StartCodeCodec, options: { sink: AccessUnitSink; slabBytes: number }) {
    this.#sink = options.sink;
    this.#reader = createPictureReader(codec);
    this.#window = new ByteWindow(options.slabBytes);
    this.#scanner = new NalScanner(this.#window, {
      reader: this.#reader,
      sink: {
        take: (nal, limit) => this.#take(nal, limit),
        recoveryPoint: () => this.#recoveryPoint = true,
        badParameterSet: () => this.#sink.badParameterSet(),
      },
    });
    this.#mark = new UnitMark(this.#window, { scanner: this.#scanner, sink: options.sink });
  }

  /** What the picture order count rises by from one frame to the next, usually. */
  get orderStep(): number {
    return this.#reader.orderStep;
  }

  /** Bytes taken so far: the position of the next. */
  get position(): number {
    return this.#window.end;
  }

  /** Takes the bytes of `data` from `from` to `to`. They are copied. */
  append(data: Uint8Array, from: number, to: number): void {
    this.#window.append(data, from, to);
    // In one go is faster; what a mark is waiting for must not wait itself.
    const waits = !this.#mark.isSet && !this.#expectsNext;
    if (waits && this.#scanner.unread < SCAN_BYTES) return;
    this.#scan("bytes");
    const bytes = this.#window.end - this.#window.start;
    if (bytes <= MAX_UNIT_BYTES) return;
    this.#sink.dropped("too-large", bytes);
    this.#restart();
  }

  /** Whether a start code begins at a position, which is within what is kept. */
  startsAt(position: number): boolean {
    const { data, end } = this.#window;
    const last = this.#window.index(end);
    let at = this.#window.index(position);
    let zeros = 0;
    for (; at < last && data[at] === 0; at++) zeros++;
    return zeros >= 2 && at < last && data[at] === 1;
  }

  /** Whether the piece appended last was the bytes of `data` from `from` to `to`. */
  endsWith(data: Uint8Array, from: number, to: number): boolean {
    return this.#window.endsWith(data, from, to);
  }

  /**
   * The sender may have finished a unit here. Returns its picture when there is one that is whole as
   * far as can be seen: {@linkcode handOn} gives it out, and `judged` says later whether it was.
   */
  mark(): MarkedUnit | undefined {
    this.#scan("mark");
    this.#settle();
    const open = this.#picture;
    if (open === undefined || open.half || !this.#scanner.taken || this.#mark.isSet) {
      return undefined;
    }
    this.#mark.set(this.#next >= 0 ? this.#next : this.#window.end);
    const { picture, recoveryPoint, intra, markedAt, at } = open;
    const randomAccess = picture.randomAccess || recoveryPoint;
    return { from: this.#window.start, to: markedAt ?? at, randomAccess, intra };
  }

  /**
   * The next unit may begin here, and end the one that is open. Reports now if the NAL unit in which
   * the last mark stands has gone on.
   */
  expectNext(): void {
    this.#settle();
    this.#expectsNext = this.#picture !== undefined;
  }

  /** Reports now if the NAL unit in which the last mark stands has gone on. */
  #settle(): void {
    this.#cutHandedOn(this.#mark.settle());
  }

  /** Hands on the unit before the place that was marked just now. */
  handOn(): void {
    this.#emit(this.#mark.unitEnd);
    this.#mark.handOn();
  }

  /** The stream ends: hands on what is left. */
  finish(): void {
    this.#scan("end");
    if (this.open) this.#emit(this.#window.end);
    this.#restart();
  }

  /**
   * Bytes are missing here. The unit before is dropped, unless a mark says that it had ended and
   * marks are `trusted`. Returns whether a unit was dropped.
   */
  lost(options: { readonly trusted: boolean }): boolean {
    this.#scan("bytes");
    const wasOpen = this.open;
    const ended = options.trusted && this.#mark.seemsTrue;
    if (wasOpen && ended) this.#emit(this.#mark.unitEnd);
    this.#restart();
    return wasOpen && !ended;
  }

  /** Whether there is a picture that was not handed on. */
  get open(): boolean {
    return this.#picture !== undefined && !this.#mark.isHandedOn;
  }

  #restart(): void {
    const { start, end } = this.#window;
    if (!this.#synced && start < end) this.#sink.dropped("stray", end - start);
    this.#cutAt(end);
    this.#reader.reset();
    this.#scanner.restart();
    this.#synced = false;
    this.#marked = undefined;
    this.#seiAt = undefined;
    this.#recoveryPoint = false;
  }

  #scan(until: ScanUntil): void {
    this.#scanner.scan(until);
    if (!this.#synced) this.#skip();
  }

  /** Gives up bytes in front of the first unit. */
  #skip(): void {
    const window = this.#window;
    const from = this.#scanner.pendingFrom;
    if (from <= window.start) return;
    this.#sink.dropped("stray", from - window.start);
    window.release(from);
  }

  /** Takes a NAL unit by its head. */
  #take(nal: number, limit: number): void {
    const window = this.#window;
    const { data } = window;
    const [at, end] = [window.index(nal), window.index(limit)];
    const kind = this.#reader.kind(data, at, end);
    const floor = this.#reader.hasZeroByte ? window.index(window.start) : at;
    const start = nal - at + startCodeOffset(data, at, floor);
    const relation = kind === "slice" ? this.#reader.slice(data, at, end) : undefined;
    if (!this.#synced && !this.#begins(kind, start)) return;
    this.#cutHandedOn(this.#mark.judge({ kind, relation, start }));
    if (relation !== undefined) return this.#takeSlice(relation, start);
    switch (kind) {
      case "delimiter":
      case "parameter-set":
        // The second field of a frame has its own.
        if (this.#picture?.half !== true) this.#cut(start);
        else if (this.#next < 0) this.#next = start;
        if (this.#marked === undefined || kind === "delimiter" && !this.#marked.isSure) {
          this.#marked = { at: start, isSure: kind === "delimiter" };
        }
        return;
      case "sei":
      case "prefix":
        if (this.#picture !== undefined && this.#next < 0) this.#next = start;
        this.#seiAt = start;
    }
  }

  /** Whether this NAL unit can be the first of a unit: no unit is open before it. */
  #begins(kind: NalKind, start: number): boolean {
    const begins = kind === "slice"
      ? this.#reader.startsPicture
      : kind !== "other" && kind !== "end";
    if (!begins) {
      this.#reader.reset();
      return false;
    }
    const { start: from } = this.#window;
    if (start > from) this.#sink.dropped("stray", start - from);
    this.#synced = true;
    this.#cutAt(start);
    return true;
  }

  #takeSlice(relation: SliceRelation, start: number): void {
    const open = this.#picture;
    const seiAt = this.#seiAt;
    this.#seiAt = undefined;
    if (open !== undefined && relation !== "new-picture") {
      this.#next = -1;
      this.#marked = undefined;
      this.#recoveryPoint = false;
      if (relation === "second-field") open.half = false;
      else open.intra &&= this.#reader.intraSlice;
      return;
    }
    this.#cut(start);
    const picture = this.#reader.picture();
    this.#picture = {
      at: start,
      picture,
      markedAt: this.#marked?.at,
      seiAt,
      recoveryPoint: this.#recoveryPoint,
      intra: picture.intra,
      half: picture.field,
    };
    this.#recoveryPoint = false;
    this.#marked = undefined;
    this.#scanner.pictureBegan();
  }

  /** Ends the unit that was handed on, if it is known now where. */
  #cutHandedOn(position: number): void {
    if (position >= 0) this.#cutAt(position);
  }

  /** The picture that is open, if there is one, ends where the next unit begins: here, or before. */
  #cut(start: number): void {
    if (this.#picture === undefined) return;
    const position = this.#next >= 0 ? this.#next : start;
    this.#emit(position);
    this.#cutAt(position);
  }

  #cutAt(position: number): void {
    this.#window.release(position);
    this.#picture = undefined;
    this.#next = -1;
    this.#mark.clear();
    this.#expectsNext = false;
  }

  #emit(end: number): void {
    const open = this.#picture!;
    const at = this.#window.start;
    this.#sink.unit({
      data: this.#window.view(at, end),
      at,
      markedAt: open.markedAt,
      seiAt: open.seiAt,
      pictureAt: open.at,
      picture: open.picture,
      intra: open.intra,
      recoveryPoint: open.recoveryPoint,
      again: this.#mark.again,
    });
  }
}
