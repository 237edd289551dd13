/**
 * Frames of the application as the input of a stream that has no channel to read.
 *
 * @module
 */

import { BoundedQueue, MPEG_TIME_BASE, rescaleTicks } from "../../base/mod.ts";
import { AudioFrame, isVideoFrame, type VideoFrame } from "../../frames/mod.ts";
import type { InputEvent } from "./input_events.ts";

/** Frames that wait to be read. */
const MAX_WAITING = 8;

/**
 * Calls that wait for room at once. Each holds a copy of its frame; only an application that does not
 * wait for what it calls has more.
 */
export const MAX_WAITING_CALLS = 8;

/** What becomes of a frame: `"crowded"` where too many calls wait already, `"closed"` at the end. */
export type FeedOutcome = "taken" | "crowded" | "closed";

/** What an application has given, in the order of its calls. */
export class FrameFeed implements AsyncIterable<InputEvent>, Disposable {
  readonly #events = new BoundedQueue<InputEvent>({
    capacity: MAX_WAITING,
    whenFull: "wait",
    onDrop: (event) => {
      if (event.kind === "video-frame") event.frame.close();
    },
  });
  #calls = 0;

  /**
   * Gives a copy of a frame, which stays the caller's. Resolves once there is room for the next. Rejects
   * with a `TypeError` for a closed frame.
   */
  async send(frame: VideoFrame | AudioFrame): Promise<FeedOutcome> {
    if (this.#calls >= MAX_WAITING_CALLS) return "crowded";
    this.#calls++;
    try {
      const isTaken = await this.#events.push(
        isVideoFrame(frame)
          ? { kind: "video-frame", frame: atMpegTime(frame) }
          : { kind: "audio-frame", frame: audioAtMpegTime(frame) },
      );
      return isTaken ? "taken" : "closed";
    } finally {
      this.#calls--;
    }
  }

  /** No more frames are taken; those that wait are read. Idempotent. */
  close(): void {
    this.#events.close();
  }

  /** Gives up what nobody read. Idempotent. */
  [Symbol.dispose](): void {
    this.#events.close();
    this.#events.clear();
  }

  /** The frames as the stream reads them. */
  [Symbol.asyncIterator](): AsyncIterator<InputEvent> {
    return this.#events[Symbol.asyncIterator]();
  }
}

/** A copy, which the caller's next picture does not change. Everything in a session counts in 90 kHz. */
function atMpegTime(frame: VideoFrame): VideoFrame {
  using copy = frame.clone();
  return copy.share(rescaleTicks(frame.timestamp, frame.timeBase, MPEG_TIME_BASE), MPEG_TIME_BASE);
}

function audioAtMpegTime(frame: AudioFrame): AudioFrame {
  const { sampleRate, timestamp, timeBase, metadata } = frame;
  const samples = frame.samples.map((channel) => channel.slice());
  const ptsTicks = rescaleTicks(timestamp, timeBase, MPEG_TIME_BASE);
  return new AudioFrame({ samples, sampleRate, ptsTicks, timeBase: MPEG_TIME_BASE, metadata });
}
