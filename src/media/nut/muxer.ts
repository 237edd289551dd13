/**
 * Writing NUT: what goes into an ffmpeg child.
 *
 * @module
 */

import { type Rational, sameRational } from "../../base/rational.ts";
import { ByteWriter } from "./byte_writer.ts";
import { crc32 } from "../crc32.ts";
import { FULL_FRAME_CODE, type NutStream, writeMainHeader, writeStreamHeader } from "./headers.ts";
import {
  FILE_ID,
  FrameFlag,
  MAIN_START_CODE,
  STREAM_START_CODE,
  SYNCPOINT_START_CODE,
} from "./tables.ts";

const START_CODE_BYTES = 8;

/** Options of a {@linkcode NutMuxer}. */
export interface NutMuxerOptions {
  /**
   * `"every-packet"`: a reader may start anywhere and recovers from damage; `"first-packet"`
   * (version 4, `NUT_PIPE`): for pipes. ffmpeg's reader remembers every syncpoint for as long as it
   * runs.
   * @default "every-packet"
   */
  readonly syncpoints?: "every-packet" | "first-packet";
}

/** One packet to write. */
export interface NutPacket {
  /** The index of the stream. @default 0 */
  readonly streamIndex?: number;
  /** Presentation time in ticks of the stream's time base, 0 or above. */
  readonly ptsTicks: number;
  readonly keyframe: boolean;
  readonly data: Uint8Array;
}

/** Writes packets as NUT. Payloads are never copied: they come back as chunks of their own. */
export class NutMuxer {
  readonly #streams: readonly NutStream[];
  readonly #timeBases: Rational[] = [];
  readonly #timeBaseIds: number[] = [];
  readonly #everyPacket: boolean;
  #wroteSyncpoint = false;
  #wroteOpening = false;

  /** Creates a muxer for these streams. */
  constructor(streams: readonly NutStream[], options: NutMuxerOptions = {}) {
    this.#streams = streams;
    this.#everyPacket = (options.syncpoints ?? "every-packet") === "every-packet";
    for (const { timeBase } of streams) {
      const reduced = reduce(timeBase);
      let id = this.#timeBases.findIndex((known) => sameRational(known, reduced));
      if (id < 0) id = this.#timeBases.push(reduced) - 1;
      this.#timeBaseIds.push(id);
    }
  }

  /** The file id, the main header and the stream headers: once, before the first packet. */
  header(): Uint8Array {
    const writer = new ByteWriter();
    const payload = new ByteWriter();
    writer.bytes(FILE_ID);
    const streamCount = this.#streams.length;
    const main = { streamCount, timeBases: this.#timeBases, syncpoints: this.#everyPacket };
    writeMainHeader(payload, main);
    writer.packet(MAIN_START_CODE, payload.view());
    this.#streams.forEach((stream, id) => {
      const payload = new ByteWriter();
      writeStreamHeader(payload, { id, timeBaseId: this.#timeBaseIds[id]!, stream });
      writer.packet(STREAM_START_CODE, payload.view());
    });
    return writer.take();
  }

  /**
   * {@linkcode header}, and the start code of the first packet's syncpoint, in its place: a reader knows from
   * that alone that there are no more headers. The first packet then begins behind it.
   */
  opening(): Uint8Array {
    this.#wroteOpening = true;
    const writer = new ByteWriter();
    writer.bytes(this.header());
    writer.u32(SYNCPOINT_START_CODE.high);
    writer.u32(SYNCPOINT_START_CODE.low);
    return writer.take();
  }

  /**
   * The chunks of one packet: a new header, and the payload itself. Throws a `RangeError` for a
   * stream index or a pts that cannot be written.
   */
  packet(packet: NutPacket): [header: Uint8Array, payload: Uint8Array] {
    const streamIndex = packet.streamIndex ?? 0;
    const timeBaseId = this.#timeBaseIds[streamIndex];
    if (timeBaseId === undefined) {
      throw new RangeError(
        `Cannot write a packet of stream ${streamIndex}: there are ${this.#streams.length}`,
      );
    }
    const writer = new ByteWriter(64);
    if (this.#everyPacket || !this.#wroteSyncpoint) {
      this.#wroteSyncpoint = true;
      const syncpoint = new ByteWriter(16);
      syncpoint.v(packet.ptsTicks * this.#timeBases.length + timeBaseId); // global_key_pts
      syncpoint.v(0); // back_ptr_div16: nobody seeks in a pipe
      writer.packet(SYNCPOINT_START_CODE, syncpoint.view());
    }
    const start = writer.length;
    writer.u8(FULL_FRAME_CODE);
    writer.v(packet.keyframe ? FrameFlag.KEY : 0); // coded_flags, combined by exclusive or
    writer.v(streamIndex);
    writer.v(packet.ptsTicks + 1); // coded_pts, in full: 1 << msb_pts_shift is added
    writer.v(packet.data.length); // data_size_msb, with a multiplier of 1
    writer.u32(crc32(writer.view(start)));
    if (!this.#wroteOpening) return [writer.view(), packet.data];
    this.#wroteOpening = false;
    return [writer.view(START_CODE_BYTES), packet.data];
  }
}

function reduce({ num, den }: Rational): Rational {
  let [a, b] = [num, den];
  while (b !== 0) [a, b] = [b, a % b];
  return { num: num / a, den: den / a };
}
