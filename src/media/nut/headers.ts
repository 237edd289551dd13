/**
 * The main header and the stream headers of NUT: records, with parse beside serialise (NUT
 * specification, "main_header" and "stream_header").
 *
 * @module
 */

import type { Rational } from "../../base/rational.ts";
import type { NutCursor } from "./nut_cursor.ts";
import type { ByteWriter } from "./byte_writer.ts";
import {
  audioFormatOf,
  audioFourcc,
  FrameFlag,
  MainFlag,
  MAX_DISTANCE,
  type NutAudioFormat,
  type NutVideoFormat,
  START_CODE_BYTE,
  videoFormatOf,
  videoFourcc,
} from "./tables.ts";

const MAX_STREAMS = 256;
const MAX_TIME_BASES = 256;
const MAX_ELISION_HEADERS = 127;
const MAX_EXTRADATA_BYTES = 1 << 20;
const MAX_TIME_BASE_TERM = 2 ** 31;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/** What one frame code stands for: one row of the main header's table. */
export interface FrameCode {
  readonly flags: number;
  readonly ptsDelta: number;
  readonly sizeMul: number;
  readonly sizeLsb: number;
  readonly streamId: number;
  readonly reservedCount: number;
  readonly headerIndex: number;
}

/** The main header. */
export interface MainHeader {
  readonly version: number;
  readonly streamCount: number;
  readonly timeBases: readonly Rational[];
  /** 256 rows, by frame code. */
  readonly frameCodes: readonly FrameCode[];
  /** Bytes left out at the start of frames; the first entry is empty. */
  readonly elisionHeaders: readonly Uint8Array[];
  readonly flags: number;
}

/** A video stream of a NUT file. */
export interface NutVideoStream {
  readonly kind: "video";
  readonly format: NutVideoFormat;
  readonly timeBase: Rational;
  readonly width: number;
  readonly height: number;
  /** `decode_delay`: the most frames that a decoder holds back to order them. @default 0 */
  readonly decodeDelay?: number;
  /** `codec_specific_data`. @default empty */
  readonly extradata?: Uint8Array;
}

/** An audio stream of a NUT file. */
export interface NutAudioStream {
  readonly kind: "audio";
  readonly format: NutAudioFormat;
  readonly timeBase: Rational;
  readonly sampleRate: number;
  readonly channels: number;
  /** `codec_specific_data`. @default empty */
  readonly extradata?: Uint8Array;
}

/** A stream that is neither, or whose code is not known here: its packets come out untouched. */
export interface NutOtherStream {
  readonly kind: "other";
  /** `stream_class`: 0 video, 1 audio, 2 subtitles, 3 user data. */
  readonly streamClass: number;
  readonly fourcc: Uint8Array;
  readonly timeBase: Rational;
  readonly extradata?: Uint8Array;
}

/** A stream that can be written. */
export type NutStream = NutVideoStream | NutAudioStream;

/** A stream as read. */
export type NutStreamInfo = NutStream | NutOtherStream;

/** A stream header as read: the stream and what is needed to read its frames. */
export interface StreamHeader {
  readonly id: number;
  readonly msbPtsShift: number;
  readonly info: NutStreamInfo;
}

/** Reads the payload of a main header. */
export function parseMainHeader(cursor: NutCursor): MainHeader {
  const version = cursor.v();
  if (version < 2 || version > 4) throw cursor.damage(`version ${version}, not 2 to 4,`);
  if (version > 3) cursor.v(); // minor_version
  const streamCount = cursor.capped(MAX_STREAMS, "a stream count");
  if (streamCount === 0) throw cursor.damage("no stream");
  cursor.v(); // max_distance: the transport loses nothing, so it is not enforced
  const timeBaseCount = cursor.capped(MAX_TIME_BASES, "a time base count");
  const timeBases: Rational[] = [];
  for (let i = 0; i < timeBaseCount; i++) {
    const num = cursor.capped(MAX_TIME_BASE_TERM, "a time base");
    const den = cursor.capped(MAX_TIME_BASE_TERM, "a time base");
    if (num === 0 || den === 0) throw cursor.damage(`the time base ${num}/${den}`);
    timeBases.push({ num, den });
  }
  const frameCodes = parseFrameCodes(cursor, streamCount);
  const elisionHeaders = [NO_BYTES];
  if (cursor.remaining > 0) {
    const count = cursor.capped(MAX_ELISION_HEADERS, "an elision header count");
    for (let i = 0; i < count; i++) {
      elisionHeaders.push(cursor.vb(255, "an elision header").slice());
    }
  }
  const flags = version > 3 && cursor.remaining > 0 ? cursor.v() : 0;
  return { version, streamCount, timeBases, frameCodes, elisionHeaders, flags };
}

const INVALID_CODE: FrameCode = Object.freeze({
  flags: FrameFlag.INVALID,
  ptsDelta: 0,
  sizeMul: 1,
  sizeLsb: 0,
  streamId: 0,
  reservedCount: 0,
  headerIndex: 0,
});

