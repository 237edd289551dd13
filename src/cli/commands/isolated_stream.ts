/**
 * `isolated-stream`: what a compiled program starts for each stream of `serve --isolate process`.
 *
 * @module
 */

import type { Command } from "commander";
import { ISOLATED_STREAM_COMMAND, serveStream } from "../../worker/mod.ts";

/** Adds the command, which is not for people. */
export function addIsolatedStream(program: Command): Command {
  return program.command(ISOLATED_STREAM_COMMAND, { hidden: true }).action(serveStream);
}
