/**
 * The options, states and figures of a session.
 *
 * @module
 */

import type { EncoderSettings, VideoHardware, WarmSet } from "../media/codec/mod.ts";
import type { TsEvent } from "../media/mpegts/mod.ts";
import type { OverlayOptions } from "./video/loading_overlay.ts";
import type { SegmentSink, SegmentSource } from "../trickle/mod.ts";
import type { FrameProcessor } from "../processor/mod.ts";
import type { StreamState } from "./stream_state.ts";
import type { SideChannel, SideChannels } from "./channels/side_channels.ts";
import type { LatencyHistograms } from "./telemetry/latency_histograms.ts";
import type { CountersByName, CounterTotals } from "./telemetry/stream_counters.ts";

/** Audio codec of the output: `source` copies what comes in where MPEG-TS can carry it. */
export type OutputAudioCodec = "opus" | "aac" | "source";

/** Frame-rate cap of streams that set none, in frames per second. */
export const DEFAULT_TARGET_FPS = 24;

/** Parameters of a stream that the session itself understands; a processor sees them too. */
export interface StreamParams {
  /** Width in pixels that frames are scaled to (cover, then centre crop); goes with `height`. */
  readonly width?: number | undefined;
  /** Height in pixels that frames are scaled to; goes with `width`. */
  readonly height?: number | undefined;
  /** Most frames per second that reach the processor, 1–60. */
  readonly max_framerate?: number | undefined;
  /** Whether the output takes the size of the processor's frames (true) or the input's (false). */
  readonly detect_out_resolution?: boolean | undefined;
  /** Whether the loading overlay is shown in place of frames, which do not reach the processor then. */
  readonly show_loading?: boolean | undefined;
  /** Whether pictures of a high dynamic range (PQ, HLG) are mapped to BT.709. @default true */
  readonly tone_map?: boolean | undefined;
  /** Number of the program that is read of an MPEG-TS with several. */
  readonly program?: number | undefined;
  /** Parameters of the application. */
  readonly [name: string]: unknown;
}

/** Media that needs no demuxing any more, such as a file read with `src/source`. */
export interface MediaSource {
  /** Descriptions of streams and their packets in 90 kHz ticks. Iterated once. */
  readonly events: AsyncIterable<TsEvent>;
  /** Ends the iteration soon. Idempotent. */
  close(): void;
}

/** How a {@linkcode Session} is set up. */
export interface SessionOptions extends SideChannels {
  /** Name of the stream in logs and events. */
  readonly id: string;
  /** The processor that every frame goes through. Owned by the caller; one session at a time. */
  readonly processor: FrameProcessor;
  /** Where MPEG-TS segments come from. Owned by the session from then on. */
  readonly source?: SegmentSource | undefined;
  /** Media that comes from elsewhere, in place of `source`. */
  readonly media?: MediaSource | undefined;
  /** Asked at the end of the input: whether its channel was there at all. @default assumed so */
  readonly inputFound?: (() => Promise<boolean>) | undefined;
  /** Where MPEG-TS segments go. Owned by the session from then on. */
  readonly sink?: SegmentSink | undefined;
  /** Whether no stream can join later what the first segments in the sink say there is. @default false */
  readonly fixedStreams?: boolean;
  /** Parameters at the start. @default {} */
  readonly params?: StreamParams | undefined;
  /** Frame-rate cap where `params.max_framerate` is absent; `Infinity` for none. @default {DEFAULT_TARGET_FPS} */
  readonly targetFps?: number | undefined;
  /** About how many frames a second the input has. @default `targetFps`, or 30 */
  readonly frameRate?: number | undefined;
  /** Frames that may wait for the processor; past that the oldest are dropped. @default 30 */
  readonly maxQueueSize?: number | undefined;
  /**
   * How long frames may wait for a processor that falls behind, in milliseconds: only as many wait as it
   * works off in this time, at least one, and the oldest are dropped. Live only. @default 150
   */
  readonly maxQueueLatencyMs?: number | undefined;
  /**
   * How far a stream may be behind the channel that it reads, in milliseconds: where decoding is too slow,
   * pictures are left out and it goes on at the newest keyframe. Pictures that are late for an eighth
   * of this are decoded, and processed only five times a second, until the stream has caught up. Live only.
   * @default 2000
   */
  readonly maxBehindMs?: number | undefined;
  /**
   * `live` drops the oldest frame when the processor falls behind; `complete` slows the input down
   * instead and drops nothing (files). @default "live"
   */
  readonly pace?: "live" | "complete" | undefined;
  /**
   * Frames that may be on the GPU at once, from the processor to the end of their readback: one uploads
   * while the one before it computes. @default 2
   */
  readonly gpuDepth?: number | undefined;
  /** What a live stream shows while the processor gives nothing. @default a screen with a bar */
  readonly overlay?: OverlayOptions | undefined;
  /** Codec of the output's audio. @default "opus" */
  readonly audioCodec?: OutputAudioCodec | undefined;
  /** ffmpeg children that wait for streams, where their owner keeps some. @default none */
  readonly warmCodecs?: WarmSet | undefined;
  /**
   * What decodes and what encodes video. Hardware that gives nothing is replaced by software, with a warning.
   * @default {{ decoder: "none", encoder: "none" }}
   */
  readonly hardware?: VideoHardware | undefined;
  /** How well video is encoded. @default {{ preset: "superfast", crf: 23 }} */
  readonly encoder?: EncoderSettings | undefined;
  /** Seconds between keyframes, which is also the length of an output segment. @default 2 */
  readonly gopSeconds?: number | undefined;
  /** Longest time that a stop may take to flush what is in flight, in milliseconds. @default 2000 */
  readonly stopTimeoutMs?: number | undefined;
  /**
   * Turns a message of the control channel into parameters; throws what is wrong with it.
   * @default any object is taken
   */
  readonly parseControl?: (message: unknown) => StreamParams;
  /** Whether the stream is only made up: then it is not traced, and its end is not logged. @default false */
  readonly isRehearsal?: boolean;
  /** The processor is initialized: frames wait for it. @default it is */
  readonly processorReady?: Promise<void>;
  /** Takes what happens to the stream. */
  readonly onEvent?: ((event: SessionEvent) => void) | undefined;
}

