/**
 * The audio of one stream, whatever it is from one moment to the next.
 *
 * @module
 */

import { type Clock, describeError, FfmpegError, MediaError, pauseOn } from "../../base/mod.ts";
import type { AudioFrame } from "../../frames/mod.ts";
import type { ChangeBudget, WarmSet } from "../../media/codec/mod.ts";
import type { AudioStreamInfo, Packet } from "../../media/types.ts";
import type { ProcessorGuard } from "../../processor/mod.ts";
import type { AudioPath, AudioPathOptions, HearAudio, ProcessAudio } from "./audio_path.ts";
import { FedAudio } from "./coded_audio.ts";
import { createAudioPath } from "./create_audio_path.ts";
import { sameAudio } from "./encoded_stream.ts";
import { MAX_AUDIO_WAIT_MS } from "../av_sync.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";
import type { OutputAudioCodec, Stage } from "../types.ts";

/** Options of an {@linkcode AudioStage}. */
export interface AudioStageOptions {
  readonly guard: ProcessorGuard;
  readonly meters: StreamMeters;
  readonly outputCodec: OutputAudioCodec;
  /** Resolves once the processor may have sound; to false when it never gets any. */
  readonly ready: Promise<boolean>;
  readonly live: boolean;
  /** Whether what is emitted is written; otherwise sound ends with its processing. */
  readonly hasOutput: boolean;
  /** Takes encoded packets in 90 kHz ticks, in order. */
  readonly emit: (packet: Packet) => Promise<void>;
  readonly onError: (error: Error, stage: Stage) => void;
  /** Whether the stream goes on without sound that cannot be used. */
  readonly isDispensable: () => boolean;
  /** `output` is another from now on, or undefined: the sound was given up, or goes on after a break. */
  readonly onOutput: () => void;
  readonly clock: Clock;
  /** How often the sound may change its format, or jump in time. @default as often as it does */
  readonly changeBudget?: ChangeBudget | undefined;
  /** Children that wait, where there are some. */
  readonly warm: WarmSet | undefined;
  readonly signal: AbortSignal;
}

/** A live coder that was given packets for this long and made nothing of them is given up. */
const MAX_FRUITLESS_MS = 5_000;
/** How many packets that must have been at least. */
const MAX_FRUITLESS_PACKETS = 100;

/** Carries audio along a path that fits it, and along another when it changes. */
export class AudioStage implements AsyncDisposable {
  /** Rejects as soon as the audio cannot go on; writing may then wait until it is disposed of. */
  readonly failure: Promise<never>;
  readonly #options: AudioStageOptions;
  readonly #failed = Promise.withResolvers<never>();
  #path: AudioPath | undefined;
  #ended = { codecRestarts: 0, codecHangs: 0, packetsLost: 0, packetsUnheard: 0 };
  /** The end of a path that was given up. */
  #retiring: Promise<void> | undefined;
  #unusable: AudioStreamInfo | undefined;
  #stream: AudioStreamInfo | undefined;
  /** Whether the sound changed too often: it is left out until it may change again. */
  #isPostponed = false;
  #packetsLeftOut = 0;
  #fruitless = { since: 0, packets: 0 };
  #isReady = false;
  #patience: Promise<boolean> | undefined;

  /** Starts nothing before there is audio. */
  constructor(options: AudioStageOptions) {
    this.#options = options;
    this.failure = this.#failed.promise;
    this.failure.catch(() => {}); // thrown by whoever runs the stream, unless it ended before
  }

  /** What comes out, as the output's tables describe it; undefined without audio. */
  get output(): AudioStreamInfo | undefined {
    return this.#path?.output;
  }

  /** Children that died and were started again. */
  get codecRestarts(): number {
    return this.#ended.codecRestarts + (this.#path?.codecRestarts ?? 0);
  }

  /** Children that were ended because they hung. */
  get codecHangs(): number {
    return this.#ended.codecHangs + (this.#path?.codecHangs ?? 0);
  }

  /** Packets that never came out: a child died, or the sound changed too often. */
  get packetsLost(): number {
    return this.#packetsLeftOut + this.#ended.packetsLost + (this.#path?.packetsLost ?? 0);
  }

  /** Packets that came out and were not decoded for a processor that only hears. */
  get packetsUnheard(): number {
    return this.#ended.packetsUnheard + (this.#path?.packetsUnheard ?? 0);
  }