function parseFrameCodes(cursor: NutCursor, streamCount: number): FrameCode[] {
  const codes: FrameCode[] = [];
  let ptsDelta = 0;
  let sizeMul = 1;
  let streamId = 0;
  let headerIndex = 0;
  while (codes.length < 256) {
    const flags = cursor.v();
    const fields = cursor.capped(64, "a field count");
    if (fields > 0) ptsDelta = cursor.s();
    if (fields > 1) sizeMul = cursor.v();
    if (fields > 2) streamId = cursor.v();
    const size = fields > 3 ? cursor.v() : 0;
    const reservedCount = fields > 4 ? cursor.v() : 0;
    let count = fields > 5 ? cursor.v() : sizeMul - size;
    if (fields > 6) cursor.skipNumber(); // match: a number near -2^62 stands for none
    if (fields > 7) headerIndex = cursor.v();
    for (let i = 8; i < fields; i++) cursor.skipNumber();
    if (streamId >= streamCount) throw cursor.damage(`stream ${streamId} of ${streamCount}`);
    if (count <= 0) throw cursor.damage(`a run of ${count} frame codes`);
    for (let j = 0; count > 0; count--, j++) {
      // The code 'N' announces a start code: it takes no row of the run.
      if (codes.length === START_CODE_BYTE) codes.push(INVALID_CODE);
      if (codes.length >= 256) throw cursor.damage("more than 256 frame codes");
      const sizeLsb = size + j;
      codes.push({ flags, ptsDelta, sizeMul, sizeLsb, streamId, reservedCount, headerIndex });
    }
  }
  return codes;
}

/** Reads the payload of a stream header. */
export function parseStreamHeader(cursor: NutCursor, main: MainHeader): StreamHeader {
  const id = cursor.capped(main.streamCount - 1, "a stream id");
  const streamClass = cursor.capped(3, "a stream class");
  const fourcc = cursor.vb(4, "a codec code").slice();
  const timeBase = main.timeBases[cursor.capped(main.timeBases.length - 1, "a time base id")]!;
  const msbPtsShift = cursor.capped(31, "msb_pts_shift");
  cursor.v(); // max_pts_distance: checksums are read wherever they are
  const decodeDelay = cursor.capped(1000, "decode_delay");
  cursor.v(); // stream_flags
  const extradata = cursor.vb(MAX_EXTRADATA_BYTES, "codec data").slice();
  const other = { kind: "other", streamClass, fourcc, timeBase, extradata } as const;
  if (streamClass === 0) {
    const width = cursor.capped(65_535, "a width");
    const height = cursor.capped(65_535, "a height");
    const format = videoFormatOf(fourcc);
    if (format === undefined) return { id, msbPtsShift, info: other };
    const shape = { width, height, decodeDelay, extradata };
    return { id, msbPtsShift, info: { kind: "video", format, timeBase, ...shape } };
  }
  const format = streamClass === 1 ? audioFormatOf(fourcc) : undefined;
  if (format === undefined) return { id, msbPtsShift, info: other };
  const sampleRateNum = cursor.v();
  const sampleRateDen = cursor.v();
  const channels = cursor.capped(255, "a channel count");
  const sampleRate = Math.round(sampleRateNum / Math.max(1, sampleRateDen));
  return {
    id,
    msbPtsShift,
    info: { kind: "audio", format, timeBase, sampleRate, channels, extradata },
  };
}

/**
 * Writes the payload of a main header. Every frame code but one is invalid: that one says all in
 * full (flags, stream, pts, size), which costs a few bytes a frame and needs no tables.
 */
export function writeMainHeader(
  writer: ByteWriter,
  header: { streamCount: number; timeBases: readonly Rational[]; syncpoints: boolean },
): void {
  writer.v(header.syncpoints ? 3 : 4);
  if (!header.syncpoints) writer.v(0); // minor_version
  writer.v(header.streamCount);
  writer.v(MAX_DISTANCE);
  writer.v(header.timeBases.length);
  for (const timeBase of header.timeBases) {
    writer.v(timeBase.num);
    writer.v(timeBase.den);
  }
  writeCodeRun(writer, FULL_FRAME_FLAGS, FULL_FRAME_CODE + 1);
  // 255, not 256: the code 'N' is skipped by the rule above.
  writeCodeRun(writer, FrameFlag.INVALID, 255 - (FULL_FRAME_CODE + 1));
  writer.v(0); // header_count_minus1
  if (!header.syncpoints) writer.v(MainFlag.PIPE);
}

/** The frame code that every written frame has. */
export const FULL_FRAME_CODE = 0;
const FULL_FRAME_FLAGS = FrameFlag.CODED | FrameFlag.STREAM_ID | FrameFlag.CODED_PTS |
  FrameFlag.SIZE_MSB | FrameFlag.CHECKSUM;

function writeCodeRun(writer: ByteWriter, flags: number, count: number): void {
  writer.v(flags);
  writer.v(6);
  writer.s(0); // pts delta
  writer.v(1); // size multiplier
  writer.v(0); // stream
  writer.v(0); // size
  writer.v(0); // reserved
  writer.v(count);
}

/** Writes the payload of a stream header. */
export function writeStreamHeader(
  writer: ByteWriter,
  header: { id: number; timeBaseId: number; stream: NutStream },
): void {
  const { stream } = header;
  writer.v(header.id);
  writer.v(stream.kind === "video" ? 0 : 1);
  writer.vb(stream.kind === "video" ? videoFourcc(stream.format) : audioFourcc(stream.format));
  writer.v(header.timeBaseId);
  writer.v(0); // msb_pts_shift: every pts is written in full
  writer.v(0); // max_pts_distance: every frame header has a checksum
  writer.v(stream.kind === "video" ? stream.decodeDelay ?? 0 : 0);
  writer.v(0); // stream_flags
  writer.vb(stream.extradata ?? NO_BYTES);
  if (stream.kind === "video") {
    writer.v(stream.width);
    writer.v(stream.height);
    writer.v(0); // sample_width: unknown
    writer.v(0); // sample_height
    writer.v(0); // colorspace_type: unknown
  } else {
    writer.v(stream.sampleRate);
    writer.v(1); // samplerate_denom
    writer.v(stream.channels);
  }
}
