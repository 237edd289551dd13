/**
 * Compressed audio in, samples out.
 *
 * @module
 */

import { type Rational, rescaleTicks } from "../../../base/rational.ts";
import type { NutEvent, NutPacketEvent } from "../../nut/mod.ts";
import type { AudioCodec, AudioStreamInfo, Packet } from "../../types.ts";
import { audioDecodeArguments } from "../arguments.ts";
import { nutAudioStream } from "./audio_stream.ts";
import type { ChildRecipe } from "../child/codec_child.ts";
import { CodecEngine, type CoderOptions, nothingDecoded } from "../codec_engine.ts";
import type { RunEnd } from "../codec_run.ts";

/** How the child of an audio decoder is started: the same way for most codecs. */
export function audioDecoderRecipe(codec: AudioCodec): ChildRecipe {
  return {
    name: "audio decoder",
    input: "pipe",
    output: "pipe",
    args: (urls) => audioDecodeArguments({ ...urls, source: codec }),
  };
}

/** A piece of sound. */
export interface DecodedAudio {
  /**
   * One array of samples for each channel, from -1 to 1, in ffmpeg's order (FL FR FC LFE BL BR).
   */
  readonly samples: readonly Float32Array[];
  /** Samples per second and channel. */
  readonly sampleRate: number;
  readonly channels: number;
  /** The pts of the packet it came from. */
  readonly ptsTicks: number;
}

/** Options of an {@linkcode AudioDecoder}. */
export interface AudioDecoderOptions extends CoderOptions {
  readonly stream: AudioStreamInfo;
  /** Of the packets' ticks, and so of the samples'. */
  readonly timeBase: Rational;
}

/** What an {@linkcode AudioDecoder} counts. */
export interface AudioDecoderStats {
  /** Pieces of sound that came out. */
  readonly frames: number;
  /** Packets that were inside a child when it died. */
  readonly lostPackets: number;
  /** Packets that gave no sound: damaged ones. */
  readonly undecodedPackets: number;
  /** Children started in place of one that died. */
  readonly restarts: number;
  /** Children that were ended because they hung; they are among those that died. */
  readonly hangs: number;
}

/**
 * Decodes AAC, Opus, MP3 and AC-3 with one ffmpeg child. Every packet becomes one piece of sound
 * with exactly its pts; nothing is skipped at the start, resampled or filled in. A child that dies
 * is replaced with the next packet.
 */
export class AudioDecoder implements AsyncDisposable {
  readonly #options: AudioDecoderOptions;
  readonly #engine: CodecEngine<DecodedAudio>;
  #stream: AudioStreamInfo;
  #pending = new Map<number, number>();
  #nextIndex = 0;
  #counts = { frames: 0, lostPackets: 0, undecodedPackets: 0 };

  /** Creates a decoder; the child starts with the first packet, or with {@linkcode prewarm}. */
  constructor(options: AudioDecoderOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#engine = new CodecEngine<DecodedAudio>({ ...options, name: "audio decoder" });
  }

  /** The process id of the child that takes input now. */
  get pid(): number | undefined {
    return this.#engine.current?.pid;
  }

  /** Counters so far. */
  get stats(): AudioDecoderStats {
    return { ...this.#counts, restarts: this.#engine.restarts, hangs: this.#engine.hangs };
  }

  /** Starts the child before there is a packet. Throws an `FfmpegError` or `MediaError`. */
  prewarm(): void {
    if (this.#engine.current === undefined) this.#begin();
  }

  /**
   * Takes the next packet. Resolves when the child has it. Rejects with an `FfmpegError` or
   * `MediaError` once decoding is impossible. Calls need not wait for each other.
   */
  decode(packet: Packet): Promise<void> {
    return this.#engine.inTurn(() => this.#decode(packet));
  }

  /** Says that the stream is another from the next packet on. */
  reconfigure(stream: AudioStreamInfo): Promise<void> {
    return this.#engine.inTurn(() => {
      this.#stream = stream;
      this.#engine.finishCurrent();
      return Promise.resolve();
    });
  }