  /** The audio is this from now on; undefined: there is none. */
  async setStream(stream: AudioStreamInfo | undefined): Promise<void> {
    if (this.#path !== undefined) {
      if (stream !== undefined && this.#path.accepts(stream)) return;
      this.#isPostponed = true;
      await this.#tried(this.#endPath(this.#path));
    }
    this.#stream = stream;
    if (stream !== undefined) await this.#begin(stream);
  }

  /** Takes the next packet of the input. */
  async write(packet: Packet): Promise<void> {
    if (this.#path === undefined && this.#isPostponed && this.#stream !== undefined) {
      await this.#begin(this.#stream);
      if (this.#path !== undefined) this.#options.onOutput();
    }
    if (this.#path !== undefined) {
      this.#noteFruitless();
      return await this.#tried(this.#path?.write(packet));
    }
    if (this.#isPostponed) this.#packetsLeftOut++;
    this.#options.meters.audioDone(packet.ptsTicks); // nobody wants it
  }

  /** Takes sound that was never encoded. Resolves to whether `output` is another from now on. */
  async writeFrame(frame: AudioFrame): Promise<boolean> {
    const isFirst = !(this.#path instanceof FedAudio);
    if (isFirst) {
      const { sampleRate, channels } = frame;
      const { hear, ...options } = this.#pathOptions();
      const process: ProcessAudio | undefined = hear === undefined
        ? options.process
        : async (sound) => {
          await hear.take(sound);
          return [sound];
        };
      this.#path = this.#watched(new FedAudio({ ...options, process }, { sampleRate, channels }));
    }
    await (this.#path as FedAudio).writeFrame(frame);
    return isFirst;
  }

  /** Resolves when a processor that only hears has heard everything, after the end of the input. */
  get heard(): Promise<void> {
    return this.#path?.heard ?? Promise.resolve();
  }

  /** Ends the input; resolves when everything was emitted. */
  async finish(): Promise<void> {
    await this.#tried(this.#path?.finish());
    const { since, packets } = this.#fruitless;
    if (since !== Infinity && packets > 0 && this.#isCoded) {
      this.#giveUp(nothingHeard(this.#stream));
    }
  }

  /** Ends at once. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#path?.[Symbol.asyncDispose](), this.#retiring]);
  }

  /** Begins the way of a stream, unless it is another too soon. */
  async #begin(stream: AudioStreamInfo): Promise<void> {
    if (this.#unusable !== undefined && sameAudio(stream, this.#unusable)) return;
    if (this.#isPostponed && this.#options.changeBudget?.spend() === false) return;
    this.#isPostponed = false;
    this.#fruitless = { since: this.#options.clock.now(), packets: 0 };
    await this.#tried(Promise.try(() => {
      this.#path = this.#watched(createAudioPath({ ...this.#pathOptions(), stream }));
    }));
  }

  #pathOptions(): Omit<AudioPathOptions, "stream"> {
    const { guard, outputCodec, changeBudget, hasOutput, warm, onError, signal } = this.#options;
    const onHang = (error: Error): void => onError(error, "encode");
    const emit = (packet: Packet): Promise<void> => {
      this.#fruitless = { since: Infinity, packets: 0 };
      return this.#options.emit(packet);
    };
    const isProcessed = guard.handlesAudio && !guard.isReadOnly;
    const process: ProcessAudio | undefined = isProcessed
      ? (frame) => this.#process(frame)
      : undefined;
    const hear = guard.handlesAudio && guard.isReadOnly ? this.#ear() : undefined;
    return { outputCodec, process, hear, hasOutput, emit, changeBudget, warm, onHang, signal };
  }

  #watched<T extends AudioPath>(path: T): T {
    path.failure.catch((error) => {
      if (this.#path === path) this.#giveUp(error);
    });
    return path;
  }

  /** Whether every packet of the input gives sound, so that silence means failure. */
  get #isCoded(): boolean {
    const { handlesAudio, isReadOnly } = this.#options.guard;
    return this.#path !== undefined && (!handlesAudio || isReadOnly);
  }

  #noteFruitless(): void {
    const { live, clock } = this.#options;
    const fruitless = this.#fruitless;
    fruitless.packets++;
    if (!live || !this.#isCoded || fruitless.packets < MAX_FRUITLESS_PACKETS) return;
    if (clock.now() - fruitless.since > MAX_FRUITLESS_MS) this.#giveUp(nothingHeard(this.#stream));
  }

  /** What the codec cannot do ends the sound, not the stream. Rejects with anything else. */
  async #tried(step: Promise<void> | undefined): Promise<void> {
    try {
      await step;
    } catch (error) {
      if (!this.#giveUp(error)) throw error;
    }
  }

  /** Ends the sound and says why, once. Returns whether the stream can go on without. */
  #giveUp(error: unknown): boolean {
    const isCodecs = error instanceof MediaError || error instanceof FfmpegError;
    if (!isCodecs || !this.#options.isDispensable()) {
      this.#failed.reject(error);
      return false;
    }
    const path = this.#path;
    this.#path = undefined;
    if (this.#unusable !== this.#stream) {
      this.#unusable = this.#stream;
      this.#options.onError(unusableSound(error), "decode");
    }
    this.#isPostponed = false;
    this.#options.onOutput();
    if (path !== undefined) this.#retiring = this.#retire(path);
    return true;
  }

