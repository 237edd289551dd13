/**
 * Packets into MPEG-TS segments: one GOP each, written as the bytes come.
 *
 * @module
 */

import { concatBytes } from "../../base/bytes.ts";
import {
  BoundedQueue,
  describeError,
  roomLogger,
  TICKS_PER_SECOND,
  TrickleError,
} from "../../base/mod.ts";
import { MpegTsMuxer, type MpegTsMuxerOptions } from "../../media/mpegts/mod.ts";
import type { AudioStreamInfo, Packet, VideoCodec } from "../../media/types.ts";
import type { SegmentSink, SegmentWriter } from "../../trickle/mod.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";

const log = roomLogger("session");

/** Packets that may wait for the sink before the encoders are slowed down. */
const MAX_WAITING_PACKETS = 64;

/** A packet of the output. */
export interface OutputPacket extends Packet {
  /** Format of a picture: it may be another from one segment to the next. @default "h264" */
  readonly codec?: VideoCodec;
}

/** What the output carries. */
export interface OutputStreams {
  readonly video: boolean;
  /** Format of the pictures that come, where sound begins the segment before them. @default "h264" */
  readonly videoCodec?: VideoCodec;
  readonly audio: AudioStreamInfo | undefined;
}

/** A segment that is being written, and what is in it. */
interface OpenSegment {
  readonly writer: SegmentWriter;
  frames: number;
}

/** Options of a {@linkcode SegmentOutput}. */
export interface SegmentOutputOptions {
  readonly sink: SegmentSink;
  readonly meters: StreamMeters;
  /** Length of a segment without video, in seconds. With video each keyframe begins a segment. */
  readonly audioSegmentSeconds: number;
  /** Called when the first segment begins. */
  readonly onFirstSegment: () => void;
  /** Called when a segment could not be published; the next one may work. */
  readonly onSegmentError: (error: Error) => void;
  /** Called once when nothing can be published any more: the channel was closed, or is gone. */
  readonly onClosed: (error: Error) => void;
}

/**
 * Muxes packets and writes them to the sink's segments. Every segment starts with PAT, PMT and, where
 * there is video, a keyframe, and plays alone.
 */