  /** Ends the input. Resolves when all samples came out, which needs somebody to take them. */
  flush(): Promise<void> {
    return this.#engine.flush(() => {
      const { frames, undecodedPackets, lostPackets } = this.#counts;
      const wasted = undecodedPackets + lostPackets;
      return frames > 0 || wasted === 0 ? undefined : nothingDecoded(this.#stream.codec, wasted);
    });
  }

  /** The sound, in order. Ends after {@linkcode flush}; throws when decoding is impossible. */
  frames(): AsyncIterable<DecodedAudio> {
    return this.#engine.queue;
  }

  /** Stops the child and drops what was not taken. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }

  async #decode(packet: Packet): Promise<void> {
    for (;;) {
      if (this.#engine.current === undefined) {
        await this.#engine.room();
        this.#begin();
      }
      const run = this.#engine.current!;
      const index = this.#nextIndex++;
      const pending = this.#pending;
      pending.set(index, packet.ptsTicks);
      // One packet a second, for the child: what comes out then says which packet it was.
      const ptsTicks = index * this.#stream.sampleRate;
      if (await run.send({ ptsTicks, keyframe: true, data: packet.data })) return;
      pending.delete(index);
      await this.#engine.inOrder();
    }
  }

  #begin(): void {
    const { codec } = this.#stream;
    const stream = nutAudioStream(this.#stream, { num: 1, den: this.#stream.sampleRate });
    const pending = this.#pending = new Map<number, number>();
    this.#nextIndex = 0;
    const reader = new SampleReader(this.#options.timeBase, pending);
    const onEvent = async (event: NutEvent): Promise<void> => {
      const frame = reader.read(event);
      if (frame === undefined) return;
      this.#counts.frames++;
      await this.#engine.queue.push(frame);
    };
    this.#engine.begin(
      { stream, recipe: audioDecoderRecipe(codec), onEvent },
      { onEnd: (end) => this.#onRunEnd(end, reader) },
    );
  }

  #onRunEnd(end: RunEnd, reader: SampleReader): void {
    this.#counts.undecodedPackets += reader.skipped;
    if (end.kind === "died") this.#counts.lostPackets += reader.waiting;
    else this.#counts.undecodedPackets += reader.waiting;
  }
}

/** Turns what one child writes into samples. */
class SampleReader {
  /** Packets that gave nothing although later ones did. */
  skipped = 0;
  readonly #timeBase: Rational;
  readonly #pending: Map<number, number>;
  #sampleRate = 0;
  #channels = 0;
  #ticksPerSecond = 1;
  #current: { readonly index: number; readonly ptsTicks: number } | undefined;

  constructor(timeBase: Rational, pending: Map<number, number>) {
    this.#timeBase = timeBase;
    this.#pending = pending;
  }

  /** Packets that gave nothing so far. */
  get waiting(): number {
    return this.#pending.size;
  }

  read(event: NutEvent): DecodedAudio | undefined {
    if (event.kind === "packet") return this.#frame(event);
    const [stream] = event.streams;
    if (stream?.kind !== "audio") return undefined;
    this.#sampleRate = stream.sampleRate;
    this.#channels = stream.channels;
    this.#ticksPerSecond = stream.timeBase.den / stream.timeBase.num;
    return undefined;
  }

  #frame({ ptsTicks: tick, data }: NutPacketEvent): DecodedAudio | undefined {
    const index = Math.floor(tick / this.#ticksPerSecond);
    const packetPts = this.#enter(index);
    if (packetPts === undefined) return undefined;
    // A packet of several frames: the later ones come some way into its second.
    const within = tick - index * this.#ticksPerSecond;
    const from = { num: 1, den: this.#ticksPerSecond };
    const ptsTicks = packetPts + rescaleTicks(within, from, this.#timeBase);
    const channels = this.#channels;
    const samples = planar(data, channels);
    return { samples, sampleRate: this.#sampleRate, channels, ptsTicks };
  }

  #enter(index: number): number | undefined {
    if (this.#current?.index === index) return this.#current.ptsTicks;
    const ptsTicks = this.#pending.get(index);
    if (ptsTicks === undefined) return undefined;
    for (const other of this.#pending.keys()) {
      if (other >= index) break;
      this.#pending.delete(other);
      this.skipped++;
    }
    this.#pending.delete(index);
    this.#current = { index, ptsTicks };
    return ptsTicks;
  }
}

/** Takes interleaved little-endian floats apart. */
function planar(data: Uint8Array, channels: number): Float32Array[] {
  const count = Math.floor(data.length / 4 / channels);
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
  const interleaved = new Float32Array(aligned.buffer, aligned.byteOffset, count * channels);
  if (channels === 1) return [interleaved];
  return Array.from({ length: channels }, (_, channel) => {
    const samples = new Float32Array(count);
    for (let i = 0, at = channel; i < count; i++, at += channels) samples[i] = interleaved[at]!;
    return samples;
  });
}