  async #endPath(path: AudioPath): Promise<void> {
    this.#path = undefined;
    try {
      await path.finish();
      await path.heard;
    } finally {
      await this.#retire(path);
    }
  }

  /** Keeps the counts of a path, and ends its children. */
  async #retire(path: AudioPath): Promise<void> {
    this.#ended.codecRestarts += path.codecRestarts;
    this.#ended.codecHangs += path.codecHangs;
    this.#ended.packetsLost += path.packetsLost;
    this.#ended.packetsUnheard += path.packetsUnheard ?? 0;
    await path[Symbol.asyncDispose]();
  }

  async #process(frame: AudioFrame): Promise<readonly AudioFrame[]> {
    const { guard, onError, meters, hasOutput } = this.#options;
    if (!this.#isReady && !await this.#waitForProcessor()) {
      meters.audioLost();
      return [];
    }
    try {
      const processed = await guard.processAudio(frame);
      if (processed.length === 0 || !hasOutput) meters.audioDone(frame.timestamp);
      return processed;
    } catch (error) {
      const policy = guard.processor.onError;
      if (policy === "stop") throw error;
      onError(error instanceof Error ? error : new Error(String(error)), "process");
      return policy === "passthrough" ? [frame] : [];
    }
  }

  #ear(): HearAudio {
    const { live, onError } = this.#options;
    return {
      isLive: live,
      take: (frame) => this.#hear(frame),
      onDeaf: (error) => onError(unheardSound(error), "decode"),
    };
  }

  /** Gives sound to a processor that only hears: what it fails on is out all the same. */
  async #hear(frame: AudioFrame): Promise<void> {
    const { guard, onError, meters, hasOutput } = this.#options;
    try {
      if (this.#isReady || await this.#waitForProcessor()) await guard.processAudio(frame);
      else meters.audioUnheard();
    } catch (error) {
      if (guard.processor.onError === "stop") throw error;
      onError(error instanceof Error ? error : new Error(String(error)), "process");
      meters.audioUnheard();
    }
    if (!hasOutput) meters.audioDone(frame.timestamp);
  }

  /** Audio that waits for long would hold up the reading of the input, and pictures with it. */
  async #waitForProcessor(): Promise<boolean> {
    const { ready, live, clock, signal } = this.#options;
    if (!live) return this.#isReady = await ready;
    this.#patience ??= pauseOn(clock, MAX_AUDIO_WAIT_MS, signal).then(() => false);
    return this.#isReady = await Promise.race([ready, this.#patience]);
  }
}

function nothingHeard(stream: AudioStreamInfo | undefined): MediaError {
  return new MediaError(
    "MEDIA_BAD_FRAME",
    `Cannot decode ${stream?.codec}: ffmpeg made nothing of it; check that the stream is what its ` +
      "program map says",
  );
}

function unheardSound(cause: unknown): MediaError {
  return new MediaError(
    "MEDIA_UNSUPPORTED_CODEC",
    `Cannot decode the sound for the processor, which hears no more of it: ${describeError(cause)}`,
    { cause },
  );
}

function unusableSound(cause: Error): MediaError {
  return new MediaError(
    "MEDIA_UNSUPPORTED_CODEC",
    `Cannot use the sound of the input, and goes on without: ${describeError(cause)}`,
    { cause },
  );
}
