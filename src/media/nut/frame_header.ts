/**
 * The header of one NUT frame (NUT specification, "frame").
 *
 * @module
 */

import type { NutCursor } from "./nut_cursor.ts";
import { crc32 } from "../crc32.ts";
import type { MainHeader, StreamHeader } from "./headers.ts";
import { ELISION_SIZE_MAX, FrameFlag } from "./tables.ts";

/** What is kept about a stream between its frames. */
export interface StreamState {
  readonly header: StreamHeader;
  /** The pts that coded and predicted ones refer to. */
  lastPtsTicks: number;
}

/** A frame header as read. */
export interface FrameHeader {
  readonly streamIndex: number;
  readonly ptsTicks: number;
  readonly flags: number;
  /** The bytes that follow in the stream: side data and what was not left out of the frame. */
  readonly wireBytes: number;
  /** The bytes left out at the start of the frame. */
  readonly elided: Uint8Array;
}

/**
 * Reads a frame header and moves its stream's clock. Throws a `MediaError` for a frame code that is
 * not in use, a size above `maxBytes`, or a checksum that does not match.
 */
export function readFrameHeader(
  cursor: NutCursor,
  file: { main: MainHeader; streams: readonly StreamState[]; maxBytes: number },
): FrameHeader {
  const start = cursor.position;
  const frameCode = cursor.readU8();
  const row = file.main.frameCodes[frameCode]!;
  if (row.flags & FrameFlag.INVALID) throw cursor.damage(`the unused frame code ${frameCode}`);
  const flags = row.flags & FrameFlag.CODED ? row.flags ^ cursor.v() : row.flags;
  const streamIndex = flags & FrameFlag.STREAM_ID ? cursor.v() : row.streamId;
  const stream = file.streams[streamIndex];
  if (stream === undefined) throw cursor.damage(`a frame of stream ${streamIndex}`);
  const ptsTicks = flags & FrameFlag.CODED_PTS
    ? decodePts(cursor.v(), stream)
    : stream.lastPtsTicks + row.ptsDelta;
  const sizeMsb = flags & FrameFlag.SIZE_MSB ? cursor.v() : 0;
  const size = row.sizeLsb + row.sizeMul * sizeMsb;
  if (flags & FrameFlag.MATCH_TIME) cursor.skipNumber();
  const headerIndex = flags & FrameFlag.HEADER_IDX ? cursor.v() : row.headerIndex;
  const reserved = flags & FrameFlag.RESERVED ? cursor.v() : row.reservedCount;
  for (let i = 0; i < reserved; i++) cursor.skipNumber();
  if (flags & FrameFlag.CHECKSUM) {
    const expected = crc32(cursor.since(start));
    if (cursor.readU32() !== expected) throw cursor.damage("a frame header with a wrong checksum");
  }
  const elided = file.main.elisionHeaders[size > ELISION_SIZE_MAX ? 0 : headerIndex];
  if (elided === undefined) throw cursor.damage(`the elision header ${headerIndex}`);
  const wireBytes = size - elided.length;
  if (wireBytes < 0 || size > file.maxBytes) throw cursor.damage(`a frame of ${size} bytes`);
  stream.lastPtsTicks = ptsTicks;
  return { streamIndex, ptsTicks, flags, wireBytes, elided };
}

/** `coded_pts`: in full, or the low bits of a pts near the last one. */
function decodePts(coded: number, stream: StreamState): number {
  const range = 2 ** stream.header.msbPtsShift;
  if (coded >= range) return coded - range;
  const lowest = stream.lastPtsTicks - Math.floor((range - 1) / 2);
  const ahead = (coded - lowest) % range;
  return lowest + (ahead < 0 ? ahead + range : ahead);
}
