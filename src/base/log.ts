/**
 * Logging: LogTape loggers below the category `runnel`. A library user who configures nothing sees
 * nothing; the commands configure it (`src/cli`).
 *
 * @module
 */

import { getLogger, type Logger } from "@logtape/logtape";

export type { Logger };

/** The logger of one room: `roomLogger("trickle")` has the category `["runnel", "trickle"]`. */
export function roomLogger(room: string): Logger {
  return getLogger(["runnel", room]);
}
