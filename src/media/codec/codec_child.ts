/**
 * An ffmpeg child with its input and output, started and waiting for what goes in.
 *
 * @module
 */

import { schedulePatiently, systemClock } from "../../base/clock.ts";
import { describeError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import { FfmpegChild, type FfmpegOptions, ffmpegProgram } from "./child.ts";
import { activityOf, hasProc } from "./proc.ts";
import {
  type ByteSink,
  type ByteSource,
  type Endpoint,
  openInput,
  openOutput,
  type TransportKind,
} from "./transport.ts";

const log = roomLogger("codec");

// How long the connection of a child that is gone already may take to show.
const CONNECT_GRACE_MS = 250;

/** How a child is started: what it does, but not what goes through it. */
export interface ChildRecipe {
  /** What the child is for, in messages: `"video decoder"`. */
  readonly name: string;
  /** Builds the argument list around what ffmpeg is to read and write. */
  readonly args: (urls: { input: string; output: string }) => string[];
  readonly input: TransportKind;
  readonly output: TransportKind;
  /**
   * What every input begins with, where that is known before: with it a child opens its codec and its
   * output. It ends as `NutMuxer.opening` does.
   */
  readonly opening?: Uint8Array | undefined;
}

/** The same text for recipes of children that can stand in for each other. */
export function recipeKey(recipe: ChildRecipe, options: FfmpegOptions): string {
  const { name, input, output, opening = [] } = recipe;
  const args = recipe.args({ input: "input", output: "output" });
  return JSON.stringify([ffmpegProgram(options), name, input, output, args, [...opening]]);
}

/**
 * A child that was started. ffmpeg opens its output only when it knows what comes in, so the way out
 * stays open until then.
 */
export class CodecChild implements AsyncDisposable {
  /** The process. */
  readonly ffmpeg: FfmpegChild;
  /** The way in; rejects when the child is gone before it connects. */
  readonly sink: Promise<ByteSink>;
  /** The way out; rejects when the child is gone before it connects. */
  readonly source: Promise<ByteSource>;
  readonly #recipe: ChildRecipe;
  readonly #endpoints: readonly Endpoint<unknown>[];
  #opened: Promise<void> | undefined;
  #cancelGrace: (() => void) | undefined;
  #isSettled = false;

  /** Starts the child. Throws an `FfmpegError` when that is not possible. */
  constructor(recipe: ChildRecipe, options: FfmpegOptions) {
    this.#recipe = recipe;
    const input = openOrPipe(openInput, recipe.input);
    const output = openOrPipe(openOutput, recipe.output);
    this.#endpoints = [input, output];
    try {
      this.ffmpeg = new FfmpegChild({
        ...options,
        name: recipe.name,
        args: recipe.args({ input: input.url, output: output.url }),
        stdin: input.kind === "pipe" ? "piped" : "null",
        stdout: output.kind === "pipe" ? "piped" : "null",
      });
    } catch (error) {
      this.stopConnecting();
      throw error;
    }
    log.debug(`${recipe.name}: started ffmpeg ${this.ffmpeg.pid}`);
    this.sink = input.connect(this.ffmpeg.process);
    this.source = output.connect(this.ffmpeg.process);
    // The reader and the writer get the error when they await it.
    this.sink.catch(() => {});
    this.source.catch(() => {});
    void this.ffmpeg.exited.then(() => this.#giveUpConnecting());
  }

  /** Whether it waits for input, as far as can be seen: neither gone nor stopped. */
  get isWaiting(): boolean {
    if (this.ffmpeg.isGone) return false;
    const activity = activityOf(this.ffmpeg.pid);
    return activity === undefined ? !hasProc() : !activity.isStopped;
  }

  /**
   * Gives it the opening of its input, where the recipe has one; nothing happens the second time. Rejects
   * when the child is gone.
   */
  async open(): Promise<void> {
    const { opening } = this.#recipe;
    if (opening === undefined) return;
    this.#opened ??= this.sink.then((sink) => sink.write(opening));
    await this.#opened;
  }

  /** Waits no more for connections. Idempotent. */
  stopConnecting(): void {
    this.#isSettled = true;
    this.#cancelGrace?.();
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  /** Ends a child that nothing went into, at once. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopConnecting();
    this.ffmpeg.kill();
    await this.ffmpeg.exited;
    await this.sink.then((sink) => sink.close(), ignore);
    await this.source.then((source) => source.close(), ignore);
  }

  /** A child that died before it connected would be waited for without end. */
  #giveUpConnecting(): void {
    if (this.#isSettled) return;
    // One that did connect, wrote all and left is still in the listener's queue.
    this.#cancelGrace = schedulePatiently(
      systemClock,
      CONNECT_GRACE_MS,
      () => this.stopConnecting(),
    );
  }
}

/** The endpoint of a kind, or pipes: there may be no port left, or none that may be listened on. */
function openOrPipe<End>(
  open: (kind: TransportKind) => Endpoint<End>,
  kind: TransportKind,
): Endpoint<End> & { readonly kind: TransportKind } {
  try {
    return { ...open(kind), kind };
  } catch (error) {
    log.warn(
      `No ${kind} connection to ffmpeg is possible, so pipes are used: ${describeError(error)}`,
    );
    return { ...open("pipe"), kind: "pipe" };
  }
}

function ignore(error: unknown): void {
  log.debug(`ffmpeg did not connect: ${describeError(error)}`);
}
