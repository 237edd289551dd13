/** Fails in ways that a thread or process of its own must contain. */

import { FrameProcessor } from "../../../../mod.ts";

/** What goes wrong. */
interface Options {
  /** A file; the first to get ready makes it, and those after it never get ready. */
  readonly onlyFirst?: string;
  /** A file; the one that makes it crashes when the next line is written to it. */
  readonly crashWhenGone?: string;
}

class Unreliable extends FrameProcessor {
  readonly #options: Options;

  constructor(options: Options) {
    super();
    this.#options = options;
  }

  override async initialize(): Promise<void> {
    const { onlyFirst, crashWhenGone } = this.#options;
    if (onlyFirst !== undefined && !await makes(onlyFirst)) await new Promise(() => {});
    if (crashWhenGone !== undefined && await makes(crashWhenGone)) {
      const timer = setInterval(() => {
        if (isThere(crashWhenGone)) return;
        clearInterval(timer);
        throw new Error("it crashed while nobody used it");
      }, 10);
    }
  }
}

async function makes(path: string): Promise<boolean> {
  try {
    await Deno.writeTextFile(path, "made", { createNew: true });
    return true;
  } catch {
    return false;
  }
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

export default (options: Options = {}): FrameProcessor => new Unreliable(options);
