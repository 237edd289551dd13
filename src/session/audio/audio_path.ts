/**
 * The way of audio: copied, transcoded, or decoded, processed and encoded.
 *
 * @module
 */

import { MPEG_TIME_BASE, rescaleTicks } from "../../base/mod.ts";
import { AudioFrame } from "../../frames/mod.ts";
import {
  AAC_SAMPLE_RATES,
  OPUS_SAMPLE_RATE,
  writeAacConfig,
  writeOpusHead,
} from "../../media/bitstream/mod.ts";
import {
  AudioDecoder,
  AudioEncoder,
  AudioTranscoder,
  type ChangeBudget,
  type WarmSet,
} from "../../media/codec/mod.ts";
import type { AudioStreamInfo, Packet } from "../../media/types.ts";
import type { OutputAudioCodec } from "../types.ts";

/** Up to here `channelConfiguration` is the number of channels: 5.1. */
const MAX_AAC_CHANNELS = 6;
/** `audioObjectType` of AAC-LC. */
const AAC_LC = 2;

/** Runs the user's processor on audio; returns what goes on. Does not reject. */
export type ProcessAudio = (frame: AudioFrame) => Promise<readonly AudioFrame[]>;

/** Options of an audio path. */
export interface AudioPathOptions {
  readonly stream: AudioStreamInfo;
  readonly outputCodec: OutputAudioCodec;
  /** The processor, where it handles audio. */
  readonly process: ProcessAudio | undefined;
  /** Takes encoded packets in 90 kHz ticks, in order. */
  readonly emit: (packet: Packet) => Promise<void>;
  /** How often the sound may jump in time. @default as often as it does */
  readonly changeBudget?: ChangeBudget | undefined;
  /** Takes the error of a child that hung. */
  readonly onHang?: (error: Error) => void;
  /** Children that wait, where there are some. */
  readonly warm?: WarmSet | undefined;
  readonly signal: AbortSignal;
}

/** Audio packets in, audio packets out. */
export interface AudioPath extends AsyncDisposable {
  /** What comes out, as the output's tables describe it. */
  readonly output: AudioStreamInfo;
  /** Children that died and were started again. */
  readonly codecRestarts: number;
  /** Children that were ended because they hung. */
  readonly codecHangs: number;
  /** Packets that never came out because a child died. */
  readonly packetsLost: number;
  /** Rejects as soon as the path cannot go on; `write` may then wait until it is disposed of. */
  readonly failure: Promise<never>;
  /** Whether this path can go on with a stream as it is described now. */
  accepts(stream: AudioStreamInfo): boolean;
  /** Takes the next packet of the input. */
  write(packet: Packet): Promise<void>;
  /** Ends the input; resolves when everything was emitted. */
  finish(): Promise<void>;
}

/** The cheapest path to the wanted codec: a copy, one child, or two around the processor. */
export function createAudioPath(options: AudioPathOptions): AudioPath {
  const { stream, outputCodec, process } = options;
  if (process !== undefined) {
    return new ProcessedAudio(options, encodedCodec(outputCodec, stream), process);
  }
  if (outputCodec === "source" || outputCodec === stream.codec) return new CopiedAudio(options);
  return new TranscodedAudio(options, outputCodec);
}

/** Two formats can be encoded; others are only ever copied. */
function encodedCodec(wanted: OutputAudioCodec, stream: AudioStreamInfo): "aac" | "opus" {
  if (wanted !== "source") return wanted;
  return stream.codec === "opus" ? "opus" : "aac";
}

/** Packets that go from demuxer to muxer as they are. */
class CopiedAudio implements AudioPath {
  readonly output: AudioStreamInfo;
  readonly codecRestarts = 0;
  readonly codecHangs = 0;
  readonly packetsLost = 0;
  readonly failure: Promise<never> = new Promise(() => {});
  readonly #emit: AudioPathOptions["emit"];

  constructor({ stream, emit }: AudioPathOptions) {
    this.output = stream;
    this.#emit = emit;
  }

  accepts(stream: AudioStreamInfo): boolean {
    return sameAudio(stream, this.output);
  }

