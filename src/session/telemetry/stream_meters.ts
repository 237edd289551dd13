/**
 * Everything that is counted and timed in one stream.
 *
 * @module
 */

import { frameCounts } from "../../frames/mod.ts";
import { currentGpu } from "../../gpu/mod.ts";
import { type Hardware, nameOf, type VideoHardware } from "../../media/codec/mod.ts";
import { LatencyHistogram, LatencyMeter, RateMeter } from "./figures.ts";
import { type LatencyStage, ofEachStage } from "./latency_histograms.ts";
import { StartBacklog } from "./start_backlog.ts";
import type { InputCounts } from "../input/input_events.ts";
import type { ChannelFigures } from "../channels/side_channels.ts";
import type { DropReason, GpuFigures, SessionDetails, SessionMetrics, Stage } from "../types.ts";

/** Frames whose times are kept while they are on their way; the oldest make room. */
const MAX_TRACKED_FRAMES = 512;

/** Of a stream that has no channels beside its media. */
const NO_CHANNELS: ChannelFigures = Object.freeze({
  data_lines_sent: 0,
  data_lines_dropped: 0,
  events_sent: 0,
  events_dropped: 0,
  control_messages: 0,
});

/** Audio packets whose times are kept while they are on their way; the oldest make room. */
const MAX_TRACKED_PACKETS = 4_096;

/** When a frame reached each point of its way, in milliseconds of `performance.now()`. */
interface FrameTimes {
  readonly arrived: number;
  decoded?: number;
  processing?: number;
  processed?: number;
  /** Whether its picture went on as it came. */
  isCopied?: boolean;
  /** Whether it waited for the start of the stream. */
  isOfStart?: boolean;
}

/** What became of the frames of a stream, in the names of {@linkcode SessionMetrics}. */
export type FrameAccounts = Pick<
  SessionMetrics,
  | "frames_in"
  | "frames_out"
  | "frames_consumed"
  | "frames_dropped"
  | "frames_dropped_by_reason"
  | "segments_lost"
  | "frames_lost"
>;

/** Points of a frame's way after its arrival. */
export type FrameMark = "decoded" | "processing" | "processed";

/**
 * Counters and latency meters of one stream. A frame is known by its presentation time, which does not
 * change on its way.
 */
export class StreamMeters {
  readonly #now: () => number;
  readonly #startedAtMs: number;
  readonly #frames = new Map<number, FrameTimes>();
  readonly #dropped = new Map<DropReason, number>();
  readonly #unseen = new Map<DropReason, number>();
  readonly #rates: Record<"videoIn" | "audioIn" | "videoOut" | "audioOut", RateMeter>;
  readonly #start = new StartBacklog();
  readonly #startLatency = new LatencyMeter();
  /** Of frames that came after the start. */
  readonly #latency = ofEachStage(() => new LatencyMeter());
  readonly #histograms = ofEachStage(() => new LatencyHistogram());
  readonly #errorsByStage = new Map<Stage, number>();
  readonly #audioDropped = { sync: 0, codec: 0, output: 0 };
  readonly #audioUnheard = { decoder: 0, processor: 0 };
  /** Presentation times, in the order of arrival. */
  readonly #audioWaiting: number[] = [];
  #firstOutputMs: number | undefined;

  /** Told how long each stage of a written frame took. */
  onLatency: ((stage: LatencyStage, durationMs: number) => void) | undefined;

