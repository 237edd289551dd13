/**
 * Access units in an Annex B byte stream that comes in pieces.
 *
 * Spec: ISO/IEC 14496-10 section 7.4.1.2.3, ISO/IEC 23008-2 section 7.4.2.4.4.
 */

import type { VideoCodec } from "../../types.ts";
import { startCodeOffset } from "../annexb.ts";
import { ByteWindow } from "./byte_window.ts";
import { H264PictureReader } from "./h264_picture.ts";
import { HevcPictureReader } from "./hevc_picture.ts";
import type { CodedPicture, NalKind, PictureReader, SliceRelation } from "./picture_reader.ts";
import { messageEndBehind } from "./sei.ts";
import { SLICE_HEAD_BYTES } from "./slice_reader.ts";

/** The most bytes of one access unit. */
const MAX_UNIT_BYTES = 8 * 1024 * 1024;

/** So many bytes are looked at together. */
const SCAN_BYTES = 4096;

/** Parameter sets between two pictures that are read: more only keep a damaged stream busy. */
const MAX_PARAMETER_SETS = 64;

/** One picture with all that belongs to it; positions count from the start of the stream. */
export interface AccessUnit {
  /** From the start code of its first NAL unit to the next one's. Stays valid. */
  readonly data: Uint8Array;
  /** Where it begins. */
  readonly at: number;
  /** Where a delimiter or parameter set says that it begins; undefined without one. */
  readonly markedAt: number | undefined;
  /** Where its first slice begins. */
  readonly pictureAt: number;
  readonly picture: CodedPicture;
  /** Whether all its slices are intra coded. */
  readonly intra: boolean;
  /** Whether its SEI says that decoding may start here. */
  readonly recoveryPoint: boolean;
  /** Whether it was handed on before, by {@linkcode AccessUnitParser.handOn}, without its end. */
  readonly again: boolean;
}

/** What an {@linkcode AccessUnitParser} reports to. */
export interface AccessUnitSink {
  /** An access unit is whole, or was handed on. */
  unit(unit: AccessUnit): void;
  /**
   * Whether a picture, and all behind it, ended at the place that was marked last; if not, whether the
   * unit was handed on there without its end.
   */
  judged(isEnd: boolean, tooEarly: boolean): void;
  /** A parameter set could not be read. */
  badParameterSet(): void;
  /** Bytes belong to no access unit that could be used. */
  dropped(reason: "stray" | "too-large", bytes: number): void;
}

/** The unit in front of a mark. */
export interface MarkedUnit {
  /** It begins here, */
  readonly from: number;
  /** or up to here, if what lies between belongs to the unit before. */
  readonly to: number;
  /** Whether decoding may start at it. */
  readonly keyframe: boolean;
}

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
  /** Where to go on looking for start codes. */
  #search = 0;
  /** The header of the last NAL unit found, or -1; and whether it was taken. */
  #nal = -1;
  #taken = true;
  /** Whether what the window begins with begins a unit. */
  #synced = false;
  #picture: OpenPicture | undefined;
  /** Behind the open picture: where the next unit begins if the picture does not go on; or -1. */
  #next = -1;
  #markedAt: number | undefined;
  #recoveryPoint = false;
  #sets = 0;
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
    if (waits && this.#window.end - this.#search < SCAN_BYTES) return;
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
    if (open === undefined || open.half || !this.#taken || this.#mark >= 0) return undefined;
    this.#markedEnd = this.#window.end;
    this.#mark = this.#next >= 0 ? this.#next : this.#markedEnd;
    this.#passedMark = false;
    const keyframe = open.picture.randomAccess || open.recoveryPoint || open.intra;
    return { from: this.#window.start, to: open.markedAt ?? open.at, keyframe };
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
    this.#search = end;
    this.#nal = -1;
    this.#taken = true;
    this.#synced = false;
    this.#markedAt = undefined;
    this.#recoveryPoint = false;
  }

  /** Reads all NAL units that can be read; at the end also what is known only in part. */
  #scan(until: "bytes" | "mark" | "end"): void {
    const window = this.#window;
    for (;;) {
      const found = window.findNalUnit(this.#search);
      const isFound = found >= 0 && found < window.end;
      const limit = isFound ? found - 3 : window.end;
      if (!this.#taken && (isFound || this.#canTake(limit, until))) {
        this.#taken = true;
        this.#take(this.#nal, limit);
      }
      if (!isFound) {
        this.#search = Math.max(this.#search, found >= 0 ? found - 3 : window.end - 2);
        if (!this.#synced) this.#skip();
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
  #canTake(limit: number, until: "bytes" | "mark" | "end"): boolean {
    if (until === "end" || limit - this.#nal >= SLICE_HEAD_BYTES) return true;
    if (until === "bytes") return false;
    const window = this.#window;
    const [at, end] = [window.index(this.#nal), window.index(limit)];
    const kind = this.#reader.kind(window.data, at, end);
    return kind !== "slice" || this.#reader.canRead(window.data, at, end);
  }

  /** Gives up bytes in front of the first unit. */
  #skip(): void {
    const window = this.#window;
    const from = this.#taken ? this.#search - 1 : this.#nal - 4;
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

  /** Whether a unit begins with this NAL unit, in front of which there is none. */
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
    this.#sets = 0;
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
    return !this.#passedMark && this.#nal < this.#markedEnd &&
      !this.#zerosBetween(this.#markedEnd, this.#window.end);
  }

  #zerosBetween(from: number, to: number): boolean {
    for (let at = from; at < to; at++) {
      if (this.#window.at(at) !== 0) return false;
    }
    return true;
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
    if (kind !== "sei" && kind !== "parameter-set") return -1;
    let end = window.index(code);
    while (end > at && data[end - 1] === 0) end--;
    const unit = data.subarray(at, end);
    if (kind === "parameter-set") {
      const reads = this.#sets++ < MAX_PARAMETER_SETS;
      if (reads && !this.#reader.parameterSet(unit)) this.#sink.badParameterSet();
      return -1;
    }
    const behind = messageEndBehind(data, {
      from: at + this.#reader.headerBytes,
      code: window.index(code),
      end: window.index(window.end),
    });
    if (behind !== -1) return behind === "more" ? behind : behind - at + nal;
    if (this.#reader.recoveryPoint(unit)) this.#recoveryPoint = true;
    return -1;
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