  write(packet: Packet): Promise<void> {
    return this.#emit(packet);
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

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
    this.output = encodedStream(codec, stream);
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
class TranscodedAudio extends CodedAudio {
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

/** Packets that are decoded, given to the processor, and encoded. */
class ProcessedAudio extends CodedAudio {
  readonly #decoder: AudioDecoder;
  readonly #encoder: AudioEncoder;
  readonly #process: ProcessAudio;
  readonly #processing: Promise<void>;
  readonly #pumping: Promise<void>;

  constructor(options: AudioPathOptions, codec: "aac" | "opus", process: ProcessAudio) {
    super(options, codec);
    const { sampleRate, channels } = this.output;
    const { stream, changeBudget, onHang, warm, signal } = options;
    const timeBase = MPEG_TIME_BASE;
    this.#process = process;
    this.#decoder = new AudioDecoder({ stream, timeBase, onHang, warm, signal });
    const shape = { sampleRate: stream.sampleRate, channels: stream.channels };
    this.#encoder = new AudioEncoder({
      timeBase,
      codec,
      sampleRate,
      channels,
      shape,
      changeBudget,
      onHang,
      warm,
      signal,
    });
    this.#decoder.prewarm();
    this.#encoder.prewarm();
    this.#processing = this.#processAll();
    this.#pumping = this.#pump();
    this.watch(this.#processing);
    this.watch(this.#pumping);
  }

  get codecRestarts(): number {
    return this.#decoder.stats.restarts + this.#encoder.stats.restarts;
  }

  get codecHangs(): number {
    return this.#decoder.stats.hangs + this.#encoder.stats.hangs;
  }

  get packetsLost(): number {
    return this.#decoder.stats.lostPackets + this.#encoder.stats.lostFrames;
  }

  write(packet: Packet): Promise<void> {
    return this.#decoder.decode(packet);
  }

  async finish(): Promise<void> {
    await this.#decoder.flush();
    await this.#processing;
    await this.#encoder.flush();
    await this.#pumping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#decoder[Symbol.asyncDispose]();
    await this.#encoder[Symbol.asyncDispose]();
  }

  async #processAll(): Promise<void> {
    for await (const { samples, sampleRate, ptsTicks } of this.#decoder.frames()) {
      const frame = new AudioFrame({ samples, sampleRate, ptsTicks, timeBase: MPEG_TIME_BASE });
      for (const processed of await this.#process(frame)) {
        await this.#encoder.encode({
          samples: processed.samples,
          sampleRate: processed.sampleRate,
          ptsTicks: rescaleTicks(processed.timestamp, processed.timeBase, MPEG_TIME_BASE),
        });
      }
    }
  }

  async #pump(): Promise<void> {
    for await (const packet of this.#encoder.packets()) await this.emit(packet);
  }
}

/** Sound of the application, which was never encoded, given to the processor and encoded. */
export class FedAudio extends CodedAudio {
  readonly #encoder: AudioEncoder;
  readonly #process: ProcessAudio | undefined;
  readonly #pumping: Promise<void>;
  /** The frames' form; others are converted to it. */
  readonly shape: { readonly sampleRate: number; readonly channels: number };

  /** Starts the encoder for frames of this shape. */
  constructor(
    options: Omit<AudioPathOptions, "stream">,
    shape: { readonly sampleRate: number; readonly channels: number },
  ) {
    const codec = options.outputCodec === "aac" ? "aac" : "opus";
    super({ ...options, stream: encodedStream(codec, shape) }, codec);
    const { sampleRate, channels } = this.output;
    const { process, changeBudget, onHang, warm, signal } = options;
    this.shape = shape;
    this.#process = process;
    const timeBase = MPEG_TIME_BASE;
    this.#encoder = new AudioEncoder({
      timeBase,
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
    return this.#encoder.stats.restarts;
  }

  get codecHangs(): number {
    return this.#encoder.stats.hangs;
  }

  get packetsLost(): number {
    return this.#encoder.stats.lostFrames;
  }

  /** Packets do not come here. */
  write(): Promise<void> {
    throw new TypeError("Cannot write packets where the application gives frames");
  }

  /** Processes and encodes sound. */
  async writeFrame(frame: AudioFrame): Promise<void> {
    for (const processed of await this.#process?.(frame) ?? [frame]) {
      await this.#encoder.encode({
        samples: processed.samples,
        sampleRate: processed.sampleRate,
        ptsTicks: rescaleTicks(processed.timestamp, processed.timeBase, MPEG_TIME_BASE),
      });
    }
  }

  async finish(): Promise<void> {
    await this.#encoder.flush();
    await this.#pumping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#encoder[Symbol.asyncDispose]();
  }

  async #pump(): Promise<void> {
    for await (const packet of this.#encoder.packets()) await this.emit(packet);
  }
}

/** What an encoder is told to write, as the output's tables need it before its first packet. */
export function encodedStream(
  codec: "aac" | "opus",
  input: { readonly sampleRate: number; readonly channels: number },
): AudioStreamInfo {
  if (codec === "opus") {
    // WebRTC takes one or two channels of 48 kHz; more are mixed down.
    const channels = Math.min(2, input.channels);
    const extradata = writeOpusHead({
      channels,
      preSkip: 0,
      inputSampleRate: input.sampleRate,
      outputGain: 0,
      mappingFamily: 0,
      streamCount: 1,
      coupledCount: channels - 1,
      mapping: [],
    });
    return { kind: "audio", codec, sampleRate: OPUS_SAMPLE_RATE, channels, extradata };
  }
  const channels = Math.min(MAX_AAC_CHANNELS, input.channels);
  const sampleRate = AAC_SAMPLE_RATES.includes(input.sampleRate) ? input.sampleRate : 48_000;
  const config = { objectType: AAC_LC, sampleRate, channelConfiguration: channels };
  return { kind: "audio", codec, sampleRate, channels, extradata: writeAacConfig(config) };
}

/** Whether two descriptions are of one stream, so that a coder can go on. */
export function sameAudio(a: AudioStreamInfo, b: AudioStreamInfo): boolean {
  return a.codec === b.codec && a.sampleRate === b.sampleRate && a.channels === b.channels &&
    a.extradata.length === b.extradata.length &&
    a.extradata.every((byte, index) => byte === b.extradata[index]);
}
