/**
 * Logging: LogTape loggers below the category `runnel`. A library user who configures nothing sees
 * nothing; the commands configure it (`src/cli`).
 *
 * @module
 */

import { getConfig, getLogger, type Logger, withContext } from "@logtape/logtape";

export type { Logger };

/** The logger of one room: `roomLogger("trickle")` has the category `["runnel", "trickle"]`. */
export function roomLogger(room: string): Logger {
  return getLogger(["runnel", room]);
}

/**
 * Runs a task of one stream: every record that is written on its way, in whatever room, has the
 * stream's id as its property `stream`, where the program has configured LogTape with a
 * `contextLocalStorage`.
 */
export function logWithStream<T>(stream: string, task: () => T): T {
  // LogTape complains about a context that it has no place for.
  if (getConfig()?.contextLocalStorage === undefined) return task();
  return withContext({ stream }, task);
}
