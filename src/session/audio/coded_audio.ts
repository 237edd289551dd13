/**
 * Audio that is coded anew: transcoded by one child, or encoded after the processor.
 *
 * @module
 */

import { MPEG_TIME_BASE, rescaleTicks } from "../../base/mod.ts";
import { AudioFrame } from "../../frames/mod.ts";
import { AudioDecoder, AudioEncoder, AudioTranscoder } from "../../media/codec/mod.ts";
import type { AudioStreamInfo, Packet } from "../../media/types.ts";
import type { AudioPath, AudioPathOptions, ProcessAudio } from "./audio_path.ts";
import { encodedStream, fullestSound, sameAudio } from "./encoded_stream.ts";

/** What the coded paths have in common: the settings of the output and who counts what. */
abstract class CodedAudio implements AudioPath {
  readonly output: AudioStreamInfo;
  readonly failure: Promise<never>;
  protected readonly emit: AudioPathOptions["emit"];
  readonly #failed = Promise.withResolvers<never>();
  #input: AudioStreamInfo;

  constructor({ stream, emit }: AudioPathOptions, codec: "aac" | "opus") {
    this.#input = stream;
    this.emit = emit;
    this.output = encodedStream(codec, fullestSound(stream));
    this.failure = this.#failed.promise;
    this.failure.catch(() => {}); // finish() throws the same
  }

  abstract readonly codecRestarts: number;
  abstract readonly codecHangs: number;
  abstract readonly packetsLost: number;
  abstract write(packet: Packet): Promise<void>;
  abstract finish(): Promise<void>;
  abstract [Symbol.asyncDispose](): Promise<void>;

  accepts(stream: AudioStreamInfo): boolean {
    return sameAudio(stream, this.#input);
  }

  /** Makes the failure of a task the path's. */
  protected watch(task: Promise<void>): void {
    task.catch((error) => this.#failed.reject(error));
  }
}

/** Packets that change their codec in one child. */
export class TranscodedAudio extends CodedAudio {
  readonly #transcoder: AudioTranscoder;
  readonly #pumping: Promise<void>;

  constructor(options: AudioPathOptions, codec: "aac" | "opus") {
    super(options, codec);
    const { sampleRate, channels } = this.output;
    const { stream, changeBudget, onHang, warm, signal } = options;
    const timeBase = MPEG_TIME_BASE;
    this.#transcoder = new AudioTranscoder({
      stream,
      timeBase,
      codec,
      sampleRate,
      channels,
      changeBudget,
      onHang,
      warm,
      signal,
    });
    this.#transcoder.prewarm();
    this.#pumping = this.#pump();
    this.watch(this.#pumping);
  }

  get codecRestarts(): number {
    return this.#transcoder.stats.restarts;
  }

  get codecHangs(): number {
    return this.#transcoder.stats.hangs;
  }

  get packetsLost(): number {
    return this.#transcoder.stats.lostPackets;
  }

  write(packet: Packet): Promise<void> {
    return this.#transcoder.transcode(packet);
  }

  async finish(): Promise<void> {
    await this.#transcoder.flush();
    await this.#pumping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transcoder[Symbol.asyncDispose]();
  }

  async #pump(): Promise<void> {
    for await (const packet of this.#transcoder.packets()) await this.emit(packet);
  }
}

/** Sound that is encoded here, after the processor where there is one. */
abstract class EncodedAudio extends CodedAudio {
  protected readonly encoder: AudioEncoder;
  readonly #process: ProcessAudio | undefined;
  readonly #pumping: Promise<void>;

  constructor(
    options: AudioPathOptions,
    codec: "aac" | "opus",
    shape: { readonly sampleRate: number; readonly channels: number },
  ) {
    super(options, codec);
    const { sampleRate, channels } = this.output;
    const { process, changeBudget, onHang, warm, signal } = options;
    this.#process = process;
    this.encoder = new AudioEncoder({
      timeBase: MPEG_TIME_BASE,
      codec,
      sampleRate,
      channels,
      shape,
      changeBudget,
      onHang,
      warm,
      signal,
    });
    this.#pumping = this.#pump();
    this.watch(this.#pumping);
  }

  get codecRestarts(): number {
    return this.encoder.stats.restarts;
  }

  get codecHangs(): number {
    return this.encoder.stats.hangs;
  }

  get packetsLost(): number {
    return this.encoder.stats.lostFrames;
  }

  async finish(): Promise<void> {
    await this.encoder.flush();
    await this.#pumping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.encoder[Symbol.asyncDispose]();
  }

  /** Processes and encodes sound. */
  async writeFrame(frame: AudioFrame): Promise<void> {
    for (const processed of await this.#process?.(frame) ?? [frame]) {
      await this.encoder.encode({
        samples: processed.samples,
        sampleRate: processed.sampleRate,
        ptsTicks: rescaleTicks(processed.timestamp, processed.timeBase, MPEG_TIME_BASE),
      });
    }
  }

  async #pump(): Promise<void> {
    for await (const packet of this.encoder.packets()) await this.emit(packet);
  }
}

/** Packets that are decoded, given to the processor, and encoded. */
export class ProcessedAudio extends EncodedAudio {
  readonly #decoder: AudioDecoder;
  readonly #processing: Promise<void>;

  constructor(options: AudioPathOptions, codec: "aac" | "opus") {
    const { stream, onHang, warm, signal } = options;
    super(options, codec, { sampleRate: stream.sampleRate, channels: stream.channels });
    this.#decoder = new AudioDecoder({ stream, timeBase: MPEG_TIME_BASE, onHang, warm, signal });
    this.#decoder.prewarm();
    this.encoder.prewarm();
    this.#processing = this.#processAll();
    this.watch(this.#processing);
  }

  override get codecRestarts(): number {
    return super.codecRestarts + this.#decoder.stats.restarts;
  }

  override get codecHangs(): number {
    return super.codecHangs + this.#decoder.stats.hangs;
  }

  override get packetsLost(): number {
    return super.packetsLost + this.#decoder.stats.lostPackets;
  }

  write(packet: Packet): Promise<void> {
    return this.#decoder.decode(packet);
  }

  override async finish(): Promise<void> {
    // A processor that ends the stream takes nothing any more: the decoder would wait for it.
    await Promise.all([this.#decoder.flush(), this.#processing]);
    await super.finish();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#decoder[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
  }

  async #processAll(): Promise<void> {
    for await (const { samples, sampleRate, ptsTicks } of this.#decoder.frames()) {
      const timeBase = MPEG_TIME_BASE;
      await this.writeFrame(new AudioFrame({ samples, sampleRate, ptsTicks, timeBase }));
    }
  }
}

/** Sound of the application, which was never encoded, given to the processor and encoded. */
export class FedAudio extends EncodedAudio {
  /** The frames' form; others are converted to it. */
  readonly shape: { readonly sampleRate: number; readonly channels: number };

  /** Starts the encoder for frames of this shape. */
  constructor(
    options: Omit<AudioPathOptions, "stream">,
    shape: { readonly sampleRate: number; readonly channels: number },
  ) {
    const codec = options.outputCodec === "aac" ? "aac" : "opus";
    super({ ...options, stream: encodedStream(codec, shape) }, codec, shape);
    this.shape = shape;
  }

  /** Packets do not come here. */
  write(): Promise<void> {
    throw new TypeError("Cannot write packets where the application gives frames");
  }
}
