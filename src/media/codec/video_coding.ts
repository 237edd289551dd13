/**
 * How a stream's video is coded: on which hardware, and how well.
 *
 * @module
 */

import { ConfigError } from "../../base/errors.ts";
import { mayHaveNvidiaCard } from "../../base/graphics_card.ts";
import { roomLogger } from "../../base/log.ts";
import type { Hardware } from "./arguments.ts";
import { probeCapabilities } from "./capabilities.ts";
import type { FfmpegOptions } from "./child.ts";

const log = roomLogger("codec");

/** Presets of x264, fastest first. */
export const ENCODER_PRESETS = [
  "ultrafast",
  "superfast",
  "veryfast",
  "faster",
  "fast",
  "medium",
  "slow",
] as const;

/** A preset of x264. */
export type EncoderPreset = (typeof ENCODER_PRESETS)[number];

/** What codecs run on: `auto` is what a trial with a picture has shown to work. */
export type HardwareWish = "auto" | Hardware;

/** What decodes and what encodes video. */
export interface VideoHardware {
  /** @default "none" */
  readonly decoder?: Hardware | undefined;
  /** @default "none" */
  readonly encoder?: Hardware | undefined;
}

/** How the encoder of a stream works. Structured-cloneable. */
export interface EncoderSettings {
  /** x264's preset; NVENC has its own. @default "superfast" */
  readonly preset?: EncoderPreset | undefined;
  /** Constant quality, 0 (lossless) to 51 (x264's CRF, NVENC's CQ). @default 23 */
  readonly crf?: number | undefined;
  /** Bits per second, in place of constant quality. @default none */
  readonly bitrate?: number | undefined;
}

/** The worst quality that H.264 has. */
const MAX_CRF = 51;
/** Bits per second; fewer or more are a mistake in the unit. */
const MIN_BITRATE = 10_000;
const MAX_BITRATE = 1_000_000_000;

const SOFTWARE: Required<VideoHardware> = { decoder: "none", encoder: "none" };

/**
 * What a wish comes to on this machine. The hardware codecs are tried with a picture, once in each process;
 * for `auto` only where there is a driver. Throws a `ConfigError` where `cuda` is wanted and neither codec
 * works; one that does not work is replaced by software.
 */
export async function findHardware(
  wish: HardwareWish,
  options: FfmpegOptions = {},
): Promise<Required<VideoHardware>> {
  if (wish === "none" || wish === "auto" && !mayHaveNvidiaCard()) return SOFTWARE;
  const { videoDecoder: decoder, videoEncoder: encoder } = await probeCapabilities(options);
  if (wish === "cuda" && decoder === "none" && encoder === "none") {
    throw new ConfigError(
      "CONFIG_INVALID",
      "Cannot code video on cuda: ffmpeg could neither decode nor encode a picture there; install " +
        "NVIDIA's driver and an ffmpeg with h264_nvenc (see doctor), or set hardware to auto",
    );
  }
  const found = { decoder: nameOf(decoder), encoder: nameOf(encoder) };
  if (decoder === encoder) log.info("Video is decoded and encoded by {decoder}", found);
  else log.warn("Video is decoded by {decoder} and encoded by {encoder}", found);
  return { decoder, encoder };
}

/** Throws a `RangeError` for settings that no encoder takes. */
export function checkEncoder({ preset, crf, bitrate }: EncoderSettings): void {
  if (preset !== undefined && !ENCODER_PRESETS.includes(preset)) {
    throw new RangeError(
      `Cannot encode with the preset ${preset}: use one of ${ENCODER_PRESETS.join(", ")}`,
    );
  }
  if (crf !== undefined && !(crf >= 0 && crf <= MAX_CRF)) {
    throw new RangeError(`Cannot encode with a quality of ${crf}: use 0 (best) to ${MAX_CRF}`);
  }
  if (bitrate !== undefined && !(bitrate >= MIN_BITRATE && bitrate <= MAX_BITRATE)) {
    throw new RangeError(
      `Cannot encode with ${bitrate} bits per second: use ${MIN_BITRATE} to ${MAX_BITRATE}`,
    );
  }
}

/** What people call it. */
export function nameOf(hardware: Hardware): "software" | "cuda" {
  return hardware === "none" ? "software" : hardware;
}
