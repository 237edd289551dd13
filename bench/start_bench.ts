/**
 * How long the commands take from their start until they are of use: a worker until `/health` says
 * that it waits for streams, `demo` until the first byte of a processed frame is out, `publish` until
 * the first byte is in the channel. Each is run through `./runnel`, as users run it.
 *
 * @module
 */

import { TrickleServer, TrickleSubscriber } from "../src/trickle/mod.ts";
import { median, round } from "./statistics.ts";
import { linesOf } from "./text_lines.ts";

const POLL_MS = 5;

/** One command of one checkout; times in milliseconds. */
export interface StartRow {
  readonly command: string;
  /** The folder of the checkout. */
  readonly checkout: string;
  readonly min: number;
  readonly p50: number;
  readonly max: number;
}

/** Options of {@linkcode benchStart}. */
export interface StartBenchOptions {
  readonly runs: number;
  /** Another checkout that is measured in turn with this one. */
  readonly against?: string | undefined;
}

const COMMANDS: Readonly<Record<string, (runnel: string) => Promise<number>>> = {
  serve: timeServe,
  demo: timeDemo,
  publish: timePublish,
};

/** Runs each command so many times, and once before that. Rejects when a command ends too early. */
export async function benchStart({ runs, against }: StartBenchOptions): Promise<StartRow[]> {
  const here = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const checkouts = against === undefined ? [here] : [against, here];
  const rows: StartRow[] = [];
  for (const [command, time] of Object.entries(COMMANDS)) {
    const times = new Map<string, number[]>(checkouts.map((checkout) => [checkout, []]));
    // The first run of each may compile what is cached from then on.
    for (let run = 0; run <= runs; run++) {
      for (const checkout of checkouts) {
        const ms = await time(`${checkout}/runnel`);
        if (run > 0) times.get(checkout)!.push(ms);
      }
    }
    for (const [checkout, found] of times) {
      const [min, max] = [Math.min(...found), Math.max(...found)].map((ms) => round(ms));
      rows.push({ command, checkout, min: min!, p50: round(median(found)), max: max! });
    }
  }
  return rows;
}

async function timeServe(runnel: string): Promise<number> {
  const startedMs = performance.now();
  await using command = new RunningCommand(runnel, ["serve", "--host", "127.0.0.1", "--port", "0"]);
  const url = await command.url(/Serving .* on (\S+)/);
  for (;;) {
    const { status } = await (await fetch(`${url}/health`)).json() as { status: string };
    if (status === "IDLE") return performance.now() - startedMs;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function timeDemo(runnel: string): Promise<number> {
  const startedMs = performance.now();
  await using command = new RunningCommand(runnel, ["demo"]);
  return await firstByteMs(await command.url(/output (\S+)/)) - startedMs;
}

async function timePublish(runnel: string): Promise<number> {
  await using server = new TrickleServer();
  server.listen();
  server.createChannel("in", "video/mp2t");
  const url = server.channelUrl("in");
  const startedMs = performance.now();
  await using _command = new RunningCommand(runnel, ["publish", "test", url]);
  return await firstByteMs(url) - startedMs;
}

/** When the first byte of a channel came, in milliseconds of `performance.now()`. */
async function firstByteMs(url: string): Promise<number> {
  await using subscriber = new TrickleSubscriber(url, { start: 0 });
  for await (const { body } of subscriber) {
    for await (const _bytes of body) return performance.now();
  }
  throw new Error(`Nothing came out of ${url}`);
}

/** A command that says on stderr where it is. */
class RunningCommand implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: string[] = [];
  readonly #reading: Promise<void>;
  #wanted: { pattern: RegExp; found: PromiseWithResolvers<string> } | undefined;

  constructor(runnel: string, args: readonly string[]) {
    const stdio = { stdin: "null", stdout: "null", stderr: "piped" } as const;
    this.#child = new Deno.Command(runnel, { args: [...args], ...stdio }).spawn();
    this.#reading = this.#read();
  }

  /** What a line of stderr has in the group of this pattern. */
  url(pattern: RegExp): Promise<string> {
    this.#wanted = { pattern, found: Promise.withResolvers() };
    for (const line of this.#lines) this.#look(line);
    return this.#wanted.found.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#reading;
  }

  async #read(): Promise<void> {
    for await (const line of linesOf(this.#child.stderr)) {
      this.#lines.push(line);
      this.#look(line);
    }
    this.#wanted?.found.reject(new Error(`The command ended:\n${this.#lines.join("\n")}`));
  }

  #look(line: string): void {
    const url = this.#wanted?.pattern.exec(line)?.[1];
    if (url !== undefined) this.#wanted?.found.resolve(url);
  }
}
