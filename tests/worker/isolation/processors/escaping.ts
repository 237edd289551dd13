/** Tries to get out of the process that it runs in, and says in its figures how that went. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import process from "node:process";
import { FrameProcessor } from "../../../../mod.ts";

/** What is tried. */
export interface EscapeOptions {
  /** A file that exists. */
  readonly file: string;
  /** A folder in which it may not write. */
  readonly folder: string;
  /** A server that counts who comes. */
  readonly url: string;
}

/** Each returns what it got hold of. */
const ATTEMPTS: Readonly<Record<string, (options: EscapeOptions) => unknown>> = {
  "read a file": ({ file }) => Deno.readTextFileSync(file),
  "read a file by node": ({ file }) => readFileSync(file, "utf8"),
  "read /etc/passwd": () => Deno.readTextFileSync("/etc/passwd"),
  "read the server's environment": () => Deno.readTextFileSync(`/proc/${Deno.ppid}/environ`),
  "import a file": ({ file }) => import(`file://${file}`, { with: { type: "json" } }),
  "import from a server": ({ url }) => import(`${url}/module.ts`),
  "import from an allowed host": () => import("https://jsr.io/@std/async/1.0.0/nothing.ts"),
  "write a file": ({ folder }) => Deno.writeTextFileSync(`${folder}/written`, "x"),
  "link to a file": ({ file, folder }) => Deno.symlinkSync(file, `${folder}/link`),
  "fetch": async ({ url }) => await (await fetch(url)).text(),
  "connect": ({ url }) => Deno.connect({ port: Number(new URL(url).port) }),
  "connect by node": ({ url }) => nodeConnect(Number(new URL(url).port)),
  "resolve a name": () => Deno.resolveDns("example.com", "A"),
  "listen": () => Deno.listen({ port: 0 }),
  "run a shell": () => new Deno.Command("sh", { args: ["-c", "id"] }).outputSync(),
  "run a shell by node": () => {
    const { error } = spawnSync("/bin/sh", ["-c", "id"]);
    if (error !== undefined) throw error;
  },
  "run ffmpeg": () => new Deno.Command("ffmpeg", { args: ["-version"] }).outputSync(),
  "read a file by ffmpeg": ({ file }) =>
    viaFfmpeg(["-f", "nut", "-i", file, "-f", "nut", "pipe:1"]),
  "write a file by ffmpeg": ({ folder }) =>
    viaFfmpeg(["-f", "nut", "-i", "pipe:0", "-f", "nut", "-y", `${folder}/written`]),
  "run something by ffmpeg's environment": ({ folder }) =>
    viaFfmpeg(["-report"], {
      SHELLOPTS: "xtrace",
      PS4: `$(echo got > ${folder}/written)`,
      BASH_ENV: `${folder}/written`,
      FFREPORT: `file=${folder}/written`,
    }),
  "load a library into ffmpeg": () => viaFfmpeg(["-version"], { LD_PRELOAD: "/tmp/x.so" }),
  "see a secret": () => Deno.env.get("ORCH_SECRET"),
  "see the environment": () => Deno.env.toObject(),
  "see a secret by node": () => process.env["ORCH_SECRET"],
  "load a library": () => Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }),
  "kill the server": () => Deno.kill(Deno.ppid, "SIGKILL"),
  "kill the server by node": () => process.kill(Deno.ppid, "SIGKILL"),
  "ask for the host's name": () => Deno.hostname(),
  "ask for a permission": async () => {
    const { state } = await Deno.permissions.request({ name: "read" });
    if (state !== "granted") throw new Deno.errors.NotCapable(state);
  },
  "start a thread that reads a file": ({ file }) => inThread(file),
};

async function nodeConnect(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    connect(port, "127.0.0.1", resolve).on("error", reject);
  });
}

/** Through the ffmpeg that may be run. */
function viaFfmpeg(args: string[], env: Record<string, string> = {}): string {
  const command = new Deno.Command(Deno.env.get("FFMPEG_PATH")!, { args, env, stdin: "null" });
  const { code, stdout, stderr } = command.outputSync();
  if (code === 64) throw new Deno.errors.NotCapable(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function inThread(file: string): Promise<void> {
  const source = `try { postMessage(Deno.readTextFileSync(${JSON.stringify(file)})); }
    catch (error) { postMessage({ error: error.message }); }`;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(source)}`, {
    type: "module",
  });
  const answer = await new Promise<unknown>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
  worker.terminate();
  if (typeof answer === "object") throw new Error((answer as { error: string }).error);
}

class Escaping extends FrameProcessor {
  readonly #options: EscapeOptions;
  readonly #outcomes: Record<string, string> = {};

  constructor(options: EscapeOptions) {
    super();
    this.#options = options;
  }

  override async initialize(): Promise<void> {
    for (const [name, attempt] of Object.entries(ATTEMPTS)) {
      try {
        const got = await attempt(this.#options);
        this.#outcomes[name] = got === undefined ? "nothing" : "GOT IT";
      } catch (error) {
        this.#outcomes[name] = error instanceof Error
          ? `${error.name}: ${error.message}`
          : `${error}`;
      }
    }
  }

  override getMetrics(): Record<string, unknown> {
    return this.#outcomes;
  }
}

export default (options: EscapeOptions): FrameProcessor => new Escaping(options);
