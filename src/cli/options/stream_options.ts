/**
 * Options of the commands that run streams through a processor.
 *
 * @module
 */

import type { Command } from "commander";
import {
  ENCODER_PRESETS,
  type EncoderPreset,
  type EncoderSettings,
  type HardwareWish,
  type OutputAudioCodec,
  type OverlayMode,
} from "../../session/mod.ts";
import { option, positiveNumber, wholeNumber } from "./options.ts";
import { addProcessorOptions, type ProcessorFlags } from "./processor_options.ts";

/** Values of the options that {@linkcode addOverloadOptions} adds. */
export interface OverloadFlags {
  readonly maxQueueLatency: number;
  readonly maxBehind: number;
  readonly overlay: OverlayMode;
}

/** Values of the options that {@linkcode addStreamOptions} adds. */
export interface StreamFlags extends ProcessorFlags, OverloadFlags {
  readonly targetFps: number;
  readonly maxQueueSize: number;
  readonly audioCodec: OutputAudioCodec;
}

/** Most frames of `--max-queue-size`: each holds a picture. */
const MAX_QUEUE_SIZE = 1000;

/** Values of the options that {@linkcode addWarmOptions} adds. */
export interface WarmFlags {
  readonly warmFfmpeg: number;
  /** In seconds; 0 for never. */
  readonly warmFfmpegIdle: number;
}

/** Most children of `--warm-ffmpeg`: each holds about 10 MiB. */
const MAX_WARM = 64;

/** Adds what waits for the next stream. */
export function addWarmOptions(command: Command): Command {
  return command
    .addOption(
      option("--warm-ffmpeg <children>", "most ffmpeg that wait for the next stream; 0: none", {
        env: "RUNNEL_WARM_FFMPEG",
        default: 6,
        parse: wholeNumber(0, MAX_WARM),
      }),
    )
    .addOption(
      option("--warm-ffmpeg-idle <seconds>", "end them after so long without use; 0: never", {
        env: "RUNNEL_WARM_FFMPEG_IDLE",
        default: 0,
        parse: wholeNumber(0, 604_800),
      }),
    );
}

/** Values of the options that {@linkcode addVideoOptions} adds. */
export interface VideoFlags {
  readonly hardware: HardwareWish;
  readonly encoderPreset: EncoderPreset;
  readonly encoderQuality: number;
  /** In kbit/s. */
  readonly encoderBitrate?: number;
  /** In seconds. */
  readonly gop: number;
}

/** Adds what codes video, and how well. */
export function addVideoOptions(command: Command): Command {
  return command
    .addOption(option("--hardware <kind>", "what codes video; cuda is NVDEC and NVENC", {
      env: "RUNNEL_HARDWARE",
      default: "auto",
      choices: ["auto", "none", "cuda"],
    }))
    .addOption(option("--encoder-preset <preset>", "speed of the software encoder (x264)", {
      env: "RUNNEL_ENCODER_PRESET",
      default: "superfast",
      choices: ENCODER_PRESETS,
    }))
    .addOption(option("--encoder-quality <crf>", "constant quality, 0 (best) to 51", {
      env: "RUNNEL_ENCODER_QUALITY",
      default: 23,
      parse: wholeNumber(0, 51),
    }))
    .addOption(option("--encoder-bitrate <kbit/s>", "bit rate, instead of constant quality", {
      env: "RUNNEL_ENCODER_BITRATE",
      parse: wholeNumber(10, 1_000_000),
    }))
    .addOption(option("--gop <seconds>", "time between keyframes; live, the length of a segment", {
      env: "RUNNEL_GOP",
      default: 2,
      parse: wholeNumber(1, 60),
    }));
}

/** How well video is encoded. */
export function encoderOf(flags: VideoFlags): EncoderSettings {
  const { encoderPreset: preset, encoderQuality: crf, encoderBitrate: kbits } = flags;
  return kbits === undefined ? { preset, crf } : { preset, bitrate: kbits * 1_000 };
}

/** Adds the options of the processor, of the queue before it, of the overlay and of the audio. */
export function addStreamOptions(command: Command): Command {
  return addOverloadOptions(addProcessorOptions(command))
    .addOption(
      option("--target-fps <fps>", "most frames per second, unless a stream sets its own", {
        env: "RUNNEL_TARGET_FPS",
        default: 24,
        parse: positiveNumber,
      }),
    )
    .addOption(option("--max-queue-size <frames>", "frames that may wait for the processor", {
      env: "RUNNEL_MAX_QUEUE_SIZE",
      default: 30,
      parse: wholeNumber(1, MAX_QUEUE_SIZE),
    }))
    .addOption(option("--audio-codec <codec>", "codec of the output's audio; source copies it", {
      env: "RUNNEL_AUDIO_CODEC",
      default: "opus",
      choices: ["opus", "aac", "source"],
    }));
}

/** Adds what happens when the processor is slower than the input. */
export function addOverloadOptions(command: Command): Command {
  return command
    .addOption(option("--max-queue-latency <ms>", "how long frames may wait for a slow processor", {
      env: "RUNNEL_MAX_QUEUE_LATENCY",
      default: 150,
      parse: positiveNumber,
    }))
    .addOption(option("--max-behind <ms>", "how far a stream may be behind its input", {
      env: "RUNNEL_MAX_BEHIND",
      default: 2_000,
      parse: positiveNumber,
    }))
    .addOption(option("--overlay <mode>", "what is shown while the processor gives nothing", {
      env: "RUNNEL_OVERLAY",
      default: "progressbar",
      choices: ["progressbar", "passthrough", "off"],
    }));
}
