/**
 * Samples in, compressed audio out.
 *
 * @module
 */

import { MediaError } from "../../../base/errors.ts";
import type { Rational } from "../../../base/rational.ts";
import type { AudioStreamInfo, Packet } from "../../types.ts";
import {
  type AudioOutputOptions,
  audioOutputRecipe,
  AudioPacketReader,
  outputSettings,
} from "./audio_output.ts";
import { checkAudioShape } from "./audio_stream.ts";
import { AudioTimeline } from "./audio_timeline.ts";
import { CodecEngine, type CoderOptions } from "../codec_engine.ts";
import type { RunEnd } from "../codec_run.ts";

/** Options of an {@linkcode AudioEncoder}. */
export interface AudioEncoderOptions extends CoderOptions, AudioOutputOptions {
  /** Of the samples' ticks, and so of the packets'. */
  readonly timeBase: Rational;
  /** What is expected to come: only used by {@linkcode AudioEncoder.prewarm}. */
  readonly shape?: { readonly sampleRate: number; readonly channels: number };
}

/** A piece of sound to encode. */
export interface RawAudio {
  /** One array of samples for each channel, all of one length, from -1 to 1. */
  readonly samples: readonly Float32Array[];
  /** Samples per second and channel. */
  readonly sampleRate: number;
  readonly ptsTicks: number;
}

/** What an {@linkcode AudioEncoder} counts. */
export interface AudioEncoderStats {
  /** Packets that came out. */
  readonly packets: number;
  /** Pieces of sound that were inside a child when it died, or left out because time jumps too often. */
  readonly lostFrames: number;
  /** Packets left out because their pts would be below 0: the encoder's run-in. */
  readonly droppedPackets: number;
  /** Samples of silence put into gaps. */
  readonly silenceSamples: number;
  /** Samples left out because earlier ones took their time. */
  readonly overlapSamples: number;
  /** Children started in place of one that died. */
  readonly restarts: number;
  /** Children that were ended because they hung; they are among those that died. */
  readonly hangs: number;
}

/**
 * Encodes Opus or AAC with one ffmpeg child. Packets have the pts of their first sample, the
 * encoder's run-in included, so that sound stays where it was to the sample: gaps of up to a second
 * are filled with silence, overlaps are cut, larger jumps begin anew in another child, in order.
 */
