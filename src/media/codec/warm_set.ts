/**
 * ffmpeg children that were started before there is anything for them to do. Most of what a child costs
 * until its first output is its own start; one that waits at its input gives that at once.
 *
 * @module
 */

import { type Clock, systemClock } from "../../base/clock.ts";
import { describeError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import type { FfmpegOptions } from "./child.ts";
import { type ChildRecipe, CodecChild, recipeKey } from "./codec_child.ts";

const log = roomLogger("codec");

/** A start waits this long after the last one, so that a stream that begins has the processors. */
const REFILL_DELAY_MS = 2_000;
/** Decoder, encoder and transcoder of a stream that may come at once: they start together. */
const FIRST_STARTS = 3;
/** Between two starts of others, so that they do not compete with each other. */
const START_INTERVAL_MS = 100;
/** Between two starts in place of children that are used: streams need the processors. */
const REFILL_INTERVAL_MS = 500;
/** A kind whose children die this often is given up until it is wanted again. */
const MAX_DEATHS = 3;

/** Options of a {@linkcode WarmSet}. */
export interface WarmSetOptions extends FfmpegOptions {
  /** Children that wait, at most: about 10 MiB each, and ffmpeg's code once for all. @default 6 */
  readonly maxChildren?: number;
  /** Without a use for this long all are ended, until the next use. @default {Infinity} */
  readonly idleMs?: number;
  /** Paces the starts. @default {systemClock} */
  readonly clock?: Clock;
}

/** What a {@linkcode WarmSet} holds and has done. */
export interface WarmFigures {
  /** Children that wait now. */
  readonly waiting: number;
  /** Children that were wanted and waited. */
  readonly used: number;
  /** Children that were wanted and did not wait. */
  readonly missed: number;
  /** Children that ended although nobody used them. */
  readonly died: number;
}

interface Place {
  readonly recipe: ChildRecipe;
  child: CodecChild | undefined;
  /** Deaths since it was wanted the last time. */
  deaths: number;
}

/**
 * Keeps one child for each of the kinds that were wanted last. A child that is used, or dies, is replaced
 * when nothing was used for a while. Its owner begins and ends it; nothing waits before `start()`.
 */
export class WarmSet implements AsyncDisposable {
  readonly #options: WarmSetOptions;
  readonly #clock: Clock;
  /** By {@linkcode recipeKey}; what was wanted last comes last. */
  readonly #places = new Map<string, Place>();
  readonly #ending = new Set<Promise<void>>();
  #cancelStart: (() => void) | undefined;
  #cancelIdle: (() => void) | undefined;
  /** Children started, or tried. */
  #starts = 0;
  #intervalMs = START_INTERVAL_MS;
  #state: "new" | "open" | "idle" | "closed" = "new";
  #counts = { used: 0, missed: 0, died: 0 };

  /** Creates an empty set. */
  constructor(options: WarmSetOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** What it holds and has done. */
  get figures(): WarmFigures {
    return { waiting: this.pids.length, ...this.#counts };
  }

  /** The process ids of the children that wait. */
  get pids(): readonly number[] {
    return [...this.#places.values()].flatMap(({ child }) =>
      child === undefined ? [] : [child.ffmpeg.pid]
    );
  }

  /** Keeps children of these kinds, the most likely first, until streams show what they need. */
  want(recipes: readonly ChildRecipe[]): void {
    const kinds = new Map(recipes.map((recipe) => [recipeKey(recipe, this.#options), recipe]));
    for (const recipe of [...kinds.values()].slice(0, this.#capacity).reverse()) {
      this.#place(recipe);
    }
    if (this.#state === "open") this.#refill(START_INTERVAL_MS);
  }

  /** Starts the likeliest children, and then the others, one after the other. Idempotent. */
  start(): void {
    if (this.#state !== "new") return;
    this.#state = "open";
    this.#watchForDisuse();
    this.#refill(0);
  }

  /**
   * Gives the caller a child of this kind, or undefined if none waits. In both cases the set keeps a child
   * of this kind from now on.
   */
  take(recipe: ChildRecipe): CodecChild | undefined {
    if (this.#state === "closed" || this.#capacity < 1) return undefined;
    const place = this.#place(recipe);
    const child = place.child;
    place.child = undefined;
    place.deaths = 0;
    if (this.#state !== "new") {
      this.#state = "open";
      this.#intervalMs = REFILL_INTERVAL_MS;
      this.#watchForDisuse();
      this.#refill(REFILL_DELAY_MS);
    }
    if (child?.isWaiting !== true) {
      this.#counts.missed++;
      if (child !== undefined) this.#end(child);
      return undefined;
    }
    this.#counts.used++;
    return child;
  }

  /** Ends all children that wait. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    this.#cancelIdle?.();
    this.#endAll();
    await Promise.all(this.#ending);
  }

  get #capacity(): number {
    return this.#options.maxChildren ?? 6;
  }

  /** The place of a kind, which is the last to go from now on. */
  #place(recipe: ChildRecipe): Place {
    const key = recipeKey(recipe, this.#options);
    const place = this.#places.get(key) ?? { recipe, child: undefined, deaths: 0 };
    this.#places.delete(key);
    this.#places.set(key, place);
    for (const [oldest, place] of this.#places) {
      if (this.#places.size <= this.#capacity) break;
      this.#places.delete(oldest);
      this.#empty(place);
    }
    return place;
  }

  #refill(delayMs: number): void {
    this.#cancelStart?.();
    this.#cancelStart = this.#clock.schedule(delayMs, () => this.#startNext());
  }

  #startNext(): void {
    if (this.#state !== "open") return;
    const places = [...this.#places.values()].reverse();
    const place = places.find(({ child, deaths }) => child === undefined && deaths < MAX_DEATHS);
    if (place === undefined) return;
    this.#starts++;
    try {
      const child = place.child = new CodecChild(place.recipe, this.#options);
      child.open().catch(() => {}); // it is gone
      void child.ffmpeg.exited.then(() => this.#childEnded(place, child));
    } catch (error) {
      log.warn(`Cannot start an ffmpeg for the next stream: ${describeError(error)}`);
      place.deaths++;
    }
    // Starting one takes this thread a while, too: it answers requests in between.
    this.#refill(this.#starts < FIRST_STARTS ? 0 : this.#intervalMs);
  }

  /** One that is used, or ended by us, is not in its place any more. */
  #childEnded(place: Place, child: CodecChild): void {
    if (place.child !== child) return;
    place.child = undefined;
    place.deaths++;
    this.#counts.died++;
    const last = child.ffmpeg.stderrTail.at(-1) ?? "it said nothing";
    log.warn(`An ffmpeg that waited for the next stream ended: ${last}`);
    this.#end(child);
    if (this.#state === "open") this.#refill(REFILL_DELAY_MS);
  }

  #watchForDisuse(): void {
    this.#cancelIdle?.();
    const { idleMs = Infinity } = this.#options;
    if (idleMs === Infinity) return;
    this.#cancelIdle = this.#clock.schedule(idleMs, () => {
      this.#state = "idle";
      this.#endAll();
    });
  }

  #endAll(): void {
    this.#cancelStart?.();
    for (const place of this.#places.values()) this.#empty(place);
  }

  #empty(place: Place): void {
    const { child } = place;
    place.child = undefined;
    if (child !== undefined) this.#end(child);
  }

  #end(child: CodecChild): void {
    const ending = child[Symbol.asyncDispose]().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
