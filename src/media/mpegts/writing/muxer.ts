/**
 * The MPEG-TS muxer.
 *
 * Spec: ISO/IEC 13818-1 section 2.4.
 */

import type { Packet, VideoCodec } from "../../types.ts";
import { audioFraming, type Framing, type MuxAudio, videoFraming } from "./framing.ts";
import { packetize, type PacketizeOptions, planPackets, writeClockPacket } from "./packetizer.ts";
import { maskClock, pesHeaderBytes, writePesHeader } from "../pes/pes.ts";
import { isJump } from "../tracks/clock.ts";
import { writePat, writePmt } from "../tables/psi.ts";
import { PID, SYNC_BYTE, TS_HEADER_BYTES, TS_PACKET_BYTES } from "../numbers.ts";

export type { MuxAudio };

const PROGRAM_NUMBER = 1;

/** How far the program clock runs behind decoding: 100 ms. A receiver's buffer lives on it. */
const PCR_DELAY_TICKS = 9000;

/**
 * How often the clock comes with sound while pictures do not come: the first frame after 67 ms, as 100 ms
 * is the most that section 2.7.2 allows.
 */
const PCR_INTERVAL_TICKS = 6000;

/** Options of an {@linkcode MpegTsMuxer}: at least one stream. */
export interface MpegTsMuxerOptions {
  readonly video?: { readonly codec: VideoCodec };
  /** `extradata` is the AudioSpecificConfig of `aac` and the OpusHead of `opus`. */
  readonly audio?: MuxAudio;
}

interface MuxedStream {
  readonly framing: Framing;
  continuity: number;
}

/**
 * Writes one program with up to one video and one audio stream. Every access unit becomes whole
 * transport packets at once: nothing is interleaved or held back. A unit's last packet always holds
 * stuffing, and its PES length is set where it fits, so that a demuxer need not wait for the next.
 *
 * ```ts
 * import { MpegTsMuxer } from "./muxer.ts";
 *
 * const muxer = new MpegTsMuxer({ video: { codec: "h264" } });
 * const tables = muxer.startSegment();
 * console.log(tables.length); // 376
 * ```
 */
export class MpegTsMuxer {
  #video: MuxedStream | undefined;
  #audio: MuxedStream | undefined;
  #tables: readonly [pat: Uint8Array, pmt: Uint8Array];
  #tableContinuity = 0;
  #version = 0;
  #hasPictures = false;
  /** The decoding time of the last packet that carried the clock. */
  #clockTicks: number | undefined;

  /**
   * Throws a `TypeError` without streams, and a `MediaError` (`MEDIA_UNSUPPORTED_CODEC`,
   * `MEDIA_BAD_FRAME`) for an audio configuration that MPEG-TS cannot carry.
   */
  constructor(options: MpegTsMuxerOptions) {
    [this.#video, this.#audio] = describeStreams(options);
    this.#tables = this.#describeProgram();
  }

  /**
   * Says that the program holds other streams from now on: call it right before
   * {@linkcode startSegment}, whose tables then carry the next version. Throws like the constructor,
   * and then nothing has changed.
   */
  reconfigure(options: MpegTsMuxerOptions): void {
    const [video, audio] = describeStreams(options);
    // The counter of a PID goes on whatever the PID carries.
    if (video !== undefined) video.continuity = this.#video?.continuity ?? 0;
    if (audio !== undefined) audio.continuity = this.#audio?.continuity ?? 0;
    this.#video = video;
    this.#audio = audio;
    this.#version++;
    this.#tables = this.#describeProgram();
  }

  /** The program's tables, two packets: each segment begins with them. */
  startSegment(): Uint8Array {
    const out = new Uint8Array(2 * TS_PACKET_BYTES).fill(0xFF);
    const continuity = this.#tableContinuity;
    this.#tableContinuity = continuity + 1 & 15;
    const [pat, pmt] = this.#tables;
    writeTablePacket(out.subarray(0, TS_PACKET_BYTES), pat, { pid: PID.PAT, continuity });
    writeTablePacket(out.subarray(TS_PACKET_BYTES), pmt, { pid: PID.PMT, continuity });
    return out;
  }

  /**
   * Writes one access unit: whole transport packets in a buffer of their own. Throws a `TypeError`
   * for a packet of a stream that was not declared or is empty, a `RangeError` for times that are
   * no whole numbers, and a `MediaError` `MEDIA_BAD_FRAME` for an AAC frame too large for ADTS.
   */
  write(packet: Packet): Uint8Array {
    const stream = packet.kind === "video" ? this.#video : this.#audio;
    if (stream === undefined || packet.data.length === 0) throw unwritable(packet);
    const { ptsTicks, dtsTicks, data } = packet;
    if (!Number.isSafeInteger(ptsTicks) || !Number.isSafeInteger(dtsTicks)) {
      throw new RangeError(
        `Cannot write a packet at pts ${ptsTicks}, dts ${dtsTicks}: give whole 90 kHz ticks`,
      );
    }
    const { framing } = stream;
    const carriesClock = packet.kind === "video" || this.#video === undefined;
    const options: PacketizeOptions = {
      pid: framing.entry.pid,
      pcrBase: carriesClock ? pcrBase(dtsTicks) : undefined,
      randomAccess: carriesClock && packet.keyframe,
      jumps: carriesClock && this.#jumpsTo(dtsTicks),
      continuity: stream.continuity,
    };
    const payloadBytes = framing.prefixBytes(data) + data.length;
    const pesBytes = pesHeaderBytes(ptsTicks !== dtsTicks) + payloadBytes;
    const plan = planPackets(pesBytes, options);
    const clock = this.#clockPacket(packet);
    const all = new Uint8Array((plan.packets + (clock === undefined ? 0 : 1)) * TS_PACKET_BYTES);
    if (clock !== undefined) all.set(clock);
    const out = clock === undefined ? all : all.subarray(TS_PACKET_BYTES);
    const pesAt = out.length - pesBytes - plan.pesStuffing;
    const payloadAt = pesAt + writePesHeader(out.subarray(pesAt), {
      streamId: framing.streamId,
      ptsTicks,
      dtsTicks,
      payloadBytes,
      stuffingBytes: plan.pesStuffing,
    });
    framing.writePrefix(data, out, payloadAt);
    out.set(data, out.length - data.length);
    packetize(out, pesAt, options);
    stream.continuity = stream.continuity + plan.packets & 15;
    return all;
  }

  /** Whether the clock does not go on with a packet that carries it. */
  #jumpsTo(dtsTicks: number): boolean {
    const before = this.#clockTicks;
    this.#clockTicks = dtsTicks;
    return before !== undefined && isJump(dtsTicks - before);
  }

