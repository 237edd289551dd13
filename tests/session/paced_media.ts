/** Media that comes as fast as it plays. */

import { pause } from "../../src/base/mod.ts";
import type { MediaEvent } from "../../src/source/mod.ts";
import type { MediaSource } from "../../src/session/mod.ts";

/** Gives a clip's events in real time, by their decoding times, until it is closed. */
export function pacedMedia(events: readonly MediaEvent[]): MediaSource {
  const closed = new AbortController();
  return { events: paced(events, closed.signal), close: () => closed.abort() };
}

async function* paced(
  events: readonly MediaEvent[],
  signal: AbortSignal,
): AsyncGenerator<MediaEvent> {
  const startMs = performance.now();
  let firstTicks: number | undefined;
  for (const event of events) {
    if (event.kind === "packet") {
      const { dtsTicks } = event.packet;
      firstTicks ??= dtsTicks;
      const dueMs = startMs + (dtsTicks - firstTicks) / 90;
      const earlyMs = dueMs - performance.now();
      if (earlyMs > 0) await pause(earlyMs, signal);
    }
    if (signal.aborted) return;
    yield event;
  }
}