export class SegmentOutput implements AsyncDisposable {
  readonly #options: SegmentOutputOptions;
  readonly #packets = new BoundedQueue<OutputPacket>({
    capacity: MAX_WAITING_PACKETS,
    whenFull: "wait",
    onDrop: (packet) => this.#countLost(packet),
  });
  readonly #done: Promise<void>;
  #taken: Promise<void> = Promise.resolve();
  readonly #closing = new Set<Promise<void>>();
  readonly #configured = Promise.withResolvers<void>();
  #streams: OutputStreams | undefined;
  #muxedStreams: OutputStreams | undefined;
  #muxedCodec: VideoCodec = "h264";
  #muxer: MpegTsMuxer | undefined;
  #segment: OpenSegment | undefined;
  #segmentStartTicks = 0;
  #segmentHasVideo = false;
  #videoSeen = false;
  #isOver = false;
  #sinkEnded: Promise<void> | undefined;

  /** Starts the writer's task; {@linkcode finish} ends it. */
  constructor(options: SegmentOutputOptions) {
    this.#options = options;
    this.#done = this.#drainQueue();
  }

  /** Says what the streams are, before the first packet; a change takes effect at the next segment. */
  configure(streams: OutputStreams): void {
    this.#streams = streams;
    this.#configured.resolve();
  }

  /** Takes a packet with 90 kHz timestamps; resolves once there is room for more. */
  write(packet: OutputPacket): Promise<void> {
    return this.writeAll([packet]);
  }

  /** Takes packets, after those of earlier calls; resolves once there is room for more. */
  writeAll(packets: readonly OutputPacket[]): Promise<void> {
    if (packets.length === 0) return Promise.resolve();
    // Audio that waited for video and audio that comes meanwhile must not overtake each other.
    this.#taken = this.#taken.then(() => this.#takeAll(packets));
    return this.#taken;
  }

  /** Writes what waits, ends the last segment and closes the sink. */
  async finish(): Promise<void> {
    this.#packets.close();
    this.#configured.resolve();
    await this.#done;
    await this.#endSegment();
    await this.#options.sink.close();
  }

  /** Ends at once, also where the sink is stuck: what waits is dropped, the open segment given up. */
  abort(): void {
    // What fails from now on was ended by us: the channel was not closed by somebody else.
    this.#isOver = true;
    this.#packets.close();
    this.#packets.clear();
    this.#configured.resolve();
    // Nobody will say that the server has what was sent of it.
    if (this.#segment !== undefined) this.#countFailed(this.#segment);
    this.#abandonSegment(new Error("the stream ended"));
    this.#sinkEnded ??= this.#endSink();
  }

  /** Does what {@linkcode abort} does and waits until nothing is left. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.abort();
    await this.#sinkEnded;
    await Promise.all([this.#done, ...this.#closing]);
  }

  async #endSink(): Promise<void> {
    await this.#options.sink[Symbol.asyncDispose]();
  }

  async #takeAll(packets: readonly OutputPacket[]): Promise<void> {
    for (const packet of packets) await this.#packets.push(packet);
  }

  async #drainQueue(): Promise<void> {
    await this.#configured.promise;
    for await (const packet of this.#packets) {
      if (this.#isOver) this.#countLost(packet);
      else await this.#writePacket(packet);
    }
  }

  async #writePacket(packet: OutputPacket): Promise<void> {
    try {
      const opening = this.#opensSegment(packet) ? await this.#beginSegment(packet) : undefined;
      if (this.#segment === undefined || this.#muxer === undefined) return this.#countLost(packet);
      if (packet.kind === "audio" && this.#muxedStreams?.audio === undefined) {
        return this.#countLost(packet);
      }
      const bytes = this.#muxer.write(packet);
      await this.#segment.writer.write(
        opening === undefined ? bytes : concatBytes([opening, bytes]),
      );
      this.#countWritten(packet, bytes.length + (opening?.length ?? 0));
      if (packet.kind === "video" && this.#segment !== undefined) this.#segment.frames++;
    } catch (error) {
      this.#countLost(packet);
      if (this.#segment !== undefined) this.#countFailed(this.#segment);
      this.#abandonSegment(error);
      this.#report(error);
    }
  }

  #opensSegment(packet: Packet): boolean {
    if (packet.kind === "video") return packet.keyframe;
    // Audio opens a segment only where no video came yet: later ones wait for a keyframe.
    if (this.#segment === undefined) return this.#streams?.video === false || !this.#videoSeen;
    if (this.#segmentHasVideo) return false;
    const ageTicks = packet.ptsTicks - this.#segmentStartTicks;
    return ageTicks >= this.#options.audioSegmentSeconds * TICKS_PER_SECOND || ageTicks < 0;
  }

  async #beginSegment(packet: OutputPacket): Promise<Uint8Array> {
    const streams = this.#streams;
    if (streams === undefined) {
      throw new TypeError("Cannot write a packet: configure() comes first");
    }
    const previous = this.#segment;
    this.#segment = undefined;
    if (previous !== undefined) this.#closeInBackground(previous);
    // Before anything can fail: audio must not open a segment for the rest of this keyframe's GOP.
    this.#segmentHasVideo = packet.kind === "video";
    this.#videoSeen ||= this.#segmentHasVideo;
    this.#segment = { writer: await this.#nextWriter(), frames: 0 };
    this.#segmentStartTicks = packet.ptsTicks;
    if (this.#options.meters.counts.segments_out++ === 0) this.#options.onFirstSegment();
    const codec = packet.kind === "video" ? packet.codec : streams.videoCodec;
    return this.#muxerFor(streams, codec).startSegment();
  }

  async #nextWriter(): Promise<SegmentWriter> {
    try {
      return await this.#options.sink.next();
    } catch (error) {
      // A publisher that gives no writer has ended, whatever failed it: it never gives another.
      if (error instanceof TrickleError) this.#end(error);
      throw error;
    }
  }

  #muxerFor(streams: OutputStreams, codec: VideoCodec = "h264"): MpegTsMuxer {
    const options: MpegTsMuxerOptions = {
      ...(streams.video ? { video: { codec } } : {}),
      ...(streams.audio === undefined ? {} : { audio: streams.audio }),
    };
    if (this.#muxer === undefined) this.#muxer = new MpegTsMuxer(options);
    else if (streams !== this.#muxedStreams || codec !== this.#muxedCodec) {
      this.#muxer.reconfigure(options);
    }
    this.#muxedStreams = streams;
    this.#muxedCodec = codec;
    return this.#muxer;
  }

  /** The server's answer to a finished segment must not hold up the next one. */
  #closeInBackground(segment: OpenSegment): void {
    const closing = segment.writer.close().catch((error) => {
      this.#countFailed(segment);
      this.#report(error);
    }).finally(() => {
      this.#closing.delete(closing);
    });
    this.#closing.add(closing);
  }

  async #endSegment(): Promise<void> {
    const segment = this.#segment;
    this.#segment = undefined;
    if (segment !== undefined) this.#closeInBackground(segment);
    await Promise.all(this.#closing);
  }

  /** What a later packet of this GOP would add cannot be decoded: the next keyframe begins anew. */
  #abandonSegment(reason: unknown): void {
    const failed = this.#segment;
    this.#segment = undefined;
    if (failed === undefined) return;
    const { writer } = failed;
    const abandoning = writer.abandon(reason).catch((error) => {
      log.debug("Abandoning segment {seq} failed: {reason}", {
        seq: writer.seq,
        reason: describeError(error),
      });
    }).finally(() => {
      this.#closing.delete(abandoning);
    });
    this.#closing.add(abandoning);
  }

  #report(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(describeError(thrown));
    if (isTerminal(error)) this.#end(error);
    else if (!this.#isOver) this.#options.onSegmentError(error);
  }

  #end(error: TrickleError): void {
    if (!this.#isOver) this.#options.onClosed(error);
    this.#isOver = true;
  }

  #countWritten(packet: Packet, byteCount: number): void {
    const { meters } = this.#options;
    meters.bytesWritten(byteCount);
    if (packet.kind === "video") meters.frameWritten(packet.ptsTicks);
    else meters.audioWritten(packet.ptsTicks);
  }

  /** What was sent in a segment that was not acknowledged: the server does not have it, or not whole. */
  #countFailed({ frames }: OpenSegment): void {
    const { meters } = this.#options;
    meters.counts.segments_lost++;
    meters.counts.frames_lost += frames;
  }

  #countLost(packet: Packet): void {
    const { meters } = this.#options;
    if (packet.kind === "video") meters.framesDropped("output");
    else meters.audioLost();
  }
}

/** Whether the channel is gone for good, so that no later segment can work. */
function isTerminal(error: Error): error is TrickleError {
  return error instanceof TrickleError &&
    (error.code === "TRICKLE_CLOSED" || error.code === "TRICKLE_NOT_FOUND" ||
      error.code === "TRICKLE_UNREACHABLE");
}