/** Why a session ended. */
export type SessionEnd =
  /** The input ended or its channel was closed or is gone; `found`: whether it was ever there. */
  | { readonly reason: "input-ended"; readonly found: boolean }
  /** `stop()` was called. */
  | { readonly reason: "stopped" }
  /** The output channel was closed by somebody else. */
  | { readonly reason: "output-closed" }
  /** The stream has no input to end it, and one of its other channels was closed by somebody else. */
  | { readonly reason: "channel-closed"; readonly channel: SideChannel }
  /** The session could not go on. */
  | { readonly reason: "failed"; readonly error: Error };

/** What a session reports while it runs. */
export type SessionEvent =
  | { readonly type: "state"; readonly state: StreamState }
  | { readonly type: "first-input-segment" }
  | { readonly type: "first-output-segment" }
  | { readonly type: "params-updated"; readonly params: StreamParams }
  | { readonly type: "error"; readonly error: Error; readonly stage: Stage }
  | { readonly type: "application"; readonly event: unknown; readonly name: string }
  | { readonly type: "ended"; readonly end: SessionEnd };

/** The steps a video frame takes, and what goes beside it, for errors and latency figures. */
export type Stage =
  | "input"
  | "decode"
  | "queue"
  | "process"
  | "encode"
  | "output"
  | "data"
  | "events"
  | "control";

/** Why frames were dropped. */
export type DropReason =
  /** Faster than `max_framerate`. */
  | "rate"
  /** The processor fell behind and the queue was full. */
  | "queue"
  /** The processor returned null. */
  | "processor"
  /** The processor threw, hung or returned what cannot be used. */
  | "error"
  /** Video was more than two seconds behind audio, or behind the loading overlay. */
  | "late"
  /** The stream was behind its input: at its start, or because decoding is too slow for it. */
  | "behind"
  /** Lost in a decoder that died, or undecodable before the first keyframe. */
  | "decoder"
  /** Lost in an encoder that died. */
  | "encoder"
  /** Segment could not be published. */
  | "output"
  /** Still on its way when a stop ran out of time or the stream failed. */
  | "stop";

/** Percentiles of a duration over the last frames, in milliseconds; null before the first frame. */
export interface LatencyFigures {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly max: number | null;
}

/** What frames of this process hold on the GPU; buffers of models are not among it. */
export interface GpuFigures {
  /** Name of the adapter. */
  readonly adapter: string;
  readonly buffers_in_use: number;
  readonly bytes_in_use: number;
  /** Kept to be used again. */
  readonly bytes_idle: number;
}

/**
 * The figures of a session, as `/stream/status` shows them under `metrics`. docs/observability.md says
 * what each counter counts.
 */
export interface SessionMetrics extends CounterTotals, CountersByName {
  /** Frames per second over the last seconds. */
  readonly fps: {
    readonly ingress_video_fps: number;
    readonly ingress_audio_fps: number;
    readonly egress_video_fps: number;
    readonly egress_audio_fps: number;
  };
  /**
   * From a frame's last input byte to its last output byte, in total and per stage; without an output to
   * the end of its processing. Frames that waited for the start of the stream, and those behind them, are
   * in `start` alone.
   */
  readonly latency_ms: LatencyFigures & {
    readonly start: LatencyFigures;
    readonly stages: Readonly<Record<"decode" | "queue" | "process" | "encode", LatencyFigures>>;
  };
  /** The same as `errors`. */
  readonly error_count: number;
  readonly frames_dropped_by_reason: Readonly<Partial<Record<DropReason, number>>>;
  readonly frames_unseen_by_reason: Readonly<Partial<Record<DropReason, number>>>;
  readonly errors_by_stage: Readonly<Partial<Record<Stage | "stream", number>>>;
  /** Whether the loading overlay is shown now. */
  readonly loading: boolean;
  /** What decodes and what encodes video now; null for what does not. */
  readonly video_codecs: {
    readonly decoder: "software" | "cuda" | null;
    readonly encoder: "software" | "cuda" | null;
  };
  /** Frames of this process that were never closed and that the garbage collector found. */
  readonly frames_leaked: number;
  /** Null while this process has no GPU open. */
  readonly gpu: GpuFigures | null;
  /** From the start to the first output byte, in milliseconds; null before it. */
  readonly time_to_first_frame_ms: number | null;
  /** What the processor's `getMetrics()` returned. */
  readonly processor: Readonly<Record<string, unknown>>;
}

/** Figures of a session for monitoring, beside {@linkcode SessionMetrics}. Structured-cloneable. */
export interface SessionDetails {
  /** How long the frames took that were written. */
  readonly latency: LatencyHistograms;
}
