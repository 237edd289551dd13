/**
 * Log records as lines on standard error: readable text, or one JSON object each.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { configure, type LogLevel, type LogRecord } from "@logtape/logtape";
import { describeError, withoutCredentials } from "../../base/mod.ts";
import type { Terminal } from "./terminal.ts";
import { visibleText } from "./visible_text.ts";

/** Levels of `--log-level`. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** Formats of `--log-format`. */
export const LOG_FORMATS = ["text", "json"] as const;

/** How a command logs. */
export interface LogSettings {
  readonly logLevel: typeof LOG_LEVELS[number];
  readonly logFormat: typeof LOG_FORMATS[number];
}

/** Sends the records of all rooms from a level upwards to the terminal. */
export async function configureLogging(settings: LogSettings, terminal: Terminal): Promise<void> {
  const format = settings.logFormat === "json" ? formatJson : formatText;
  await configure({
    reset: true,
    // What is logged in the course of a stream carries its id.
    contextLocalStorage: new AsyncLocalStorage(),
    sinks: { terminal: (record) => terminal.line(format(record)) },
    loggers: [
      { category: ["runnel"], lowestLevel: settings.logLevel, sinks: ["terminal"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["terminal"] },
    ],
  });
}

/**
 * A line such as `12:00:00.000 INFO  server: The processor is ready after 12 ms`. A record of a stream
 * that does not name it begins with its id in brackets.
 */
export function formatText(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString().slice(11, 23);
  const level = levelName(record.level).padEnd(5);
  const message = withoutCredentials(messageOf(record));
  const { stream } = record.properties;
  const prefix = typeof stream === "string" && !message.includes(stream) ? `[${stream}] ` : "";
  return `${time} ${level} ${roomOf(record)}: ${oneLine(prefix + message)}`;
}

/** A JSON object with `time`, `level`, `logger`, `message` and the record's own properties. */
export function formatJson(record: LogRecord): string {
  return JSON.stringify({
    ...record.properties,
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    logger: record.category.join("."),
    message: messageOf(record),
  }, (_key, value) => toJsonValue(value));
}

function messageOf(record: LogRecord): string {
  return record.message.map((part) => typeof part === "string" ? part : show(part)).join("");
}

function show(value: unknown): string {
  if (value instanceof Error) return describeError(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function toJsonValue(value: unknown): unknown {
  if (value instanceof Error) return withoutCredentials(describeError(value));
  if (typeof value === "string") return withoutCredentials(value);
  return typeof value === "bigint" ? Number(value) : value;
}

function roomOf(record: LogRecord): string {
  return record.category[0] === "runnel"
    ? record.category.slice(1).join(".")
    : record.category.join(".");
}

function levelName(level: LogLevel): string {
  return level === "warning" ? "WARN" : level.toUpperCase();
}

/** What a child or a peer wrote may hold line breaks and controls; a line on a terminal does not. */
export function oneLine(text: string): string {
  return visibleText(text.trimEnd().replaceAll(/\s*[\r\n]+\s*/g, " | ").replaceAll("\t", " "));
}
