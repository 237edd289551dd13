/**
 * Opus in MPEG-TS: the control header of each access unit and the channel configuration code.
 *
 * Spec: "ETSI TS Opus 0.1.3 (draft)", sections 4.2 (descriptor) and 4.3 (control header); RFC 7845
 * section 5.1.1.2 (Vorbis channel mapping).
 */

import { MediaError } from "../../../base/errors.ts";
import type { AudioFrameHeader } from "./audio_frame.ts";
import { OPUS_SAMPLE_RATE, type OpusHead, opusPacketSamples } from "./opus.ts";

const START_TRIM_FLAG = 0x10;
const END_TRIM_FLAG = 0x08;
const EXTENSION_FLAG = 0x04;
const MAX_PACKET_BYTES = 65_536;
const FAMILY_MONO_STEREO = 0;
const FAMILY_VORBIS = 1;
const FAMILY_DISCRETE = 255;

/** Streams, coupled streams and mapping of the Vorbis layouts with 1 to 8 channels. */
const VORBIS_LAYOUTS: readonly (readonly [number, number, readonly number[]])[] = [
  [1, 0, [0]],
  [1, 1, [0, 1]],
  [2, 1, [0, 2, 1]],
  [2, 2, [0, 1, 2, 3]],
  [3, 2, [0, 4, 1, 2, 3]],
  [4, 2, [0, 4, 1, 2, 3, 5]],
  [4, 3, [0, 4, 1, 2, 3, 5, 6]],
  [5, 3, [0, 6, 1, 2, 3, 4, 5, 7]],
];

/**
 * Parses the control header at `offset` and the TOC of the Opus packet behind it. `channels` is 0:
 * the program map's channel configuration says it.
 */
export function parseOpusTsFrame(
  data: Uint8Array,
  offset: number,
): AudioFrameHeader | "more" | "invalid" {
  const available = data.length - offset;
  if (data[offset] !== 0x7F || available > 1 && (data[offset + 1]! & 0xE0) !== 0xE0) {
    return "invalid";
  }
  if (available < 3) return "more";
  const flags = data[offset + 1]!;
  let at = offset + 2;
  let payloadBytes = 0;
  for (;;) {
    if (at >= data.length) return "more";
    const byte = data[at++]!;
    payloadBytes += byte;
    if (payloadBytes > MAX_PACKET_BYTES) return "invalid";
    if (byte !== 0xFF) break;
  }
  if ((flags & START_TRIM_FLAG) !== 0) at += 2;
  if ((flags & END_TRIM_FLAG) !== 0) at += 2;
  if ((flags & EXTENSION_FLAG) !== 0) {
    if (at >= data.length) return "more";
    at += 1 + data[at]!;
  }
  if (payloadBytes === 0) return "invalid";
  if (at + Math.min(2, payloadBytes) > data.length) return "more";
  const samples = opusPacketSamples(data, at);
  if (samples === 0) return "invalid";
  const payloadOffset = at - offset;
  return {
    frameBytes: payloadOffset + payloadBytes,
    payloadOffset,
    samples,
    sampleRate: OPUS_SAMPLE_RATE,
    channels: 0,
  };
}

/** Size in bytes of the control header in front of an Opus packet of `payloadBytes`. */
export function opusControlHeaderBytes(payloadBytes: number): number {
  return 3 + Math.floor(payloadBytes / 255);
}

/** Writes a control header without trims at `offset` of `target`. */
export function writeOpusControlHeader(
  payloadBytes: number,
  into: { readonly target: Uint8Array; readonly offset: number },
): void {
  const { target, offset } = into;
  const full = Math.floor(payloadBytes / 255);
  target[offset] = 0x7F;
  target[offset + 1] = 0xE0;
  target.fill(0xFF, offset + 2, offset + 2 + full);
  target[offset + 2 + full] = payloadBytes % 255;
}

/**
 * The OpusHead of a `channel_config_code`; undefined for codes beyond dual mono (0) and the Vorbis
 * layouts (1 to 8). The pre-skip is 0: in MPEG-TS trims are in the control headers.
 */
export function opusHeadFromChannelConfig(code: number): OpusHead | undefined {
  const fixed = { preSkip: 0, inputSampleRate: OPUS_SAMPLE_RATE, outputGain: 0 };
  if (code === 0) {
    return {
      ...fixed,
      channels: 2,
      mappingFamily: FAMILY_DISCRETE,
      streamCount: 2,
      coupledCount: 0,
      mapping: [0, 1],
    };
  }
  const layout = VORBIS_LAYOUTS[code - 1];
  if (layout === undefined) return undefined;
  const [streamCount, coupledCount, mapping] = layout;
  const mappingFamily = code > 2 ? FAMILY_VORBIS : FAMILY_MONO_STEREO;
  return { ...fixed, channels: code, mappingFamily, streamCount, coupledCount, mapping };
}

/**
 * The `channel_config_code` of an OpusHead. Throws a {@linkcode MediaError}
 * `MEDIA_UNSUPPORTED_CODEC` for layouts that have none.
 */
export function opusChannelConfig(head: OpusHead): number {
  const code = head.mappingFamily === FAMILY_DISCRETE && head.channels === 2 ? 0 : head.channels;
  const layout = opusHeadFromChannelConfig(code);
  const same = layout !== undefined && layout.streamCount === head.streamCount &&
    layout.coupledCount === head.coupledCount &&
    layout.mapping.every((channel, index) => channel === head.mapping[index]);
  if (same) return code;
  throw new MediaError(
    "MEDIA_UNSUPPORTED_CODEC",
    `Cannot write Opus with mapping family ${head.mappingFamily} and ${head.channels} channels ` +
      "to MPEG-TS: it has no channel configuration code; use 1 to 8 channels in Vorbis order",
    { context: { mappingFamily: head.mappingFamily, channels: head.channels } },
  );
}
