/**
 * The command line: which commands there are, and how their arguments are read.
 *
 * @module
 */

import { Command, CommanderError } from "commander";
import { variable } from "../base/mod.ts";
import { EXIT, type ExitCode, runCommand, type RunTask, type Surroundings } from "./command_run.ts";
import { addBench } from "./commands/bench.ts";
import { addDemo } from "./commands/demo.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addProcess } from "./commands/process.ts";
import { addPublish } from "./commands/publish.ts";
import { ISOLATED_STREAM_COMMAND, serveStream } from "../server/mod.ts";
import { addServe } from "./commands/serve.ts";
import { addSubscribe } from "./commands/subscribe.ts";
import { addTrickleServer } from "./commands/trickle_server.ts";
import { addLogOptions } from "./options.ts";
import { writeText } from "./stdout.ts";
import { VERSION } from "./version.ts";

/** What runs when no command is named. */
const DEFAULT_COMMAND = "serve";

const HELP = `
Without a command, ${DEFAULT_COMMAND} runs. Every option can be set by the environment variable that
the command's --help names; an option on the command line counts before it.

Exit codes: 0 done, 1 failed, 2 wrong command line, 130 interrupted before the work was done.`;

/**
 * Runs one command line and resolves with the exit code. Nothing here ends the process, but for a
 * second SIGINT or SIGTERM.
 */
export async function main(
  args: readonly string[],
  surroundings: Surroundings = {},
): Promise<number> {
  quietMesa();
  let exitCode: ExitCode = EXIT.ok;
  const program = createProgram(async (settings, task) => {
    exitCode = await runCommand(settings, task, surroundings);
  }, surroundings);
  try {
    await program.parseAsync(withDefaultCommand(args), { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander wrote its message and throws only because it may not exit.
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

/** Without this variable Mesa's Vulkan driver complains on standard error each time it is asked. */
function quietMesa(): void {
  if (Deno.build.os !== "linux" || variable("XDG_RUNTIME_DIR") !== undefined) return;
  try {
    Deno.env.set("XDG_RUNTIME_DIR", variable("TMPDIR") ?? "/tmp");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
}

function createProgram(run: RunTask, { stdout, stderr }: Surroundings): Command {
  const program = new Command("runnel")
    .configureOutput({
      ...(stdout === undefined ? {} : { writeOut: (text) => writeText(text, stdout) }),
      ...(stderr === undefined ? {} : { writeErr: (text) => writeText(text, stderr) }),
    })
    .description("A runtime for live video and audio over trickle.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .addHelpText("after", HELP)
    .showHelpAfterError("Run with --help for all commands and options.")
    .exitOverride()
    .hook("preAction", (_program, command) => heedFalseWords(command));
  for (const add of COMMANDS) addLogOptions(add(program, run));
  // A compiled program starts itself anew for each stream of `serve --isolate process`.
  program.command(ISOLATED_STREAM_COMMAND, { hidden: true }).action(serveStream);
  return program;
}

const COMMANDS: readonly ((program: Command, run: RunTask) => Command)[] = [
  addServe,
  addDemo,
  addProcess,
  addTrickleServer,
  addPublish,
  addSubscribe,
  addDoctor,
  addBench,
];

/**
 * Commander takes any value of a flag's variable for "on": `=0`, `=false` and `=no` mean "off"
 * here.
 */
function heedFalseWords(command: Command): void {
  for (const flag of command.options.filter((each) => each.isBoolean() || each.negate)) {
    const name = flag.attributeName();
    if (command.getOptionValueSource(name) !== "env" || flag.envVar === undefined) continue;
    const word = Deno.env.get(flag.envVar)?.toLowerCase() ?? "";
    if (FALSE_WORDS.has(word)) command.setOptionValue(name, flag.negate);
  }
}

const FALSE_WORDS: ReadonlySet<string> = new Set(["", "0", "false", "no", "off"]);

/** A command line that begins with an option, or is empty, is one of the default command. */
function withDefaultCommand(args: readonly string[]): string[] {
  const [first] = args;
  const isProgramOption = first !== undefined &&
    ["-h", "--help", "-V", "--version"].includes(first);
  const isCommand = first !== undefined && !first.startsWith("-");
  return isCommand || isProgramOption ? [...args] : [DEFAULT_COMMAND, ...args];
}
