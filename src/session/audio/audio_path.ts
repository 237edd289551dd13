/**
 * The way of audio, and the shortest of them: a copy.
 *
 * @module
 */

import type { AudioFrame } from "../../frames/mod.ts";
import type { ChangeBudget, WarmSet } from "../../media/codec/mod.ts";
import type { AudioStreamInfo, Packet } from "../../media/types.ts";
import type { OutputAudioCodec } from "../types.ts";
import { sameAudio } from "./encoded_stream.ts";

/** Runs the user's processor on audio; returns what goes on. Does not reject. */
export type ProcessAudio = (frame: AudioFrame) => Promise<readonly AudioFrame[]>;

/** A processor that hears sound which goes on without it. */
export interface HearAudio {
  /** Gives it a piece of sound. Rejects only with what ends the stream. */
  readonly take: (frame: AudioFrame) => Promise<void>;
  /** Whether sound goes on without waiting for it. */
  readonly isLive: boolean;
  /** It will hear no more of this stream, since that cannot be decoded. */
  readonly onDeaf: (error: unknown) => void;
}

/** Options of an audio path. */
export interface AudioPathOptions {
  readonly stream: AudioStreamInfo;
  readonly outputCodec: OutputAudioCodec;
  /** The processor, where it handles audio. */
  readonly process: ProcessAudio | undefined;
  /** The processor, where it only hears audio. @default it does not */
  readonly hear?: HearAudio | undefined;
  /** Whether what is emitted is written. @default true */
  readonly hasOutput?: boolean;
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
  /** Packets that came out and were not decoded for a processor that only hears. @default 0 */
  readonly packetsUnheard?: number;
  /** Rejects as soon as the path cannot go on; `write` may then wait until it is disposed of. */
  readonly failure: Promise<never>;
  /** Whether this path can go on with a stream as it is described now. */
  accepts(stream: AudioStreamInfo): boolean;
  /** Takes the next packet of the input. */
  write(packet: Packet): Promise<void>;
  /** Resolves when a processor that only hears has heard everything, after the end of the input. */
  readonly heard?: Promise<void>;
  /** Ends the input; resolves when everything was emitted. */
  finish(): Promise<void>;
}

/** Packets that go from demuxer to muxer as they are. */
export class CopiedAudio implements AudioPath {
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
