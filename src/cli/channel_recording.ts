/**
 * A trickle channel that is written to a file in the background.
 *
 * @module
 */

import { TrickleSubscriber } from "../trickle/mod.ts";
import { copyChannel, openOutput, type OutputFile } from "./channel_copy.ts";

/** Records a channel from its first segment to its end. */
export class ChannelRecording implements AsyncDisposable {
  /**
   * Resolves when the channel has ended and all of it is written; rejects where it could not be.
   */
  readonly finished: Promise<unknown>;
  readonly #subscriber: TrickleSubscriber;
  readonly #output: OutputFile;

  private constructor(url: string, output: OutputFile) {
    this.#subscriber = new TrickleSubscriber(url, { start: 0 });
    this.#output = output;
    this.finished = copyChannel(this.#subscriber, output);
    this.finished.catch(() => {}); // whoever awaits it hears of it
  }

  /**
   * Opens the file and begins to record. Rejects with a `ConfigError` for a file that cannot be.
   */
  static async start(url: string, path: string): Promise<ChannelRecording> {
    return new ChannelRecording(url, await openOutput(path));
  }

  /** Segments that are missing in the file. */
  get lostSegments(): number {
    const { skippedSegments, droppedSegments, truncatedSegments } = this.#subscriber.stats;
    return skippedSegments + droppedSegments + truncatedSegments;
  }

  /** Ends the recording where it is and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#subscriber[Symbol.asyncDispose]();
    await this.finished.catch(() => {}); // cut off here, or reported to whoever awaits it
    this.#output[Symbol.dispose]();
  }
}