export class AudioEncoder implements AsyncDisposable {
  readonly #options: AudioEncoderOptions;
  readonly #engine: CodecEngine<Packet>;
  #shape: { readonly sampleRate: number; readonly channels: number } | undefined;
  #timeline: AudioTimeline | undefined;
  #reader: AudioPacketReader | undefined;
  #info: AudioStreamInfo | undefined;
  #counts = {
    packets: 0,
    lostFrames: 0,
    droppedPackets: 0,
    silenceSamples: 0,
    overlapSamples: 0,
  };

  /** Creates an encoder; the child starts with the first samples, or with {@linkcode prewarm}. */
  constructor(options: AudioEncoderOptions) {
    this.#options = options;
    this.#engine = new CodecEngine<Packet>({ ...options, name: "audio encoder" });
  }

  /** The stream that comes out: known from the first packet on. */
  get info(): AudioStreamInfo | undefined {
    return this.#info;
  }

  /** The process id of the child that takes input now. */
  get pid(): number | undefined {
    return this.#engine.current?.pid;
  }

  /** Counters so far. */
  get stats(): AudioEncoderStats {
    return { ...this.#counts, restarts: this.#engine.restarts, hangs: this.#engine.hangs };
  }

  /** Starts the child for the expected shape before there are samples. Throws an `FfmpegError`. */
  prewarm(): void {
    const { shape } = this.#options;
    if (shape !== undefined && this.#engine.current === undefined) this.#begin(shape);
  }

  /**
   * Takes the next samples; their memory is free again when the promise resolves. Rejects with a
   * `MediaError` for samples that cannot be encoded, with an `FfmpegError` once encoding is
   * impossible. Calls need not wait for each other.
   */
  encode(audio: RawAudio): Promise<void> {
    return this.#engine.inTurn(() => this.#encode(audio));
  }

  /** Ends the input. Resolves when all packets came out, which needs somebody to take them. */
  flush(): Promise<void> {
    return this.#engine.flush();
  }

  /** The packets, in order. Ends after {@linkcode flush}; throws when encoding is impossible. */
  packets(): AsyncIterable<Packet> {
    return this.#engine.queue;
  }

  /** Stops the child and drops what was not taken. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }

  async #encode(audio: RawAudio): Promise<void> {
    const channels = audio.samples.length;
    const { sampleRate, ptsTicks } = audio;
    checkAudioShape({ sampleRate, channels }, "encode audio");
    const count = checkedLength(audio.samples);
    for (;;) {
      if (!await this.#ensureRun({ sampleRate, channels }, ptsTicks)) {
        this.#counts.lostFrames++;
        return;
      }
      const run = this.#engine.current;
      if (run === undefined) {
        // It ended in the meantime, alone or with all.
        await this.#engine.inOrder();
        continue;
      }
      const timeline = this.#timeline!;
      const before = timeline.samples;
      const { silence, skip } = timeline.append(ptsTicks, count);
      if (skip === count && silence === 0) {
        this.#counts.overlapSamples += skip;
        return;
      }
      const data = interleaved(audio.samples, { silence, skip, count });
      // The row starts a second in: the run-in comes before it, and ffmpeg moves what is negative.
      const sent = await run.send({ ptsTicks: sampleRate + before, keyframe: true, data });
      if (sent) {
        this.#reader?.sent(ptsTicks);
        this.#counts.silenceSamples += silence;
        this.#counts.overlapSamples += skip;
        return;
      }
      await this.#engine.inOrder();
    }
  }

  /** Resolves to whether there is a child that goes on with this. */
  async #ensureRun(
    shape: { sampleRate: number; channels: number },
    ptsTicks: number,
  ): Promise<boolean> {
    const { timeBase } = this.#options;
    const same = this.#shape?.sampleRate === shape.sampleRate &&
      this.#shape.channels === shape.channels;
    const jumps = this.#timeline !== undefined && !this.#timeline.continues(ptsTicks);
    if (this.#engine.current === undefined || !same || jumps) {
      if ((jumps || !same) && !this.#engine.mayChange()) return false;
      this.#engine.finishCurrent();
      await this.#engine.room();
      this.#begin(shape);
    }
    if (this.#timeline !== undefined) return true;
    const { sampleRate } = shape;
    this.#timeline = new AudioTimeline(ptsTicks, { sampleRate, timeBase });
    this.#reader!.startTicks = ptsTicks;
    return true;
  }

  #begin(shape: { sampleRate: number; channels: number }): void {
    const { sampleRate, channels } = shape;
    const settings = outputSettings(this.#options, shape);
    const reader = this.#reader = new AudioPacketReader(this.#options.timeBase);
    this.#shape = { sampleRate, channels };
    this.#timeline = undefined;
    this.#engine.begin({
      stream: {
        kind: "audio",
        format: "f32le",
        timeBase: { num: 1, den: sampleRate },
        sampleRate,
        channels,
      },
      recipe: audioOutputRecipe("audio encoder", settings),
      onEvent: async (event) => {
        const packet = reader.read(event);
        this.#info = reader.info ?? this.#info;
        if (packet === undefined) return;
        if (packet.ptsTicks < 0) this.#counts.droppedPackets++;
        else {
          this.#counts.packets++;
          await this.#engine.queue.push(packet);
        }
      },
    }, { onEnd: (end) => this.#onRunEnd(end, reader) });
  }

  #onRunEnd(end: RunEnd, reader: AudioPacketReader): void {
    if (end.kind === "finished") return;
    this.#counts.lostFrames += reader.inFlight;
  }
}

function checkedLength(samples: readonly Float32Array[]): number {
  const count = samples[0]!.length;
  if (samples.every((channel) => channel.length === count)) return count;
  throw new MediaError(
    "MEDIA_BAD_FRAME",
    `Cannot encode audio whose channels have ${samples.map((s) => s.length).join(", ")} samples; ` +
      `make them equally long`,
  );
}

function interleaved(
  samples: readonly Float32Array[],
  { silence, skip, count }: { silence: number; skip: number; count: number },
): Uint8Array {
  const channels = samples.length;
  const all = new Float32Array((silence + count - skip) * channels);
  samples.forEach((channel, index) => {
    let at = silence * channels + index;
    for (let i = skip; i < count; i++, at += channels) all[at] = channel[i]!;
  });
  return new Uint8Array(all.buffer);
}
