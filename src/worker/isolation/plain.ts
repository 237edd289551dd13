/**
 * Errors and events as plain data, which can be copied to another thread or process.
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
import type { SessionEnd, SessionEvent, Stage } from "../../session/mod.ts";

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

/**
 * A value without what cannot be copied, such as functions: the value itself where all of it can be. In an
 * array null takes the place of what is left out.
 */
export function copiable(value: unknown): unknown {
  try {
    structuredClone(value);
    return value;
  } catch {
    if (Array.isArray(value)) return value.map((part) => copiable(part) ?? null);
    if (typeof value !== "object" || value === null) return undefined;
    const parts = Object.entries(value).map(([name, part]) => [name, copiable(part)] as const);
    return Object.fromEntries(parts.filter(([, part]) => part !== undefined));
  }
}
