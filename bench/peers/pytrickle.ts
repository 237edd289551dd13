/**
 * A PyTrickle worker in a process of its own, from the package that PyPI has.
 *
 * @module
 */

import { type ApiAnswer, type BenchWorker, callApi, peakMemory } from "../worker_process.ts";

const WORKER = new URL("./pytrickle_worker.py", import.meta.url).pathname;
const POLL_MS = 50;

/** The Python that has PyTrickle, or why there is none. */
export type FoundPython =
  | { readonly python: string }
  | { readonly missing: string };

/**
 * Finds the program that `PYTRICKLE_PYTHON` names, or installs PyTrickle with pip into a folder of the
 * system's for temporary files, where it is found the next time.
 */
export async function findPyTrickle(progress: (what: string) => void): Promise<FoundPython> {
  const named = Deno.env.get("PYTRICKLE_PYTHON");
  if (named !== undefined) return await hasPyTrickle(named) ?? { python: named };
  const folder = `${Deno.env.get("TMPDIR") ?? "/tmp"}/runnel-bench-pytrickle`;
  const python = `${folder}/bin/python`;
  if (await hasPyTrickle(python) === undefined) return { python };
  progress(`installing PyTrickle into ${folder}: its PyTorch takes gigabytes`);
  for (
    const command of [
      ["python3", "-m", "venv", folder],
      // Without this pip may build a version of av that has no wheel.
      [python, "-m", "pip", "install", "--quiet", "--only-binary", "av", "pytrickle"],
    ]
  ) {
    const failure = await run(command);
    if (failure !== undefined) return { missing: failure };
  }
  return await hasPyTrickle(python) ?? { python };
}

async function hasPyTrickle(python: string): Promise<{ readonly missing: string } | undefined> {
  const failure = await run([python, "-c", "import pytrickle"]);
  return failure === undefined ? undefined : { missing: failure };
}

/** What went wrong, in a line; undefined when nothing did. */
async function run([program, ...args]: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stderr } = await new Deno.Command(program!, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (success) return undefined;
    const last = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
    return `${program} ${args.join(" ")}: ${last}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `${program} is not there`;
    throw error;
  }
}

/** A PyTrickle that waits for a stream. */
export class PyTrickleProcess implements BenchWorker {
  readonly url: string;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Starts it and waits until it is idle. */
  static async start(python: string): Promise<PyTrickleProcess> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const stdio = { stdin: "null", stdout: "null", stderr: "null" } as const;
    const child = new Deno.Command(python, { args: [WORKER, `${port}`], ...stdio }).spawn();
    let ended = false;
    void child.status.then(() => ended = true);
    const worker = new PyTrickleProcess(child, `http://127.0.0.1:${port}`);
    while (!await worker.#isIdle()) {
      if (ended) throw new Error(`${python} ${WORKER} ended before it was ready`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return worker;
  }

  call(path: string, body?: unknown): Promise<ApiAnswer> {
    return callApi(`${this.url}${path}`, body);
  }

  peakMemory(): Promise<number> {
    return peakMemory(this.#child.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // SIGTERM leaves it its time; nothing of it is wanted any more.
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  async #isIdle(): Promise<boolean> {
    try {
      return (await this.call("/health")).json["status"] === "IDLE";
    } catch (error) {
      // Nobody listens yet.
      if (error instanceof TypeError) return false;
      throw error;
    }
  }
}
