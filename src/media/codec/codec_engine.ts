/**
 * What all coders have in common: runs one after the other without losing order, a bounded queue of
 * what comes out, restarts within a budget, and an end.
 *
 * @module
 */

import { BoundedQueue } from "../../base/bounded_queue.ts";
import { FfmpegError, MediaError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import type { FfmpegOptions } from "./child/child.ts";
import type { ChangeBudget } from "./change_budget.ts";
import { CodecChild } from "./child/codec_child.ts";
import { CodecRun, type CodecRunSpec, type RunEnd, type WatchOptions } from "./codec_run.ts";
import { RestartBudget } from "./restart_budget.ts";
import type { WarmSet } from "./child/warm_set.ts";

const log = roomLogger("codec");

/** Children of one coder: one that takes input, and one before it. */
const MAX_CHILDREN = 2;

/** Options that all coders share. */
export interface CoderOptions extends FfmpegOptions {
  /** Aborting it disposes the coder. */
  readonly signal?: AbortSignal;
  /** Outputs held until somebody takes them; beyond that the input waits. @default 4 */
  readonly queueCapacity?: number;
  /** How often a child that dies is replaced. @default three times, cleared after two minutes */
  readonly restartBudget?: RestartBudget;
  /**
   * How often the stream may change its shape or jump in time, which takes another child: what comes
   * beyond that is left out. @default as often as it does, one child after the other
   */
  readonly changeBudget?: ChangeBudget | undefined;
  /** Where children come from that wait already. @default each is started when it is needed */
  readonly warm?: WarmSet | undefined;
  /** When a child is taken for one that hangs, and replaced. @default 2.5 s without doing anything */
  readonly watch?: WatchOptions | undefined;
  /** Takes the error of a child that hung. @default it is only logged */
  readonly onHang?: ((error: FfmpegError) => void) | undefined;
}

/** Options of a {@linkcode CodecEngine}. */
export interface CodecEngineOptions<Out> extends CoderOptions {
  /** What the coder is, in messages: `"video decoder"`. */
  readonly name: string;
  /** Called with each output that nobody will take. */
  readonly onDrop?: (out: Out) => void;
}

/** What a coder is to do when a run ends. */
export interface RunHooks {
  /** Called once, after the last output of the run. */
  readonly onEnd?: (end: RunEnd) => void;
}

/** Runs children one after the other; the outputs come in the order of the inputs. */
export class CodecEngine<Out> implements AsyncDisposable {
  /** What came out. */
  readonly queue: BoundedQueue<Out>;
  readonly #options: CodecEngineOptions<Out>;
  readonly #budget: RestartBudget;
  readonly #runs = new Set<CodecRun>();
  readonly #onAbort = (): void => void this[Symbol.asyncDispose]();
  #current: CodecRun | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #turns: Promise<unknown> = Promise.resolve();
  #state: "open" | "ended" | "failed" | "disposed" = "open";
  #failure: unknown;
  #deaths = 0;
  #restarts = 0;
  #hangs = 0;
  /** Whether the last change was refused. */
  #isRefusing = false;
  #isAfterDeath = false;

  /** Creates an engine without a child. */
  constructor(options: CodecEngineOptions<Out>) {
    this.#options = options;
    this.#budget = options.restartBudget ?? new RestartBudget();
    this.queue = new BoundedQueue<Out>({
      capacity: options.queueCapacity ?? 4,
      whenFull: "wait",
      ...(options.onDrop === undefined ? {} : { onDrop: options.onDrop }),
    });
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted) this.#onAbort();
  }

  /** The run that takes input now, if there is one. */
  get current(): CodecRun | undefined {
    return this.#current;
  }

  /** How many children died on their own. */
  get deaths(): number {
    return this.#deaths;
  }

  /** How many children were ended because they hung. */
  get hangs(): number {
    return this.#hangs;
  }

  /** How many children were started in place of one that died. */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Runs `step` after the steps before it, so that callers need not wait for each other. Rejects
   * with the engine's failure, or a `TypeError` once it was flushed or disposed.
   */
  inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(() => {
      this.#check();
      return step();
    });
    // A failed step is its caller's; the next one has its turn all the same.
    this.#turns = turn.catch(() => {});
    return turn;
  }

  /**
   * Resolves when another child may be started: beside the one that takes input, only one works off what
   * it has. Throws the failure.
   */
  async room(): Promise<void> {
    for (const run of this.#runs) {
      if (this.#runs.size < MAX_CHILDREN) break;
      await run.done;
    }
    this.#check();
  }

  /** Whether the stream may change now: there is no child to be replaced, or the budget allows it. */
  mayChange(): boolean {
    if (this.#current === undefined) return true;
    const isAllowed = this.#options.changeBudget?.spend() ?? true;
    if (!isAllowed && !this.#isRefusing) {
      log.warn(`${this.#options.name}: the stream changes too often, some of it is left out`);
    }
    this.#isRefusing = !isAllowed;
    return isAllowed;
  }

  /** Ends the input of the run before and starts the next, whose output comes after. */
  begin(spec: CodecRunSpec, hooks: RunHooks = {}): CodecRun {
    this.#check();
    this.finishCurrent();
    const child = this.#options.warm?.take(spec.recipe) ??
      new CodecChild(spec.recipe, this.#options);
    const run = new CodecRun(spec, { child, after: this.#tail, watch: this.#options.watch });
    this.#runs.add(run);
    this.#current = run;
    if (this.#isAfterDeath) this.#restarts++;
    this.#isAfterDeath = false;
    this.#tail = run.done.then((end) => this.#onRunEnd(run, end, hooks));
    return run;
  }

  /** Ends the input of the current run; its output still comes. */
  finishCurrent(): void {
    void this.#current?.finish();
    this.#current = undefined;
  }

  /**
   * Resolves when the runs so far have ended and their ends are accounted for. Throws the failure.
   */
  async inOrder(): Promise<void> {
    await this.#tail;
    this.#check();
  }

  /**
   * Ends the input. Resolves when all output is in the queue, which then ends; or fails, when
   * `verify` finds something wrong with the whole.
   */
  async flush(verify: () => Error | undefined = () => undefined): Promise<void> {
    await this.inTurn(async () => {
      this.finishCurrent();
      await this.#tail;
      const wrong = verify();
      if (wrong !== undefined) this.fail(wrong);
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#state !== "open") return;
      this.#state = "ended";
      this.queue.close();
    });
  }

  /** Ends everything with an error. */
  fail(error: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#failure = error;
    this.queue.fail(error);
  }

  /** Stops all children; what was not taken is dropped. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "disposed";
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#current = undefined;
    this.queue.close();
    this.queue.clear();
    await Promise.all([...this.#runs].map((run) => run[Symbol.asyncDispose]()));
    await this.#tail;
    this.queue.clear();
  }

  #check(): void {
    if (this.#state === "failed") throw this.#failure;
    if (this.#state === "open") return;
    const why = this.#state === "ended" ? "it was flushed" : "it was closed";
    throw new TypeError(`Cannot use the ${this.#options.name}: ${why}; create a new one`);
  }

  #onRunEnd(run: CodecRun, end: RunEnd, hooks: RunHooks): void {
    this.#runs.delete(run);
    if (this.#current === run) this.#current = undefined;
    hooks.onEnd?.(end);
    if (end.kind === "finished" || this.#state !== "open") return;
    this.#deaths++;
    this.#isAfterDeath = true;
    log.warn(end.error.message);
    if (end.error.code === "FFMPEG_HANG") {
      this.#hangs++;
      this.#options.onHang?.(end.error);
    }
    const unsupported = unsupportedCodec(this.#options.name, end.error);
    if (unsupported !== undefined) this.fail(unsupported);
    else if (!this.#budget.spend()) this.fail(restartLimit(this.#options.name, end.error));
  }
}

/** The error of a decoder that was given packets and made nothing of them. */
export function nothingDecoded(codec: string, packets: number): MediaError {
  return new MediaError(
    "MEDIA_BAD_FRAME",
    `Cannot decode ${codec}: ffmpeg made nothing of ${packets} packets; check that the stream is ` +
      `${codec} and starts with a keyframe`,
    { context: { codec, packets } },
  );
}

const NO_CODER =
  /unknown (?:en|de)coder|(?:en|de)coder .*not found|no decoder|unrecognized option/i;

function unsupportedCodec(name: string, error: FfmpegError): MediaError | undefined {
  const stderr = error.context["stderr"] as readonly string[];
  const line = stderr.find((line) => NO_CODER.test(line));
  if (line === undefined) return undefined;
  return new MediaError(
    "MEDIA_UNSUPPORTED_CODEC",
    `Cannot run the ${name}: ${line}; use an ffmpeg that was built with this codec`,
    { cause: error, context: { stderr } },
  );
}

function restartLimit(name: string, error: FfmpegError): FfmpegError {
  const stderr = error.context["stderr"] as readonly string[];
  const last = stderr.at(-1);
  return new FfmpegError(
    "FFMPEG_RESTART_LIMIT",
    `Cannot keep the ${name} running: ffmpeg died too often` +
      (last === undefined ? "" : `, at last with: ${last}`) + "; see context.stderr",
    { cause: error, context: { ...error.context } },
  );
}