  /** Frames that arrived. */
  framesIn = 0;
  /** Frames that the processor returned. */
  framesProcessed = 0;
  /** Frames that were written. */
  framesOut = 0;
  /** Frames that were processed and go nowhere. */
  framesConsumed = 0;
  /** Frames that went on as they came, and those of them that the processor is through with. */
  readonly copied = { all: 0, seen: 0 };
  /** Frames that the loading overlay took the place of. */
  framesOverlaid = 0;
  /** Whether the loading overlay is shown. */
  loading = false;
  /** All errors; {@linkcode errorAt} counts those of a stage. */
  errors = 0;
  /** What was read of the input channel. */
  readonly input: InputCounts = { segments: 0, bytes: 0 };
  /** Audio packets that arrived, those of them that the stream is through with, and those written. */
  readonly audio = { in: 0, done: 0, out: 0 };
  /** Input segments that were missing in the sequence, or whose rest was lost. */
  segmentsSkipped = 0;
  /** Segments that were begun at the output. */
  segmentsOut = 0;
  /** Of these, segments of which the server has not said that it stored them, and the frames in them. */
  segmentsLost = 0;
  framesLost = 0;
  /** Bytes that were written to the output. */
  outputBytes = 0;
  /** Children that were started again after they died. */
  codecRestarts = 0;
  /** Children that were ended because they hung. */
  codecHangs = 0;
  /** Hardware codecs that gave nothing. */
  hardwareFallbacks = 0;
  /** What codes video now. */
  hardware: VideoHardware = {};

  /** Creates meters that start now. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#startedAtMs = now();
    this.#rates = {
      videoIn: new RateMeter(now),
      audioIn: new RateMeter(now),
      videoOut: new RateMeter(now),
      audioOut: new RateMeter(now),
    };
  }

  /** Notes that the last byte of an access unit arrived: now, or then. */
  frameArrived(ptsTicks: number, arrivedMs = this.#now()): void {
    this.framesIn++;
    this.#rates.videoIn.mark();
    if (this.#frames.size >= MAX_TRACKED_FRAMES) {
      for (const oldest of this.#frames.keys()) {
        this.#frames.delete(oldest);
        break;
      }
    }
    this.#frames.set(ptsTicks, { arrived: arrivedMs });
  }

  /** Notes that a frame reached a point of its way. */
  frameReached(mark: FrameMark, ptsTicks: number): void {
    const times = this.#frames.get(ptsTicks);
    if (times !== undefined) times[mark] = this.#now();
    if (mark === "processed") this.framesProcessed++;
  }

  /** Notes that the last byte of a frame was written, and closes its account. */
  frameWritten(ptsTicks: number): void {
    this.framesOut++;
    this.#rates.videoOut.mark();
    this.#timeFrame(ptsTicks);
  }

  /** Notes that a frame goes on as it came, beside the processor. */
  frameCopied(ptsTicks: number): void {
    this.copied.all++;
    const times = this.#frames.get(ptsTicks);
    if (times !== undefined) times.isCopied = true;
  }

  /** Notes that the processor is through with a frame that went on as it came. */
  frameSeen(ptsTicks: number): void {
    this.copied.seen++;
    const times = this.#frames.get(ptsTicks);
    if (times !== undefined) this.#timeStages(times);
  }

  /** Counts frames that went on as they came, and that the processor did not get or failed on. */
  framesUnseen(reason: DropReason, count = 1): void {
    if (count > 0) this.#unseen.set(reason, (this.#unseen.get(reason) ?? 0) + count);
  }

  /** Takes a count of unseen frames over from whoever counts them itself. */
  setUnseen(reason: DropReason, total: number): void {
    if (total > 0) this.#unseen.set(reason, total);
  }

