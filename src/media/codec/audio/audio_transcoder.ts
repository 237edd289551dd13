/**
 * Compressed audio in, compressed audio out, with nothing in between: for audio that nobody touches
 * but that must change its codec.
 *
 * @module
 */

import { type Rational, ticksToSeconds } from "../../../base/rational.ts";
import type { AudioStreamInfo, Packet } from "../../types.ts";
import {
  type AudioOutputOptions,
  audioOutputRecipe,
  AudioPacketReader,
  HEAD_START_SECONDS,
  outputSettings,
} from "./audio_output.ts";
import { nutAudioStream } from "./audio_stream.ts";
import { CodecEngine, type CoderOptions } from "../codec_engine.ts";

/** Options of an {@linkcode AudioTranscoder}. */
export interface AudioTranscoderOptions extends CoderOptions, AudioOutputOptions {
  readonly stream: AudioStreamInfo;
  /** Of the packets' ticks, in and out. */
  readonly timeBase: Rational;
}

/** What an {@linkcode AudioTranscoder} counts. */
export interface AudioTranscoderStats {
  /** Packets that came out. */
  readonly packets: number;
  /** Packets that were inside a child when it died, or left out because their time jumps too often. */
  readonly lostPackets: number;
  /** Packets left out because their pts would be below 0: the encoder's run-in. */
  readonly droppedPackets: number;
  /** Children started in place of one that died. */
  readonly restarts: number;
  /** Children that were ended because they hung; they are among those that died. */
  readonly hangs: number;
}

// Jumps beyond this begin anew in another child.
const MAX_STEP_SECONDS = 1;

/**
 * Turns AAC, Opus, MP3 or AC-3 into Opus or AAC with one ffmpeg child. Sound stays at its time;
 * after a gap of less than a second within one packet's length.
 */
export class AudioTranscoder implements AsyncDisposable {
  readonly #options: AudioTranscoderOptions;
  readonly #engine: CodecEngine<Packet>;
  #stream: AudioStreamInfo;
  #reader: AudioPacketReader | undefined;
  #startTicks: number | undefined;
  #lastTicks = 0;
  #info: AudioStreamInfo | undefined;
  #counts = { packets: 0, lostPackets: 0, droppedPackets: 0 };

  /** Creates a transcoder; the child starts with the first packet, or with {@linkcode prewarm}. */
  constructor(options: AudioTranscoderOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#engine = new CodecEngine<Packet>({ ...options, name: "audio transcoder" });
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
  get stats(): AudioTranscoderStats {
    return { ...this.#counts, restarts: this.#engine.restarts, hangs: this.#engine.hangs };
  }

  /** Starts the child before there is a packet. Throws an `FfmpegError` or `MediaError`. */
  prewarm(): void {
    if (this.#engine.current === undefined) this.#begin();
  }

  /** Takes the next packet. Resolves when the child has it. Calls need not wait for each other. */
  transcode(packet: Packet): Promise<void> {
    return this.#engine.inTurn(() => this.#transcode(packet));
  }

  /** Says that the stream is another from the next packet on. */
  reconfigure(stream: AudioStreamInfo): Promise<void> {
    return this.#engine.inTurn(() => {
      this.#stream = stream;
      this.#engine.finishCurrent();
      return Promise.resolve();
    });
  }

  /** Ends the input. Resolves when all packets came out, which needs somebody to take them. */
  flush(): Promise<void> {
    return this.#engine.flush();
  }

  /** The packets, in order. Ends after {@linkcode flush}; throws when coding is impossible. */
  packets(): AsyncIterable<Packet> {
    return this.#engine.queue;
  }

  /** Stops the child and drops what was not taken. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }

  async #transcode(packet: Packet): Promise<void> {
    const { timeBase } = this.#options;
    for (;;) {
      const step = ticksToSeconds(packet.ptsTicks - this.#lastTicks, timeBase);
      const jumps = this.#startTicks !== undefined && (step < 0 || step > MAX_STEP_SECONDS);
      if (jumps && !this.#engine.mayChange()) {
        this.#counts.lostPackets++;
        return;
      }
      if (this.#engine.current === undefined || jumps) {
        this.#engine.finishCurrent();
        await this.#engine.room();
        this.#begin();
      }
      const run = this.#engine.current!;
      this.#startTicks ??= packet.ptsTicks;
      this.#reader!.startTicks = this.#startTicks;
      this.#lastTicks = packet.ptsTicks;
      const headStart = Math.round(HEAD_START_SECONDS * timeBase.den / timeBase.num);
      const ptsTicks = packet.ptsTicks - this.#startTicks + headStart;
      if (await run.send({ ptsTicks, keyframe: true, data: packet.data })) {
        this.#reader?.sent(packet.ptsTicks);
        return;
      }
      await this.#engine.inOrder();
    }
  }

  #begin(): void {
    const { timeBase } = this.#options;
    const stream = nutAudioStream(this.#stream, timeBase);
    const settings = {
      ...outputSettings(this.#options, this.#stream),
      source: this.#stream.codec,
    };
    const reader = this.#reader = new AudioPacketReader(timeBase);
    this.#startTicks = undefined;
    this.#engine.begin({
      stream,
      recipe: audioOutputRecipe("audio transcoder", settings),
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
    }, {
      onEnd: (end) => {
        if (end.kind === "finished") return;
        this.#counts.lostPackets += reader.inFlight;
      },
    });
  }
}
