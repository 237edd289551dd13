/** A session between a source and a sink in memory, and everything it reported. */

import assert from "node:assert/strict";
import { FrameProcessor } from "../../src/processor/mod.ts";
import {
  Session,
  type SessionEnd,
  type SessionEvent,
  type SessionMetrics,
  type SessionOptions,
  type Stage,
} from "../../src/session/mod.ts";
import { type Clip, demux, joined } from "./clips.ts";
import { MemorySink, MemorySource, type SinkScript } from "./in_memory.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { within } from "../waiting.ts";

/** Leaves everything as it is. */
export class Passthrough extends FrameProcessor {}

/** Options of a {@linkcode Rig}: those of a session, each with a default. */
export type RigOptions = Partial<Omit<SessionOptions, "source" | "sink" | "clock" | "onEvent">> & {
  readonly script?: SinkScript;
  /** Called with each event, after it was noted. */
  readonly onEvent?: (event: SessionEvent) => void;
};

/** A session, its source and its sink. */
export class Rig {
  /** Stands still until a test moves it: nothing is given up because the machine is slow. */
  readonly clock = new ManualClock();
  readonly source = new MemorySource();
  readonly sink: MemorySink;
  readonly events: SessionEvent[] = [];
  readonly session: Session;

  /** Every frame goes through, however long it takes, unless the options say otherwise. */
  constructor({ script = {}, onEvent, ...options }: RigOptions = {}) {
    this.sink = new MemorySink(script);
    this.session = new Session({
      id: "test",
      processor: new Passthrough(),
      targetFps: Infinity,
      pace: "complete",
      gopSeconds: 0.5,
      ...options,
      clock: this.clock,
      source: this.source,
      sink: this.sink,
      onEvent: (event) => {
        this.events.push(event);
        return onEvent?.(event);
      },
    });
  }

  /** The errors that were reported, with the stage in front: `input: Cannot …`. */
  get errors(): string[] {
    return errorsOf(this.events).map(({ stage, error }) => `${stage}: ${error.message}`);
  }

  /** The presentation times of all pictures in the segments that were closed, in their order. */
  get videoTicks(): number[] {
    return demux(joined(this.sink.whole)).filter(({ kind }) => kind === "video")
      .map(({ ptsTicks }) => ptsTicks);
  }

  /** How many audio packets are in the segments that were closed. */
  get audioPackets(): number {
    return demux(joined(this.sink.whole)).filter(({ kind }) => kind === "audio").length;
  }

  /** Feeds a clip, ends the input, and waits for the end of the session. */
  async run(...clips: readonly Clip[]): Promise<SessionEnd> {
    this.session.start();
    for (const { segments } of clips) await this.source.feed(segments);
    this.source.end();
    return await this.ended();
  }

  /** Waits for the end, and asserts what holds at every end. */
  async ended(): Promise<SessionEnd> {
    const end = await within(this.session.ended, "the session's end");
    assertAccounts(this.session.metrics());
    assert.equal(this.session.state, "ended");
    assert.ok(this.source.disposed, "the source was given back");
    assert.deepEqual(this.session.codecPids, { decoder: undefined, encoder: undefined });
    return end;
  }
}

/** Asserts that every frame that came in left or was counted. */
export function assertAccounts(metrics: SessionMetrics): void {
  const { frames_in, frames_out, frames_consumed, frames_dropped } = metrics;
  const { frames_dropped_by_reason } = metrics;
  const byReason = Object.values(frames_dropped_by_reason).reduce((sum, count) => sum + count, 0);
  const accounts = JSON.stringify({
    frames_in,
    frames_out,
    frames_consumed,
    frames_dropped_by_reason,
  });
  assert.equal(frames_dropped, byReason, accounts);
  assert.equal(frames_in, frames_out + frames_consumed + frames_dropped, accounts);
}

/** The errors among events. */
export function errorsOf(
  events: readonly SessionEvent[],
): { readonly error: Error; readonly stage: Stage }[] {
  return events.flatMap((event) => event.type === "error" ? [event] : []);
}
