/**
 * Options of the commands that can make up a test picture.
 *
 * @module
 */

import type { Command } from "commander";
import type { Size } from "../../media/rect.ts";
import { option, positiveNumber, size, wholeNumber } from "./options.ts";

/** Values of the options that {@linkcode addTestOptions} adds. */
export interface TestFlags {
  readonly size: Size;
  readonly fps: number;
  readonly seconds?: number;
  readonly audio: boolean;
}

/** Adds `--size`, `--fps`, `--seconds` and `--no-audio`. */
export function addTestOptions(command: Command): Command {
  return command
    .addOption(
      option<Size>("--size <size>", "size of the test picture", {
        env: "RUNNEL_TEST_SIZE",
        parse: size,
      }).default({ width: 640, height: 360 }, "640x360"),
    )
    .addOption(option("--fps <fps>", "frames per second of the test picture", {
      env: "RUNNEL_TEST_FPS",
      default: 30,
      parse: wholeNumber(1, 60),
    }))
    .addOption(option("--seconds <seconds>", "stop after this much media", {
      env: "RUNNEL_SECONDS",
      parse: positiveNumber,
    }))
    .addOption(option<boolean>("--no-audio", "make no beeps with the test picture", {
      env: "RUNNEL_TEST_NO_AUDIO",
    }));
}
