/**
 * What a server and the thread or process of a stream tell each other.
 *
 * @module
 */

import {
  ConfigError,
  type ConfigErrorCode,
  ProcessorError,
  type ProcessorErrorCode,
  RunnelError,
} from "../../base/mod.ts";
import type { AudioFrameInit, VideoFrameInit } from "../../frames/mod.ts";
import type {
  LoadingUpdate,
  ProcessActivity,
  SessionDetails,
  SessionEnd,
  SessionEvent,
  SessionMetrics,
  Stage,
  StreamParams,
  StreamState,
  WarmCodecsOptions,
} from "../../session/mod.ts";
import type { JsonSchema } from "../json_schema.ts";
import type { HostedStreamOptions } from "../hosts/stream_host.ts";
import type { ProcessorPermissions } from "./process/permissions.ts";
import type { RelayAddress } from "./relay.ts";

/** A module whose default export is a processor, a class, or a function that makes one. */
export interface ProcessorModule {
  /** URL of the module, such as `import.meta.resolve("./my_processor.ts")`. */
  readonly module: string | URL;
  /** Given to a default export that is a function; copied, so of plain data. @default none */
  readonly options?: unknown;
  /** What it may do in a process of its own; in a thread it may do what the server may. @default nothing */
  readonly permissions?: ProcessorPermissions;
  /** URLs of modules that it imports by a name that is known only when it runs. @default none */
  readonly imports?: readonly string[];
}

/** Options of a stream that can be copied. */
export type IsolatedStreamOptions = Omit<
  HostedStreamOptions,
  "onEvent" | "parseControl" | "media" | "clock" | "wallNow" | "createTransport"
>;

/** Calls of a session that wait for an answer. */
export type IsolatedCall =
  | {
    readonly method: "open";
    readonly options: IsolatedStreamOptions;
    /** The trace that the request is part of, as the propagator writes it into headers. */
    readonly trace: Readonly<Record<string, string>>;
  }
  | { readonly method: "updateParams"; readonly params: StreamParams }
  /** Answered once there is room for the next: whether it was taken. */
  | { readonly method: "sendFrame"; readonly frame: PlainFrame }
  | { readonly method: "stop" };

/** From the server to a stream's thread or process. */
export type ToStream =
  | {
    readonly type: "initialize";
    readonly processor: { readonly module: string; readonly options?: unknown };
    /** ffmpeg children that wait there. @default none */
    readonly warmCodecs?: Omit<WarmCodecsOptions, "clock">;
    readonly logLevel: string;
    /** The way to the channels of its streams. @default it connects to them itself */
    readonly relay?: RelayAddress;
  }
  | { readonly type: "call"; readonly id: number; readonly call: IsolatedCall }
  | { readonly type: "start" }
  /** What processes do that it asked about and may not look at. */
  | { readonly type: "activities"; readonly activities: ReadonlyMap<number, ProcessActivity> }
  | { readonly type: "send-data"; readonly text: string }
  | { readonly type: "send-event"; readonly event: unknown; readonly name: string }
  | { readonly type: "set-loading"; readonly update: LoadingUpdate }
  /** The end: everything is given back, and `disposed` said. */
  | { readonly type: "dispose" };

/** From there to the server. */
export type FromStream =
  | { readonly type: "initialized"; readonly paramsSchema?: JsonSchema }
  | { readonly type: "initialize-failed"; readonly reason: string }
  | {
    readonly type: "answer";
    readonly id: number;
    readonly error?: PlainError;
    /** False where the session takes no more. */
    readonly isTaken?: boolean;
  }
  | { readonly type: "event"; readonly event: PlainEvent }
  | {
    readonly type: "snapshot";
    /** Data and events that the processor sent while it had no stream. */
    readonly droppedMessages: number;
    readonly stream?: StreamSnapshot;
  }
  | { readonly type: "log"; readonly record: PlainLogRecord }
  | { readonly type: "disposed" };

/** What is known of a stream elsewhere. */
export interface StreamSnapshot {
  /** The process ids of its ffmpeg children. */
  readonly ffmpegPids: readonly number[];
  /** Those among them that it would look at, if it could. */
  readonly wantedPids: readonly number[];
  readonly state: StreamState;
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

/** An error that was copied: its class is that of its name, if that is one of ours. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

/** A {@linkcode SessionEvent} whose errors are plain. */
export type PlainEvent =
  | Exclude<SessionEvent, { type: "error" } | { type: "ended" }>
  | { readonly type: "error"; readonly error: PlainError; readonly stage: Stage }
  | { readonly type: "ended"; readonly end: PlainEnd };

type PlainEnd =
  | Exclude<SessionEnd, { reason: "failed" }>
  | { readonly reason: "failed"; readonly error: PlainError };

/** Makes an error one that can be copied. */
export function toPlainError(thrown: unknown): PlainError {
  if (!(thrown instanceof Error)) return { name: "Error", message: String(thrown) };
  const { name, message } = thrown;
  return thrown instanceof RunnelError ? { name, message, code: thrown.code } : { name, message };
}

/** An error of the same class, where it matters to who asked, and with the same message. */
export function fromPlainError({ name, message, code }: PlainError): Error {
  if (code === undefined) return Object.assign(new Error(message), { name });
  if (name === "ConfigError") return new ConfigError(code as ConfigErrorCode, message);
  if (name === "ProcessorError") return new ProcessorError(code as ProcessorErrorCode, message);
  return Object.assign(new RunnelError(code, message), { name });
}

/** Makes the errors of an event ones that can be copied. */
export function toPlainEvent(event: SessionEvent): PlainEvent {
  switch (event.type) {
    case "error":
      return { ...event, error: toPlainError(event.error) };
    case "ended":
      return event.end.reason === "failed"
        ? { type: "ended", end: { reason: "failed", error: toPlainError(event.end.error) } }
        : { type: "ended", end: event.end };
    default:
      return event;
  }
}

/** The event as the session reported it. */
export function fromPlainEvent(event: PlainEvent): SessionEvent {
  switch (event.type) {
    case "error":
      return { ...event, error: fromPlainError(event.error) };
    case "ended":
      return event.end.reason === "failed"
        ? { type: "ended", end: { reason: "failed", error: fromPlainError(event.end.error) } }
        : { type: "ended", end: event.end };
    default:
      return event;
  }
}

/** The same message, with what processor and application put into it as plain JSON: that can be copied. */
export function withPlainValues(message: FromStream): FromStream {
  switch (message.type) {
    case "snapshot": {
      const { stream, ...rest } = message;
      if (stream === undefined) return message;
      return { ...rest, stream: { ...stream, params: plainParams(stream.params) } };
    }
    case "event":
      return { ...message, event: withPlainValue(message.event) };
    case "log":
      return { ...message, record: { ...message.record, properties: {} } };
    default:
      return message;
  }
}

function withPlainValue(event: PlainEvent): PlainEvent {
  switch (event.type) {
    case "params-updated":
      return { ...event, params: plainParams(event.params) };
    case "application":
      return { ...event, event: plainValue(event.event) };
    default:
      return event;
  }
}

function plainParams(params: StreamParams): StreamParams {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, plainValue(value)]),
  );
}

/** What JSON makes of a value; null for what it cannot be made of. */
function plainValue(value: unknown): unknown {
  try {
    const text = JSON.stringify(
      value,
      (_key, part) => typeof part === "bigint" ? `${part}` : part,
    );
    return text === undefined ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
