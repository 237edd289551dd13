/**
 * Audio that goes on as it would without a processor, which hears it beside.
 *
 * @module
 */

import { MPEG_TIME_BASE } from "../../base/mod.ts";
import { AudioFrame } from "../../frames/mod.ts";
import { AudioDecoder } from "../../media/codec/mod.ts";
import type { AudioStreamInfo, Packet } from "../../media/types.ts";
import { DecodeBacklog } from "../input/decode_backlog.ts";
import type { AudioPath, AudioPathOptions, HearAudio } from "./audio_path.ts";

/** Packets that may wait for a decoder whose sound is out already: five seconds of AAC. */
const MAX_BACKLOG = 256;

/** How a {@linkcode HeardAudio} is set up. */
export interface HeardAudioOptions
  extends Pick<AudioPathOptions, "stream" | "onHang" | "warm" | "signal"> {
  /** The way to the output. */
  readonly path: AudioPath;
  readonly hear: HearAudio;
}

/** Packets that go their way to the output, and are decoded for the processor beside. */
export class HeardAudio implements AudioPath {
  readonly output: AudioStreamInfo;
  readonly failure: Promise<never>;
  readonly #path: AudioPath;
  readonly #hear: HearAudio;
  readonly #decoder: AudioDecoder;
  readonly #backlog: DecodeBacklog;
  readonly #hearing: Promise<void>;
  readonly #failed = Promise.withResolvers<never>();
  #heard: Promise<void> = Promise.resolve();
  readonly #signal: AbortSignal;
  #isDeaf = false;
  /** Packets that were not decoded any more. */
  #afterDeafness = 0;

  /** Starts the decoder. */
  constructor({ path, hear, stream, onHang, warm, signal }: HeardAudioOptions) {
    this.#path = path;
    this.#hear = hear;
    this.#signal = signal;
    this.output = path.output;
    const timeBase = MPEG_TIME_BASE;
    this.#decoder = new AudioDecoder({ stream, timeBase, onHang, warm, signal });
    this.#decoder.prewarm();
    this.#backlog = new DecodeBacklog({
      decode: (packet) => this.#decoder.decode(packet),
      most: MAX_BACKLOG,
    });
    this.failure = Promise.race([path.failure, this.#failed.promise]);
    this.failure.catch(() => {}); // finish() throws the same
    this.#hearing = this.#hearAll();
    this.#hearing.catch((error) => this.#failed.reject(error));
  }

  /** Children that died and were started again. */
  get codecRestarts(): number {
    return this.#path.codecRestarts + this.#decoder.stats.restarts;
  }

  /** Children that were ended because they hung. */
  get codecHangs(): number {
    return this.#path.codecHangs + this.#decoder.stats.hangs;
  }

  /** Packets that never came out because a child died. */
  get packetsLost(): number {
    return this.#path.packetsLost;
  }

  /** Packets that were not decoded for the processor. */
  get packetsUnheard(): number {
    const { lostPackets, undecodedPackets } = this.#decoder.stats;
    return this.#backlog.leftOut + lostPackets + undecodedPackets + this.#afterDeafness;
  }

  /** Whether this path can go on with a stream as it is described now. */
  accepts(stream: AudioStreamInfo): boolean {
    return this.#path.accepts(stream);
  }

  /** Takes the next packet of the input. */
  async write(packet: Packet): Promise<void> {
    await this.#path.write(packet);
    if (!this.#isDeaf) {
      try {
        if (this.#hear.isLive) this.#backlog.offer(packet);
        else await this.#decoder.decode(packet);
        return;
      } catch (error) {
        this.#goDeaf(error);
      }
    }
    this.#afterDeafness++;
  }

  /** Resolves when everything was heard, once the input has ended. Rejects with what ends the stream. */
  get heard(): Promise<void> {
    return this.#heard;
  }

  /** Ends the input; resolves when everything was emitted. */
  async finish(): Promise<void> {
    this.#heard = this.#finishHearing();
    this.#heard.catch(() => {}); // thrown by whoever waits for it
    await this.#path.finish();
  }

  /** Ends at once. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#path[Symbol.asyncDispose](), this.#decoder[Symbol.asyncDispose]()]);
  }

  /** A processor that ends the stream takes nothing any more: the decoder would wait for it. */
  async #finishHearing(): Promise<void> {
    await Promise.all([this.#finishDecoding(), this.#hearing]);
  }

  async #finishDecoding(): Promise<void> {
    try {
      await this.#backlog.drained();
      await this.#decoder.flush();
    } catch (error) {
      this.#goDeaf(error);
    }
  }

  async #hearAll(): Promise<void> {
    const sound = this.#decoder.frames()[Symbol.asyncIterator]();
    for (;;) {
      const next = await sound.next().catch((error: unknown) => this.#goDeaf(error));
      if (next === undefined || next.done === true) return;
      const { samples, sampleRate, ptsTicks } = next.value;
      const timeBase = MPEG_TIME_BASE;
      await this.#hear.take(new AudioFrame({ samples, sampleRate, ptsTicks, timeBase }));
    }
  }

  /** The processor hears no more; what goes out goes on. */
  #goDeaf(error: unknown): void {
    if (this.#isDeaf || this.#signal.aborted) return;
    this.#isDeaf = true;
    this.#hear.onDeaf(error);
  }
}
