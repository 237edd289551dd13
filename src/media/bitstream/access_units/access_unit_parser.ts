/**
 * Access units in an Annex B byte stream that comes in pieces.
 *
 * Spec: ISO/IEC 14496-10 section 7.4.1.2.3, ISO/IEC 23008-2 section 7.4.2.4.4.
 */

import type { VideoCodec } from "../../types.ts";
import { startCodeOffset } from "../annexb.ts";
import type { AccessUnitSink, MarkedUnit } from "./access_unit.ts";
import { ByteWindow } from "./byte_window.ts";
import { H264PictureReader } from "./h264_picture.ts";
import { HevcPictureReader } from "./hevc_picture.ts";
import { NalScanner, type ScanUntil } from "./nal_scanner.ts";
import type { CodedPicture, NalKind, PictureReader, SliceRelation } from "./picture_reader.ts";

/** The most bytes of one access unit. */
const MAX_UNIT_BYTES = 8 * 1024 * 1024;

/** So many bytes are looked at together. */
const SCAN_BYTES = 4096;

/** The picture of the unit that is being read. */
interface OpenPicture {
  readonly at: number;
  readonly picture: CodedPicture;
  readonly markedAt: number | undefined;
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
  #markedAt: number | undefined;
  #recoveryPoint = false;
  /** Where the unit ends before a place that was marked and not judged yet, or -1. */
  #mark = -1;
  /** That place: SEI may lie between. */
  #markedEnd = -1;
  /** Whether a NAL unit was taken since. */
  #passedMark = false;
  /** Whether the unit before the mark was handed on; and whether it was, but went on. */
  #handedOn = false;
  #again = false;
  #expectsNext = false;

  /** Creates a parser; `slabBytes` is the size of the buffers that units share. */
  constructor(codec: VideoCodec, options: { sink: AccessUnitSink; slabBytes: number }) {
    this.#sink = options.sink;
    this.#reader = codec === "h264" ? new H264PictureReader() : new HevcPictureReader();
    this.#window = new ByteWindow(options.slabBytes);
    this.#scanner = new NalScanner(this.#window, {
      reader: this.#reader,
      sink: {
        take: (nal, limit) => this.#take(nal, limit),
        recoveryPoint: () => this.#recoveryPoint = true,
        badParameterSet: () => this.#sink.badParameterSet(),
      },
    });
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
    const waits = this.#mark < 0 && !this.#expectsNext;
    if (waits && this.#scanner.unread < SCAN_BYTES) return;
    this.#scan("bytes");
    const bytes = this.#window.end - this.#window.start;
    if (bytes <= MAX_UNIT_BYTES) return;
    this.#sink.dropped("too-large", bytes);
    this.#restart();
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
    if (open === undefined || open.half || !this.#scanner.taken || this.#mark >= 0) {
      return undefined;
    }
    this.#markedEnd = this.#window.end;
    this.#mark = this.#next >= 0 ? this.#next : this.#markedEnd;
    this.#passedMark = false;
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
    if (this.#mark >= 0 && this.#isPassed()) this.#decide(false, this.#mark);
  }

  /** Hands on the unit before the place that was marked just now. */
  handOn(): void {
    this.#emit(this.#mark);
    this.#handedOn = true;
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
    const ended = options.trusted && this.#mark >= 0 &&
      (this.#mark < this.#markedEnd || !this.#isPassed());
    if (wasOpen && ended) this.#emit(this.#mark);
    this.#restart();
    return wasOpen && !ended;
  }

  /** Whether there is a picture that was not handed on. */
  get open(): boolean {
    return this.#picture !== undefined && !this.#handedOn;
  }

  #restart(): void {
    const { start, end } = this.#window;
    if (!this.#synced && start < end) this.#sink.dropped("stray", end - start);
    this.#cutAt(end);
    this.#reader.reset();
    this.#scanner.restart();
    this.#synced = false;
    this.#markedAt = undefined;
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
    const start = nal - at + startCodeOffset(data, at, window.index(window.start));
    const relation = kind === "slice" ? this.#reader.slice(data, at, end) : undefined;
    if (!this.#synced && !this.#begins(kind, start)) return;
    if (this.#mark >= 0) this.#judge({ kind, relation, start });
    if (relation !== undefined) return this.#takeSlice(relation, start);
    switch (kind) {
      case "delimiter":
      case "parameter-set":
        // The second field of a frame has its own.
        if (this.#picture?.half !== true) this.#cut(start);
        else if (this.#next < 0) this.#next = start;
        if (kind === "delimiter") this.#markedAt = start;
        else this.#markedAt ??= start;
        return;
      case "sei":
      case "prefix":
        if (this.#picture !== undefined && this.#next < 0) this.#next = start;
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
    if (open !== undefined && relation !== "new-picture") {
      this.#next = -1;
      this.#markedAt = undefined;
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
      markedAt: this.#markedAt,
      recoveryPoint: this.#recoveryPoint,
      intra: picture.intra,
      half: picture.field,
    };
    this.#recoveryPoint = false;
    this.#markedAt = undefined;
    this.#scanner.pictureBegan();
  }

  /** Learns from the next NAL unit whether a picture ended at the mark. */
  #judge(next: { kind: NalKind; relation: SliceRelation | undefined; start: number }): void {
    const { kind, relation, start } = next;
    if (relation === "second-field") {
      this.#mark = -1;
      return;
    }
    const isFirst = !this.#passedMark;
    this.#passedMark = true;
    if (relation === "same-picture") return this.#goOn();
    if (isFirst && !this.#zerosBetween(this.#markedEnd, start)) return this.#decide(false, start);
    // What stands behind a picture may belong to it, or to the next.
    const isSure = kind === "slice" || kind === "delimiter" || kind === "parameter-set";
    if (isSure) this.#decide(true, start);
  }

  /** The NAL unit at the mark ended there, or went on: if it was a slice, the picture did. */
  #decide(ended: boolean, start: number): void {
    const mark = this.#mark;
    if (!ended && mark === this.#markedEnd) return this.#goOn();
    const handedOn = this.#handedOn;
    this.#mark = -1;
    this.#handedOn = false;
    this.#sink.judged(ended, false);
    if (handedOn) this.#cutAt(Math.min(mark, start));
  }

  /** The picture before the mark goes on behind it. */
  #goOn(): void {
    this.#again ||= this.#handedOn;
    this.#sink.judged(false, this.#handedOn);
    this.#mark = -1;
    this.#handedOn = false;
  }

  /** Whether the NAL unit that the mark stands in has gone on behind it. */
  #isPassed(): boolean {
    return !this.#passedMark && this.#scanner.nal < this.#markedEnd &&
      !this.#zerosBetween(this.#markedEnd, this.#window.end);
  }

  #zerosBetween(from: number, to: number): boolean {
    for (let at = from; at < to; at++) {
      if (this.#window.at(at) !== 0) return false;
    }
    return true;
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
    this.#next = this.#mark = -1;
    this.#handedOn = this.#again = this.#expectsNext = false;
  }

  #emit(end: number): void {
    const open = this.#picture!;
    const at = this.#window.start;
    this.#sink.unit({
      data: this.#window.view(at, end),
      at,
      markedAt: open.markedAt,
      pictureAt: open.at,
      picture: open.picture,
      intra: open.intra,
      recoveryPoint: open.recoveryPoint,
      again: this.#again,
    });
  }
}
