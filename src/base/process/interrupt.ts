/**
 * SIGINT and SIGTERM as the end of a wait.
 *
 * @module
 */

import { exitProcess } from "./exit.ts";
import { roomLogger } from "../log.ts";

const log = roomLogger("server");

/** The signals that ask a process to stop; Windows knows only the first. */
export const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** Exit code after a second signal: 128 and the number of SIGINT. */
const EXIT_INTERRUPTED = 130;

/** Calls `onFirst` at the first SIGINT or SIGTERM; a second one ends the process at once. */
export class InterruptGuard implements Disposable {
  readonly #onFirst: () => void;
  #seen = false;

  /** Begins to listen. */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst;
    for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, this.#onSignal);
  }

  /** Ends listening. */
  [Symbol.dispose](): void {
    for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, this.#onSignal);
  }

  readonly #onSignal = (): void => {
    if (this.#seen) exitProcess(EXIT_INTERRUPTED);
    this.#seen = true;
    log.info("Stopping; once more to stop at once");
    this.#onFirst();
  };
}
