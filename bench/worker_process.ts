/**
 * A Runnel worker in a process of its own, as users run it.
 *
 * @module
 */

import { linesOf } from "./text_lines.ts";

const CHECKOUT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
/** In a line for people, or in one of JSON. */
const READY = /(?: on |"url":")(https?:\/\/[^\s"]+)/;
/** Minutes, so that only a defect reaches it. */
const START_TIMEOUT_MS = 180_000;

/** Options of {@linkcode WorkerProcess.start}. */
export interface StartOptions {
  /** @default "serve" */
  readonly command?: "serve" | "trickle-server";
  /** Variables beside those of this process. @default none */
  readonly env?: Record<string, string>;
  /** Whether it runs in a terminal, where Ctrl-C can be pressed (with the program `script`). @default false */
  readonly terminal?: boolean;
  /** Whether Deno allows everything, or only what `--print-permissions` says. @default "all" */
  readonly permissions?: "all" | "smallest";
  /** What calls of its API carry as a bearer token. @default none */
  readonly token?: string;
  /** The folder of the checkout that it is of. @default this one */
  readonly checkout?: string;
}

/** What a worker with these options says that it needs, for streams on this machine. */
async function smallestPermissions(
  main: string,
  options: readonly string[],
  env: Record<string, string>,
): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, ...options, "--print-permissions=127.0.0.1"],
    env,
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n");
}

/** A worker that a bench gives a stream. */
export interface BenchWorker extends AsyncDisposable {
  /** URL of its API, without a slash at the end. */
  readonly url: string;
  /** Calls the API; the answer is whatever JSON it gives. */
  call(path: string, body?: unknown): Promise<ApiAnswer>;
  /** Peak resident memory in bytes since the start (Linux; 0 elsewhere). */
  peakMemory(): Promise<number>;
}

/** What an API answered. */
export interface ApiAnswer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

/** A process that serves HTTP: a worker and its API, or a trickle server. */
export class WorkerProcess implements BenchWorker {
  /** URL of its API, without a slash at the end. */
  readonly url: string;
  /** Its process id. */
  readonly pid: number;
  /** Everything it wrote to stderr so far. */
  readonly log: readonly string[];
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #token: string | undefined;
  /** What is typed in its terminal. */
  readonly #keys: WritableStreamDefaultWriter<Uint8Array> | undefined;

  private constructor(
    child: Deno.ChildProcess,
    ready: { url: string; log: string[]; reading: Promise<void>; terminal: boolean },
    token: string | undefined,
  ) {
    this.#token = token;
    this.#child = child;
    this.pid = child.pid;
    this.url = ready.url.replace(/\/$/, "").replace("0.0.0.0", "127.0.0.1");
    this.log = ready.log;
    this.#reading = ready.reading;
    this.#keys = ready.terminal ? child.stdin.getWriter() : undefined;
  }

  /** Starts a command with these arguments on a free port and waits until it is ready. */
  static async start(
    args: readonly string[],
    { command = "serve", env = {}, terminal = false, ...rest }: StartOptions = {},
  ): Promise<WorkerProcess> {
    const { permissions = "all", token, checkout = CHECKOUT } = rest;
    const main = `${checkout}/src/cli/main.ts`;
    const options = [command, "--host", "127.0.0.1", "--port", "0", ...args];
    const allowed = permissions === "all" ? ["-A"] : await smallestPermissions(main, options, env);
    const line = ["run", ...allowed, main, ...options];
    const child = terminal ? spawnInTerminal(line, env) : new Deno.Command(Deno.execPath(), {
      args: line,
      env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const log: string[] = [];
    const ready = Promise.withResolvers<string>();
    ready.promise.catch(() => {}); // thrown below
    const reading = (async () => {
      for await (const ended of linesOf(terminal ? child.stdout : child.stderr)) {
        const line = ended.trimEnd();
        log.push(line);
        const url = READY.exec(line)?.[1];
        if (url !== undefined) ready.resolve(url);
      }
      ready.reject(new Error(`The worker ended before it was ready:\n${log.join("\n")}`));
    })();
    const timer = setTimeout(
      () => ready.reject(new Error(`The worker is not ready:\n${log.join("\n")}`)),
      START_TIMEOUT_MS,
    );
    try {
      const url = await ready.promise;
      return new WorkerProcess(child, { url, log, reading, terminal }, token);
    } catch (error) {
      endChild(child, "SIGKILL");
      await child.status;
      await reading;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  call(path: string, body?: unknown): Promise<ApiAnswer> {
    return callApi(`${this.url}${path}`, body, this.#token);
  }

  peakMemory(): Promise<number> {
    return peakMemory(this.pid);
  }

  /** Presses Ctrl-C in its terminal. */
  async interrupt(): Promise<void> {
    await this.#keys?.write(new Uint8Array([3]));
  }

  /** Ends the process and waits for it. Resolves to its exit code. */
  async stop(): Promise<number> {
    endChild(this.#child, "SIGTERM");
    return await this.ended();
  }

  /** Waits for the end of the process. Resolves to its exit code. */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#reading;
    await this.#keys?.close().catch(() => {}); // its terminal is gone
    return code;
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Calls an API: POST with a body, GET without one. */
export async function callApi(url: string, body?: unknown, token?: string): Promise<ApiAnswer> {
  const response = await fetch(url, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: await response.json() };
}

/** Peak resident memory of a process in bytes since its start (Linux; 0 elsewhere). */
export async function peakMemory(pid: number): Promise<number> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // no /proc here: memory is not measured
  }
}

function endChild(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // A child that has ended by itself needs no signal.
    if (!(error instanceof TypeError)) throw error;
  }
}

function spawnInTerminal(args: readonly string[], env: Record<string, string>): Deno.ChildProcess {
  // Some shells that wait for it would end with 130 for the Ctrl-C that it took itself.
  const line = `exec ${[Deno.execPath(), ...args].map((word) => `'${word}'`).join(" ")}`;
  return new Deno.Command("script", {
    args: ["--quiet", "--flush", "--return", "--command", line, "/dev/null"],
    env: { NO_COLOR: "1", SHELL: "/bin/sh", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}
