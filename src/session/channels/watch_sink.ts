/**
 * The end of a channel, heard of before anything is written to it.
 *
 * @module
 */

import { describeError, roomLogger } from "../../base/mod.ts";
import type { SegmentSink } from "../../trickle/mod.ts";

const log = roomLogger("session");

/** Connects to a channel before it is written to, and says when it was ended by somebody else, or is not there. */
export function watchSink(sink: SegmentSink, onGone: (error: Error) => void): void {
  void sink.gone?.then(onGone);
  sink.open?.().catch((error: unknown) => {
    // Whoever writes hears of it, too.
    log.debug("A channel cannot be opened: {reason}", { reason: describeError(error) });
  });
}
