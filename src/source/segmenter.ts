/**
 * Media into MPEG-TS segments that each play alone.
 *
 * @module
 */

import { sameBytes } from "../base/bytes.ts";
import { TICKS_PER_SECOND } from "../base/rational.ts";
import { describeError } from "../base/errors.ts";
import { roomLogger } from "../base/log.ts";
import { MpegTsMuxer, type MpegTsMuxerOptions } from "../media/mpegts/mod.ts";
import type { AudioStreamInfo, Packet } from "../media/types.ts";
import { knownStreams, type MediaEvent } from "./media_event.ts";

const log = roomLogger("source");

/** Takes the bytes of one segment. The segment writers of `src/trickle` implement it. */
export interface MediaSegmentWriter {
  /** Takes bytes that will not change; rejects once the segment has failed. */
  write(bytes: Uint8Array): Promise<unknown>;
  /** Ends the segment; rejects when it was not stored. */
  close(): Promise<unknown>;
  /** Gives the segment up. @default close */
  abandon?(reason?: unknown): Promise<unknown>;
}

/** Options of {@linkcode writeSegments}. */
export interface WriteSegmentsOptions {
  /** The length of segments without video, in seconds. @default 2 */
  readonly audioSegmentSeconds?: number;
  /** Called when the writer has taken the last byte of a packet. */
  readonly onWritten?: (packet: Packet) => void;
}

/** What {@linkcode writeSegments} wrote. */
export interface SegmentTotals {
  /** Segments begun. */
  readonly segments: number;
  /** Segments that the writer did not take or store: they were given up. */
  readonly failedSegments: number;
  /** Packets written. */
  readonly packets: number;
  /** Packets before the first keyframe, or in what was left of failed segments. */
  readonly droppedPackets: number;
  /** Bytes written. */
  readonly bytes: number;
}

/**
 * Writes each packet as it comes: a new segment from each keyframe on, or every two seconds where
 * there is only audio. A segment that fails is given up and counted, and the next keyframe opens
 * another: `open` decides when to stop, by rejecting. Resolves when the media has ended and the
 * last segment is closed. Rejects, with the segment given up, with what the media or `open` throw,
 * or a `MediaError` for a stream that MPEG-TS cannot carry.
 */
export async function writeSegments(
  events: AsyncIterable<MediaEvent>,
  open: () => Promise<MediaSegmentWriter>,
  options: WriteSegmentsOptions = {},
): Promise<SegmentTotals> {
  const segmenter = new Segmenter(open, options);
  try {
    for await (const event of knownStreams(events)) {
      if (event.kind === "streams") segmenter.describe(event);
      else if (event.kind === "packet") await segmenter.write(event.packet);
    }
  } catch (error) {
    await segmenter.abandon(error);
    throw error;
  }
  await segmenter.finish();
  return segmenter.totals;
}

/** One run of {@linkcode writeSegments}. */
class Segmenter {
  readonly totals = { segments: 0, failedSegments: 0, packets: 0, droppedPackets: 0, bytes: 0 };
  readonly #open: () => Promise<MediaSegmentWriter>;
  readonly #onWritten: ((packet: Packet) => void) | undefined;
  readonly #audioSegmentTicks: number;
  readonly #closing = new Set<Promise<void>>();
  #streams: MpegTsMuxerOptions = {};
  /** What the tables of the open segment say. */
  #muxedStreams: MpegTsMuxerOptions | undefined;
  #muxer: MpegTsMuxer | undefined;
  #writer: MediaSegmentWriter | undefined;
  #segmentStartTicks = 0;

  constructor(open: () => Promise<MediaSegmentWriter>, options: WriteSegmentsOptions) {
    this.#open = open;
    this.#onWritten = options.onWritten;
    this.#audioSegmentTicks = (options.audioSegmentSeconds ?? 2) * TICKS_PER_SECOND;
  }

