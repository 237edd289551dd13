/**
 * Options of the commands that run streams through a processor.
 *
 * @module
 */

import type { Command } from "commander";
import type { OutputAudioCodec } from "../session/mod.ts";
import { option, positiveNumber, wholeNumber } from "./options.ts";
import { addProcessorOptions, type ProcessorFlags } from "./processor_options.ts";

/** Values of the options that {@linkcode addStreamOptions} adds. */
export interface StreamFlags extends ProcessorFlags {
  readonly targetFps: number;
  readonly maxQueueSize: number;
  readonly audioCodec: OutputAudioCodec;
}

/** Most frames of `--max-queue-size`: each holds a picture. */
const MAX_QUEUE_SIZE = 1000;

/** Adds the options of the processor, `--target-fps`, `--max-queue-size` and `--audio-codec`. */
export function addStreamOptions(command: Command): Command {
  return addProcessorOptions(command)
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
