/**
 * The command line: which commands there are, and how their arguments are read.
 *
 * @module
 */

import { Command, CommanderError } from "commander";
import { variable, withoutCredentials } from "../base/mod.ts";
import { EXIT, type ExitCode, runCommand, type RunTask, type Surroundings } from "./command_run.ts";
import { addLogOptions } from "./options/options.ts";
import { writeText } from "./output/stdout.ts";
import { VERSION } from "./version.ts";
import { visibleLines } from "./output/visible_text.ts";

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
  const words = withDefaultCommand(args);
  const program = await createProgram(words[0], async (settings, task) => {
    exitCode = await runCommand(settings, task, surroundings);
  }, surroundings);
  try {
    await program.parseAsync(words, { from: "user" });
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

async function createProgram(
  chosen: string | undefined,
  run: RunTask,
  { stdout, stderr }: Surroundings,
): Promise<Command> {
  const program = new Command("runnel")
    .configureOutput({
      ...(stdout === undefined ? {} : { writeOut: (text) => writeText(text, stdout) }),
      ...(stderr === undefined ? {} : { writeErr: (text) => writeText(text, stderr) }),
      // Its messages quote what they are about: the URL of a channel may hold a token.
      outputError: (text, write) => write(visibleLines(withoutCredentials(text))),
    })
    .description("A runtime for live video and audio over trickle.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .addHelpText("after", HELP)
    .showHelpAfterError("Run with --help for all commands and options.")
    .exitOverride()
    .hook("preAction", (_program, command) => heedFalseWords(command));
  for (const load of commandsFor(chosen)) addLogOptions((await load())(program, run));
  return program;
}

type AddCommand = (program: Command, run: RunTask) => Command;

/** The rooms that a command needs are loaded with it. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  "serve": async () => (await import("./commands/serve.ts")).addServe,
  "demo": async () => (await import("./commands/demo.ts")).addDemo,
  "process": async () => (await import("./commands/process.ts")).addProcess,
  "trickle-server": async () => (await import("./commands/trickle_server.ts")).addTrickleServer,
  "trickle-url": async () => (await import("./commands/trickle_url.ts")).addTrickleUrl,
  "publish": async () => (await import("./commands/publish.ts")).addPublish,
  "subscribe": async () => (await import("./commands/subscribe.ts")).addSubscribe,
  "doctor": async () => (await import("./commands/doctor.ts")).addDoctor,
  "bench": async () => (await import("./commands/bench.ts")).addBench,
  "isolated-stream": async () => (await import("./commands/isolated_stream.ts")).addIsolatedStream,
};

/** The one that was chosen; all of them for the general help, and to guess what was meant. */
function commandsFor(chosen: string | undefined): (() => Promise<AddCommand>)[] {
  if (chosen === undefined || !Object.hasOwn(COMMANDS, chosen)) return Object.values(COMMANDS);
  return [COMMANDS[chosen]!];
}

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
