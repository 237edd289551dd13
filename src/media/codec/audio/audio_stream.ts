/**
 * How compressed audio streams are described to a child.
 *
 * @module
 */

import { MediaError } from "../../../base/errors.ts";
import type { Rational } from "../../../base/rational.ts";
import { OPUS_SAMPLE_RATE } from "../../bitstream/mod.ts";
import type { NutAudioStream } from "../../nut/mod.ts";
import type { AudioCodec, AudioStreamInfo } from "../../types.ts";

const OPUS_HEAD_BYTES = 19;
const MAX_CHANNELS = 8;
const MAX_SAMPLE_RATE = 192_000;

/**
 * The NUT stream that carries the packets of an audio stream. Throws a `MediaError` for what cannot
 * be.
 */
export function nutAudioStream(stream: AudioStreamInfo, timeBase: Rational): NutAudioStream {
  const { codec, sampleRate, channels } = stream;
  checkAudioShape({ sampleRate, channels }, `decode ${codec}`);
  const extradata = codec === "opus" ? opusHead(stream) : stream.extradata;
  return { kind: "audio", format: codec, timeBase, sampleRate, channels, extradata };
}

/** Throws a `MediaError` for a sample rate or channel count that no codec here has. */
export function checkAudioShape(
  { sampleRate, channels }: { sampleRate: number; channels: number },
  purpose: string,
): void {
  const rateFits = Number.isInteger(sampleRate) && sampleRate >= 1 && sampleRate <= MAX_SAMPLE_RATE;
  const channelsFit = Number.isInteger(channels) && channels >= 1 && channels <= MAX_CHANNELS;
  if (rateFits && channelsFit) return;
  throw new MediaError(
    "MEDIA_BAD_FRAME",
    `Cannot ${purpose}: ${channels} channels at ${sampleRate} Hz; use 1 to ${MAX_CHANNELS} ` +
      `channels at up to ${MAX_SAMPLE_RATE} Hz`,
    { context: { sampleRate, channels } },
  );
}

/**
 * The OpusHead (RFC 7845, section 5.1) for a decoder, with a pre-skip of 0: what is skipped would
 * be missing in the middle of a stream too, and every packet's pts already counts from its first
 * sample.
 */
function opusHead(stream: AudioStreamInfo): Uint8Array {
  const given = stream.extradata;
  const head = given.length >= OPUS_HEAD_BYTES ? given.slice() : newOpusHead(stream.channels);
  head[10] = 0;
  head[11] = 0;
  return head;
}

function newOpusHead(channels: number): Uint8Array {
  if (channels > 2) {
    throw new MediaError(
      "MEDIA_UNSUPPORTED_CODEC",
      `Cannot decode Opus with ${channels} channels: there is no OpusHead that maps ` +
        `them; pass it as extradata`,
    );
  }
  const head = new Uint8Array(OPUS_HEAD_BYTES);
  head.set(new TextEncoder().encode("OpusHead"));
  head[8] = 1; // version
  head[9] = channels;
  new DataView(head.buffer).setUint32(12, OPUS_SAMPLE_RATE, true);
  return head;
}

/** Describes what an encoder child writes, from its NUT stream header. */
export function audioStreamInfo(stream: NutAudioStream): AudioStreamInfo {
  const { format, sampleRate, channels, extradata = new Uint8Array(0) } = stream;
  return { kind: "audio", codec: format as AudioCodec, sampleRate, channels, extradata };
}
