/**
 * Tokens and keys that change while a trickle server runs: a restart would end every channel.
 *
 * @module
 */

import { describeError, roomLogger } from "../base/mod.ts";
import { pause } from "../base/pause.ts";
import type { TrickleServer } from "../trickle/mod.ts";
import { trickleAccess, type TrickleAccessFlags } from "./options/trickle_access.ts";

const log = roomLogger("cli");

/** How often files are looked at. */
const POLL_MS = 1_000;

/**
 * Gives a server what the files of the flags say whenever one of them has changed. Files that cannot be used
 * change nothing. What is no file, such as a pipe, can be read once and is not looked at.
 */
export class AccessWatch implements AsyncDisposable {
  readonly #flags: TrickleAccessFlags;
  readonly #server: TrickleServer;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  /** Begins to watch. */
  constructor(flags: TrickleAccessFlags, server: TrickleServer) {
    this.#flags = flags;
    this.#server = server;
    this.#done = this.#run();
  }

  /** Ends the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { tokenFile, grantsFile, signKeyFile } = this.#flags;
    const paths = [tokenFile, grantsFile, signKeyFile].filter((path) => path !== undefined);
    const { signal } = this.#stop;
    let seen = await Promise.all(paths.map(stateOf));
    if (seen.length === 0 || seen.includes("no file")) return;
    while (!signal.aborted) {
      await pause(POLL_MS, signal);
      const now = await Promise.all(paths.map(stateOf));
      if (signal.aborted || now.every((state, index) => state === seen[index])) continue;
      seen = now;
      this.#change();
    }
  }

  #change(): void {
    try {
      const access = trickleAccess(this.#flags);
      this.#server.changeAccess(access);
      const [grants, keys] = [access.grants.length, access.signKeys.length];
      log.info("Tokens and keys have changed: {grants} grants, {keys} keys", { grants, keys });
    } catch (error) {
      log.warn("The former tokens and keys hold: {error}", { error: describeError(error) });
    }
  }
}

/** Another one when the file has another content, also where it is the target of a link that has moved. */
async function stateOf(path: string): Promise<string> {
  try {
    const { isFile, mtime, size, ino } = await Deno.stat(path);
    return isFile ? `${mtime?.getTime()} ${size} ${ino}` : "no file";
  } catch {
    return "missing";
  }
}