  /** Says what the packets from now on are; the next segment is the first that has it. */
  describe({ video, audio }: MpegTsMuxerOptions): void {
    this.#streams = {
      ...(video === undefined ? {} : { video }),
      ...(audio === undefined ? {} : { audio }),
    };
  }

  async write(packet: Packet): Promise<void> {
    const opens = this.#opensSegment(packet);
    if (opens) await this.#nextSegment(packet);
    const isMuxed = this.#muxedStreams?.[packet.kind] !== undefined;
    if (this.#writer === undefined || this.#muxer === undefined || !isMuxed) {
      this.totals.droppedPackets++;
      return;
    }
    const bytes = this.#muxer.write(packet);
    // The tables go with the first packet: a segment never begins without one.
    if (await this.#send(opens ? [this.#muxer.startSegment(), bytes] : [bytes])) {
      this.totals.packets++;
      this.#onWritten?.(packet);
    } else this.totals.droppedPackets++;
  }

  /** Closes what is open and waits for all answers. */
  async finish(): Promise<void> {
    this.#closeSegment();
    await Promise.all(this.#closing);
  }

  /** Gives up what is open and waits for all answers. */
  async abandon(reason: unknown): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer !== undefined) this.#track(giveUp(writer, reason));
    await Promise.all(this.#closing);
  }

  #opensSegment(packet: Packet): boolean {
    if (packet.kind === "video") return packet.keyframe;
    if (this.#streams.video !== undefined) return false;
    if (this.#writer === undefined) return true;
    const ageTicks = packet.ptsTicks - this.#segmentStartTicks;
    return ageTicks >= this.#audioSegmentTicks || ageTicks < 0;
  }

  async #nextSegment(packet: Packet): Promise<void> {
    this.#closeSegment();
    const streams = this.#streams;
    if (this.#muxer === undefined) this.#muxer = new MpegTsMuxer(streams);
    else if (!sameStreams(streams, this.#muxedStreams)) this.#muxer.reconfigure(streams);
    this.#muxedStreams = streams;
    this.#writer = await this.#open();
    this.#segmentStartTicks = packet.ptsTicks;
    this.totals.segments++;
  }

  async #send(pieces: readonly Uint8Array[]): Promise<boolean> {
    try {
      for (const piece of pieces) {
        await this.#writer!.write(piece);
        this.totals.bytes += piece.length;
      }
      return true;
    } catch (error) {
      // The rest of a segment with a hole cannot be decoded: the next keyframe begins anew.
      this.#countFailure(error);
      const failed = this.#writer!;
      this.#writer = undefined;
      this.#track(giveUp(failed, error));
      return false;
    }
  }

  /** The answer to a finished segment must not hold up the next one. */
  #closeSegment(): void {
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer === undefined) return;
    this.#track(writer.close().then(() => {}, (error) => this.#countFailure(error)));
  }

  #countFailure(error: unknown): void {
    this.totals.failedSegments++;
    log.warn("A segment failed, going on with the next one: {reason}", {
      reason: describeError(error),
    });
  }

  #track(closing: Promise<void>): void {
    const tracked = closing.finally(() => this.#closing.delete(tracked));
    this.#closing.add(tracked);
  }
}

async function giveUp(writer: MediaSegmentWriter, reason: unknown): Promise<void> {
  try {
    await (writer.abandon === undefined ? writer.close() : writer.abandon(reason));
  } catch (error) {
    // It has failed already, which was counted.
    log.debug("Giving up a segment failed: {reason}", { reason: describeError(error) });
  }
}

function sameStreams(a: MpegTsMuxerOptions, b: MpegTsMuxerOptions | undefined): boolean {
  return a.video?.codec === b?.video?.codec && sameAudio(a.audio, b?.audio);
}

type MuxedAudio = Pick<AudioStreamInfo, "codec" | "sampleRate" | "channels" | "extradata">;

function sameAudio(a: MuxedAudio | undefined, b: MuxedAudio | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.codec === b.codec && a.sampleRate === b.sampleRate && a.channels === b.channels &&
    sameBytes(a.extradata, b.extradata);
}
