/**
 * What audio encoders and transcoders have in common: the settings of the output, and reading it.
 *
 * @module
 */

import { type Rational, rescaleTicks } from "../../../base/rational.ts";
import { OPUS_SAMPLE_RATE } from "../../bitstream/mod.ts";
import type { NutEvent } from "../../nut/mod.ts";
import type { AudioStreamInfo, Packet } from "../../types.ts";
import { type AudioEncodeArguments, audioEncodeArguments } from "../arguments.ts";
import { audioStreamInfo } from "./audio_stream.ts";
import type { ChildRecipe } from "../child/codec_child.ts";

/** Settings of compressed audio output. */
export interface AudioOutputOptions {
  /** @default "opus" */
  readonly codec?: "opus" | "aac";
  /** Samples per second. @default 48_000 for Opus, the input's for AAC */
  readonly sampleRate?: number;
  /** @default at most two for Opus, which WebRTC needs; the input's for AAC */
  readonly channels?: number;
  /** Bits per second. @default 64_000 for each channel */
  readonly bitrate?: number;
}

const BITRATE_PER_CHANNEL = 64_000;

/** The settings for an input of this shape, with all defaults applied. */
export function outputSettings(
  options: AudioOutputOptions,
  input: { readonly sampleRate: number; readonly channels: number },
): Omit<AudioEncodeArguments, "input" | "output"> {
  const { codec = "opus" } = options;
  const sampleRate = options.sampleRate ?? (codec === "opus" ? OPUS_SAMPLE_RATE : input.sampleRate);
  const usual = codec === "opus" ? Math.min(2, input.channels) : input.channels;
  const channels = options.channels ?? usual;
  const bitrate = options.bitrate ?? BITRATE_PER_CHANNEL * channels;
  const downmix = channels < input.channels;
  return { codec, sampleRate, channels, downmix, bitrate };
}

/** How a child for these settings is started. */
export function audioOutputRecipe(
  name: "audio encoder" | "audio transcoder",
  settings: ReturnType<typeof outputSettings>,
): ChildRecipe {
  const args: ChildRecipe["args"] = (urls) => audioEncodeArguments({ ...urls, ...settings });
  return { name, input: "pipe", output: "pipe", args };
}

/** The child's clock stands at this when its input starts. */
export const HEAD_START_SECONDS = 1;

/** Turns what one child writes into packets. */
export class AudioPacketReader {
  /** The pts at which the child's input starts. */
  startTicks = 0;
  readonly #timeBase: Rational;
  #childTimeBase: Rational = { num: 1, den: 48_000 };
  #info: AudioStreamInfo | undefined;
  #sent: number[] = [];

  /** Creates a reader for packets in a time base. */
  constructor(timeBase: Rational) {
    this.#timeBase = timeBase;
  }

  /** The stream, once its header was read. */
  get info(): AudioStreamInfo | undefined {
    return this.#info;
  }

  /** How many inputs are later than all output so far. */
  get inFlight(): number {
    return this.#sent.length;
  }

  /** Says that an input went in. */
  sent(ptsTicks: number): void {
    this.#sent.push(ptsTicks);
  }

  /** The packet in an event, if there is one. */
  read(event: NutEvent): Packet | undefined {
    if (event.kind === "streams") {
      const [stream] = event.streams;
      if (stream?.kind !== "audio") return undefined;
      this.#childTimeBase = stream.timeBase;
      this.#info = audioStreamInfo(stream);
      return undefined;
    }
    const { num, den } = this.#childTimeBase;
    const sinceStart = event.ptsTicks - HEAD_START_SECONDS * den / num;
    const ptsTicks = this.startTicks +
      rescaleTicks(sinceStart, this.#childTimeBase, this.#timeBase);
    const later = this.#sent.findIndex((sent) => sent > ptsTicks);
    this.#sent.splice(0, later < 0 ? this.#sent.length : later);
    return { kind: "audio", ptsTicks, dtsTicks: ptsTicks, keyframe: true, data: event.data };
  }
}