  /** The clock is the pictures' to carry, and runs before the first of them, too. */
  #clockPacket({ kind, dtsTicks }: Packet): Uint8Array | undefined {
    this.#hasPictures ||= kind === "video";
    if (this.#hasPictures || this.#video === undefined) return undefined;
    const step = dtsTicks - (this.#clockTicks ?? -Infinity);
    if (step >= 0 && step < PCR_INTERVAL_TICKS) return undefined;
    const clock = new Uint8Array(TS_PACKET_BYTES);
    const { framing, continuity } = this.#video;
    writeClockPacket(clock, {
      pid: framing.entry.pid,
      pcrBase: pcrBase(dtsTicks),
      continuity: continuity + 15 & 15,
      jumps: this.#jumpsTo(dtsTicks),
    });
    return clock;
  }

  #describeProgram(): [pat: Uint8Array, pmt: Uint8Array] {
    const streams = [this.#video, this.#audio].flatMap((stream) => stream?.framing.entry ?? []);
    const program = { programNumber: PROGRAM_NUMBER, pcrPid: streams[0]!.pid, streams };
    return [
      writePat({ programNumber: PROGRAM_NUMBER, pmtPid: PID.PMT }),
      writePmt(program, this.#version),
    ];
  }
}

function describeStreams(
  { video, audio }: MpegTsMuxerOptions,
): [video: MuxedStream | undefined, audio: MuxedStream | undefined] {
  if (video === undefined && audio === undefined) {
    throw new TypeError("Cannot create a muxer without streams: give video, audio or both");
  }
  return [
    video && { framing: videoFraming(video.codec), continuity: 0 },
    audio && { framing: audioFraming(audio), continuity: 0 },
  ];
}

/** The program clock at a decoding time: behind it, and never before the start of time. */
function pcrBase(dtsTicks: number): number {
  const early = dtsTicks - PCR_DELAY_TICKS;
  return dtsTicks >= 0 && early < 0 ? 0 : maskClock(early);
}

function writeTablePacket(
  target: Uint8Array,
  section: Uint8Array,
  header: { pid: number; continuity: number },
): void {
  target[0] = SYNC_BYTE;
  target[1] = 0x40 | header.pid >> 8;
  target[2] = header.pid & 0xFF;
  target[3] = 0x10 | header.continuity;
  target[TS_HEADER_BYTES] = 0; // pointer_field
  target.set(section, TS_HEADER_BYTES + 1);
}

function unwritable(packet: Packet): TypeError {
  return new TypeError(
    packet.data.length === 0
      ? `Cannot write an empty ${packet.kind} packet: drop it`
      : `Cannot write a ${packet.kind} packet: the muxer was created without ${packet.kind}`,
  );
}
