/**
 * The commands: `deno run -A mod.ts [command]`. A command line comes in, an exit code goes out;
 * nothing here is needed by a program that uses Runnel as a library.
 *
 * @module
 */

export { exitProcess } from "../base/mod.ts";
export type { Surroundings } from "./command_run.ts";
export { main } from "./program.ts";
