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

/** What an application has given, in the order of its calls. */
export class FrameFeed implements AsyncIterable<InputEvent>, Disposable {
  readonly #events = new BoundedQueue<InputEvent>({
    capacity: MAX_WAITING,
    whenFull: "wait",
    onDrop: (event) => {
      if (event.kind === "video-frame") event.frame.close();
    },
  });

  /**
   * Gives a copy of a frame, which stays the caller's. Resolves once there is room for the next: to false when the
   * stream takes none any more. Rejects with a `TypeError` for a closed frame.
   */
  async send(frame: VideoFrame | AudioFrame): Promise<boolean> {
    return await this.#events.push(
      isVideoFrame(frame)
        ? { kind: "video-frame", frame: atMpegTime(frame) }
        : { kind: "audio-frame", frame: audioAtMpegTime(frame) },
    );
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
