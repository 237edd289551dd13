/**
 * The life of a stream: its states, and what leads from one to the next.
 *
 * @module
 */

/** Where a stream is in its life: it only moves on. */
export type StreamState =
  /** It is set up, and nothing is read. */
  | "opening"
  /** It reads; its frames wait for the processor. */
  | "loading"
  /** Its frames go through the processor. */
  | "running"
  /** It reads no more: what is in flight is written out. */
  | "draining"
  /** It is over, and nothing is left of it. */
  | "ended";

/** What happens to a stream. */
export type StreamStep =
  /** It was started. */
  | "start"
  /** The processor takes frames. */
  | "ready"
  /** It is to end: a stop, a lost output, or a failure. */
  | "end"
  /** Everything that it owned is gone. */
  | "over";

/** From where each step leads to where; in other states it leads nowhere. */
const STEPS: Readonly<Record<StreamStep, Partial<Record<StreamState, StreamState>>>> = {
  start: { opening: "loading" },
  ready: { loading: "running" },
  end: { opening: "draining", loading: "draining", running: "draining" },
  over: { opening: "ended", loading: "ended", running: "ended", draining: "ended" },
};

/** The state after a step; the same one where the step means nothing in it. */
export function nextState(state: StreamState, step: StreamStep): StreamState {
  return STEPS[step][state] ?? state;
}

/** Whether a stream in this state reads its input. */
export function isActive(state: StreamState): boolean {
  return state === "loading" || state === "running";
}
