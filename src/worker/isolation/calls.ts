/**
 * What a worker and the thread or process of a stream ask of each other: one table of calls for each
 * direction. Every call is answered, with its result or with an error.
 *
 * @module
 */

import type { AudioFrameInit, VideoFrameInit } from "../../frames/mod.ts";
import type {
  LoadingUpdate,
  ProcessActivity,
  SessionDetails,
  SessionMetrics,
  StreamParams,
  WarmCodecsOptions,
} from "../../session/mod.ts";
import type { HostedStreamOptions } from "../hosts/stream_host.ts";
import type { JsonSchema } from "../json_schema.ts";
import type { PlainEvent } from "./plain.ts";
import type { RelayAddress } from "./relay.ts";

/** What the thread or process of a stream does for its worker. All arguments are copied. */
export interface StreamCalls {
  /** Imports and initializes the processor; rejects with what is wrong with it. */
  initialize(options: InitializeOptions): Promise<Initialized>;
  /**
   * Sets a session up once the processor can be had. `trace` is the trace that the request is part of, as
   * the propagator writes it into headers.
   */
  open(options: IsolatedStreamOptions, trace: Readonly<Record<string, string>>): Promise<void>;
  /** See `Session`: the calls below are the session's, and do nothing without one. */
  start(): void;
  updateParams(params: StreamParams): Promise<void>;
  sendData(text: string): void;
  sendEvent(event: unknown, name: string): void;
  setLoading(update: LoadingUpdate): void;
  /** Resolves to false for what the session takes no more. */
  sendFrame(frame: PlainFrame): Promise<boolean>;
  stop(): Promise<void>;
  /** Tells it what processes do that it asked about and may not look at. */
  tellActivities(activities: ReadonlyMap<number, ProcessActivity>): void;
  /** Gives everything back. */
  dispose(): Promise<void>;
}

/** What a worker does for the thread or process of a stream. */
export interface WorkerCalls {
  takeEvent(event: PlainEvent): void;
  takeFigures(figures: IsolatedFigures): void;
  takeLog(record: PlainLogRecord): void;
}

/** With what a thread or process begins. */
export interface InitializeOptions {
  readonly processor: { readonly module: string; readonly options?: unknown };
  /** ffmpeg children that wait there. @default none */
  readonly warmCodecs?: Omit<WarmCodecsOptions, "clock"> | undefined;
  readonly logLevel: string;
  /** The way to the channels of its streams. @default it connects to them itself */
  readonly relay?: RelayAddress | undefined;
}

/** What is known of a processor once it is initialized. */
export interface Initialized {
  readonly paramsSchema?: JsonSchema | undefined;
}

/** Options of a stream that can be copied. */
export type IsolatedStreamOptions = Omit<
  HostedStreamOptions,
  "onEvent" | "parseControl" | "media" | "clock" | "wallNow" | "createTransport"
>;

/** What a thread or process says of itself four times a second. */
export interface IsolatedFigures {
  /** Data and events that the processor sent while it had no stream. */
  readonly droppedMessages: number;
  readonly stream?: StreamSnapshot | undefined;
}

/** What is known of a stream elsewhere. */
export interface StreamSnapshot {
  /** The process ids of its ffmpeg children. */
  readonly ffmpegPids: readonly number[];
  /** Those among them that it would look at, if it could. */
  readonly wantedPids: readonly number[];
  readonly params: StreamParams;
  readonly metrics: SessionMetrics;
  readonly details: SessionDetails;
  readonly processorHangs: boolean;
}

/** A frame of the application, its memory copied. */
export type PlainFrame =
  | ({ readonly kind: "video" } & VideoFrameInit)
  | ({ readonly kind: "audio" } & AudioFrameInit);

/** A record of LogTape, without what cannot be copied. */
export interface PlainLogRecord {
  readonly category: readonly string[];
  readonly level: string;
  readonly rawMessage: string;
  readonly properties: Readonly<Record<string, unknown>>;
}
