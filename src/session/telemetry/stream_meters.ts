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
import {
  type CounterName,
  type CountersByName,
  type LabelledCounter,
  STREAM_COUNTERS,
  streamCounters,
} from "./stream_counters.ts";
import type { DropReason, GpuFigures, SessionDetails, SessionMetrics, Stage } from "../types.ts";

/** Frames whose times are kept while they are on their way; the oldest make room. */
const MAX_TRACKED_FRAMES = 512;

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
  readonly #byName: Readonly<Record<LabelledCounter, Record<string, number>>> = {
    frames_dropped: {},
    frames_unseen: {},
    errors: {},
  };
  /** Frames that were copied, and that the processor is through with. */
  #framesSeen = 0;
  readonly #rates: Record<"videoIn" | "audioIn" | "videoOut" | "audioOut", RateMeter>;
  readonly #start = new StartBacklog();
  readonly #startLatency = new LatencyMeter();
  /** Of frames that came after the start. */
  readonly #latency = ofEachStage(() => new LatencyMeter());
  readonly #histograms = ofEachStage(() => new LatencyHistogram());
  readonly #audioDropped = { sync: 0, codec: 0, output: 0 };
  readonly #audioUnheard = { decoder: 0, processor: 0 };
  /** Presentation times, in the order of arrival. */
  readonly #audioWaiting: number[] = [];
  #firstOutputMs: number | undefined;

  /** Told how long each stage of a written frame took. */
  onLatency: ((stage: LatencyStage, durationMs: number) => void) | undefined;

  /** What was counted so far, by the names of `STREAM_COUNTERS`. */
  readonly counts: Record<CounterName, number> = zeros();
  /** Whether the loading overlay is shown. */
  loading = false;
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
    this.counts.frames_in++;
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
    if (mark === "processed") this.counts.frames_processed++;
  }

  /** Notes that the last byte of a frame was written, and closes its account. */
  frameWritten(ptsTicks: number): void {
    this.counts.frames_out++;
    this.#rates.videoOut.mark();
    this.#timeFrame(ptsTicks);
  }

  /** Notes that a frame goes on as it came, beside the processor. */
  frameCopied(ptsTicks: number): void {
    this.counts.frames_copied++;
    const times = this.#frames.get(ptsTicks);
    if (times !== undefined) times.isCopied = true;
  }

  /** Notes that the processor is through with a frame that went on as it came. */
  frameSeen(ptsTicks: number): void {
    this.#framesSeen++;
    const times = this.#frames.get(ptsTicks);
    if (times !== undefined) this.#timeStages(times);
  }

  /** Counts frames that went on as they came, and that the processor did not get or failed on. */
  framesUnseen(reason: DropReason, count = 1): void {
    this.#add("frames_unseen", reason, count);
  }

  /** Takes a count of unseen frames over from whoever counts them itself. */
  setUnseen(reason: DropReason, total: number): void {
    this.#set("frames_unseen", reason, total);
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

  /** Counts an error of a stage, or the one that the stream ended with. */
  errorAt(stage: Stage | "stream"): void {
    this.#add("errors", stage, 1);
  }

  /** Counts dropped frames. */
  framesDropped(reason: DropReason, count = 1): void {
    this.#add("frames_dropped", reason, count);
  }

  /** Counts frames that arrived and were dropped before anything was done with them. */
  framesLeftOut(reason: DropReason, count: number): void {
    this.counts.frames_in += count;
    for (let frame = 0; frame < count; frame++) this.#rates.videoIn.mark();
    this.framesDropped(reason, count);
  }

  /** Takes a count of dropped frames over from whoever counts them itself. */
  setDropped(reason: DropReason, total: number): void {
    this.#set("frames_dropped", reason, total);
  }

  #add(name: LabelledCounter, key: string, count: number): void {
    if (count <= 0) return;
    this.#byName[name][key] = (this.#byName[name][key] ?? 0) + count;
    this.counts[name] += count;
  }

  #set(name: LabelledCounter, key: string, total: number): void {
    if (total <= 0 && this.#byName[name][key] === undefined) return;
    this.counts[name] += total - (this.#byName[name][key] ?? 0);
    this.#byName[name][key] = total;
  }

  /** Counts an audio packet that could not be written. */
  audioLost(): void {
    this.setAudioDropped("output", this.#audioDropped.output + 1);
  }

  /** Counts a piece of sound that went on and that the processor did not get or failed on. */
  audioUnheard(): void {
    this.#audioUnheard.processor++;
    this.counts.audio_packets_unheard++;
  }

  /** Takes the count over of packets that went on, and were not decoded for the processor. */
  setAudioUnheard(total: number): void {
    this.counts.audio_packets_unheard += total - this.#audioUnheard.decoder;
    this.#audioUnheard.decoder = total;
  }

  /** Takes a count of dropped audio packets over from whoever counts them itself. */
  setAudioDropped(reason: "sync" | "codec" | "output", total: number): void {
    this.counts.audio_packets_dropped += total - this.#audioDropped[reason];
    this.#audioDropped[reason] = total;
  }

  /** Counts an audio packet that arrived. */
  audioArrived(ptsTicks: number): void {
    this.counts.audio_packets_in++;
    this.#rates.audioIn.mark();
    const waiting = this.#audioWaiting;
    if (ptsTicks < (waiting.at(-1) ?? -Infinity)) {
      // Times begin anew: what was on its way comes out before this, and cannot be told apart from it.
      this.counts.audio_packets_done += waiting.length;
      waiting.length = 0;
    }
    if (waiting.length >= MAX_TRACKED_PACKETS) waiting.shift();
    waiting.push(ptsTicks);
  }

  /** Counts an audio packet that was written. */
  audioWritten(ptsTicks: number): void {
    this.counts.audio_packets_out++;
    this.#rates.audioOut.mark();
    this.audioDone(ptsTicks);
  }

  /** The stream is through with the sound up to a time: it was written, or needs not to be. */
  audioDone(ptsTicks: number): void {
    const waiting = this.#audioWaiting;
    const first = waiting.findIndex((time) => time > ptsTicks);
    const count = first < 0 ? waiting.length : first;
    waiting.splice(0, count);
    this.counts.audio_packets_done += count;
  }

  /** Notes that a frame was processed that goes nowhere, and closes its account. */
  frameConsumed(ptsTicks: number): void {
    this.counts.frames_consumed++;
    this.#timeFrame(ptsTicks);
  }

  /** Counts bytes written to the output. */
  bytesWritten(count: number): void {
    this.#firstOutputMs ??= this.#now() - this.#startedAtMs;
    this.counts.output_bytes += count;
  }

  /**
   * Frames that are on their way: they came in, and neither left nor were counted as dropped; and those
   * that were copied whose account is open. Both are 0 when the stream is over, or somebody lost a frame.
   */
  get openAccounts(): { readonly frames: number; readonly copied: number } {
    const { frames_in, frames_out, frames_consumed, frames_dropped } = this.counts;
    const { frames_copied, frames_unseen } = this.counts;
    return {
      frames: frames_in - frames_out - frames_consumed - frames_dropped,
      copied: frames_copied - this.#framesSeen - frames_unseen,
    };
  }

  /** What became of the frames that came in: a part of {@linkcode snapshot}, for logs. */
  accounts(): FrameAccounts {
    const { frames_in, frames_out, frames_consumed, frames_dropped } = this.counts;
    const { segments_lost, frames_lost } = this.counts;
    return {
      frames_in,
      frames_out,
      frames_consumed,
      frames_dropped,
      frames_dropped_by_reason: { ...this.#byName.frames_dropped },
      segments_lost,
      frames_lost,
    };
  }

  /** The figures now; `processor` is what its `getMetrics()` returned. */
  snapshot(processor: Readonly<Record<string, unknown>>): SessionMetrics {
    const { total, decode, queue, process, encode } = this.#latency;
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
      ...this.counts,
      ...this.#countsByName(),
      error_count: this.counts.errors,
      loading: this.loading,
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

  #countsByName(): CountersByName {
    const entries = Object.entries(this.#byName).map(([name, counts]) =>
      [`${name}_by_${STREAM_COUNTERS[name as LabelledCounter].by}`, { ...counts }] as const
    );
    return Object.fromEntries(entries) as unknown as CountersByName;
  }

  /** What {@linkcode snapshot} leaves out. */
  details(): SessionDetails {
    return {
      latency: ofEachStage((stage) => this.#histograms[stage].figures()),
    };
  }
}

function zeros(): Record<CounterName, number> {
  const entries = streamCounters().map(([name]) => [name, 0]);
  return Object.fromEntries(entries) as Record<CounterName, number>;
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