  #timeFrame(ptsTicks: number): void {
    const times = this.#frames.get(ptsTicks);
    if (times === undefined) return;
    const now = this.#now();
    const isOfStart = times.isOfStart = this.#start.includes(times.arrived, now);
    if (isOfStart) this.#startLatency.add(now - times.arrived);
    this.#time("total", now - times.arrived, isOfStart);
    if (times.isCopied === true) return; // its stages come later
    this.#frames.delete(ptsTicks);
    this.#timeStages(times, now);
  }

  #timeStages(times: FrameTimes, writtenMs?: number): void {
    const { arrived, decoded, processing, processed, isOfStart = false } = times;
    if (decoded === undefined) return;
    this.#time("decode", decoded - arrived, isOfStart);
    if (processing === undefined || processed === undefined) return;
    this.#time("queue", processing - decoded, isOfStart);
    this.#time("process", processed - processing, isOfStart);
    if (writtenMs !== undefined) this.#time("encode", writtenMs - processed, isOfStart);
  }

  #time(stage: LatencyStage, durationMs: number, isOfStart: boolean): void {
    if (!isOfStart) this.#latency[stage].add(durationMs);
    this.#histograms[stage].add(durationMs);
    this.onLatency?.(stage, durationMs);
  }

  /** Counts an error of a stage. */
  errorAt(stage: Stage): void {
    this.errors++;
    this.#errorsByStage.set(stage, (this.#errorsByStage.get(stage) ?? 0) + 1);
  }

  /** Counts dropped frames. */
  framesDropped(reason: DropReason, count = 1): void {
    if (count > 0) this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count);
  }

  /** Counts frames that arrived and were dropped before anything was done with them. */
  framesLeftOut(reason: DropReason, count: number): void {
    this.framesIn += count;
    for (let frame = 0; frame < count; frame++) this.#rates.videoIn.mark();
    this.framesDropped(reason, count);
  }

  /** Takes a count of dropped frames over from whoever counts them itself. */
  setDropped(reason: DropReason, total: number): void {
    if (total > 0) this.#dropped.set(reason, total);
  }

  /** All frames dropped so far. */
  get totalDropped(): number {
    return sumOf(this.#dropped);
  }

  /** Counts an audio packet that could not be written. */
  audioLost(): void {
    this.#audioDropped.output++;
  }

  /** Counts a piece of sound that went on and that the processor did not get or failed on. */
  audioUnheard(): void {
    this.#audioUnheard.processor++;
  }

  /** Takes the count over of packets that went on, and were not decoded for the processor. */
  setAudioUnheard(total: number): void {
    this.#audioUnheard.decoder = total;
  }

  /** Takes a count of dropped audio packets over from whoever counts them itself. */
  setAudioDropped(reason: "sync" | "codec", total: number): void {
    this.#audioDropped[reason] = total;
  }

  /** Counts an audio packet that arrived. */
  audioArrived(ptsTicks: number): void {
    this.audio.in++;
    this.#rates.audioIn.mark();
    const waiting = this.#audioWaiting;
    if (ptsTicks < (waiting.at(-1) ?? -Infinity)) {
      // Times begin anew: what was on its way comes out before this, and cannot be told apart from it.
      this.audio.done += waiting.length;
      waiting.length = 0;
    }
    if (waiting.length >= MAX_TRACKED_PACKETS) waiting.shift();
    waiting.push(ptsTicks);
  }

  /** Counts an audio packet that was written. */
  audioWritten(ptsTicks: number): void {
    this.audio.out++;
    this.#rates.audioOut.mark();
    this.audioDone(ptsTicks);
  }

  /** The stream is through with the sound up to a time: it was written, or needs not to be. */
  audioDone(ptsTicks: number): void {
    const waiting = this.#audioWaiting;
    const first = waiting.findIndex((time) => time > ptsTicks);
    const count = first < 0 ? waiting.length : first;
    waiting.splice(0, count);
    this.audio.done += count;
  }

  /** Notes that a frame was processed that goes nowhere, and closes its account. */
  frameConsumed(ptsTicks: number): void {
    this.framesConsumed++;
    this.#timeFrame(ptsTicks);
  }

  /** Counts bytes written to the output. */
  bytesWritten(count: number): void {
    this.#firstOutputMs ??= this.#now() - this.#startedAtMs;
    this.outputBytes += count;
  }

  /**
   * Frames that are on their way: they came in, and neither left nor were counted as dropped; and those
   * that were copied whose account is open. Both are 0 when the stream is over, or somebody lost a frame.
   */
  get openAccounts(): { readonly frames: number; readonly copied: number } {
    const left = this.framesOut + this.framesConsumed;
    const { all, seen } = this.copied;
    return {
      frames: this.framesIn - left - this.totalDropped,
      copied: all - seen - sumOf(this.#unseen),
    };
  }

  /** What became of the frames that came in: a part of {@linkcode snapshot}, for logs. */
  accounts(): FrameAccounts {
    return {
      frames_in: this.framesIn,
      frames_out: this.framesOut,
      frames_consumed: this.framesConsumed,
      frames_dropped: this.totalDropped,
      frames_dropped_by_reason: Object.fromEntries(this.#dropped),
      segments_lost: this.segmentsLost,
      frames_lost: this.framesLost,
    };
  }

  /** The figures now; `processor` is what its `getMetrics()` returned. */
  snapshot(
    processor: Readonly<Record<string, unknown>>,
    channels: ChannelFigures = NO_CHANNELS,
  ): SessionMetrics {
    const { total, decode, queue, process, encode } = this.#latency;
    const { sync, codec, output } = this.#audioDropped;
    return {
      fps: {
        ingress_video_fps: this.#rates.videoIn.perSecond,
        ingress_audio_fps: this.#rates.audioIn.perSecond,
        egress_video_fps: this.#rates.videoOut.perSecond,
        egress_audio_fps: this.#rates.audioOut.perSecond,
      },
      latency_ms: {
        ...total.figures(),
        start: this.#startLatency.figures(),
        stages: {
          decode: decode.figures(),
          queue: queue.figures(),
          process: process.figures(),
          encode: encode.figures(),
        },
      },
      frames_in: this.framesIn,
      frames_processed: this.framesProcessed,
      frames_out: this.framesOut,
      frames_consumed: this.framesConsumed,
      frames_copied: this.copied.all,
      frames_unseen: sumOf(this.#unseen),
      frames_unseen_by_reason: Object.fromEntries(this.#unseen),
      frames_overlaid: this.framesOverlaid,
      loading: this.loading,
      frames_dropped: this.totalDropped,
      frames_dropped_by_reason: Object.fromEntries(this.#dropped),
      audio_packets_dropped: sync + codec + output,
      audio_packets_unheard: this.#audioUnheard.decoder + this.#audioUnheard.processor,
      audio_packets_in: this.audio.in,
      audio_packets_done: this.audio.done,
      audio_packets_out: this.audio.out,
      ...channels,
      error_count: this.errors,
      segments_skipped: this.segmentsSkipped,
      segments_out: this.segmentsOut,
      segments_lost: this.segmentsLost,
      frames_lost: this.framesLost,
      output_bytes: this.outputBytes,
      codec_restarts: this.codecRestarts,
      codec_hangs: this.codecHangs,
      hardware_fallbacks: this.hardwareFallbacks,
      video_codecs: {
        decoder: wordFor(this.hardware.decoder),
        encoder: wordFor(this.hardware.encoder),
      },
      frames_leaked: frameCounts().leaked,
      gpu: gpuFigures(),
      time_to_first_frame_ms: this.#firstOutputMs === undefined
        ? null
        : Math.round(this.#firstOutputMs * 10) / 10,
      processor,
    };
  }

  /** What {@linkcode snapshot} leaves out. */
  details(): SessionDetails {
    return {
      segments_in: this.input.segments,
      input_bytes: this.input.bytes,
      errors_by_stage: Object.fromEntries(this.#errorsByStage),
      latency: ofEachStage((stage) => this.#histograms[stage].figures()),
    };
  }
}

function sumOf(counts: ReadonlyMap<DropReason, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}

/** What frames of this process hold on the GPU; null while it has none open. */
export function gpuFigures(): GpuFigures | null {
  const gpu = currentGpu();
  if (gpu === undefined) return null;
  const { inUse, inUseBytes, idleBytes } = gpu.pool.stats;
  return {
    adapter: gpu.info.name,
    buffers_in_use: inUse,
    bytes_in_use: inUseBytes,
    bytes_idle: idleBytes,
  };
}

function wordFor(hardware: Hardware | undefined): "software" | "cuda" | null {
  return hardware === undefined ? null : nameOf(hardware);
}
