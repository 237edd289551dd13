/**
 * Notices a child that hangs: that was given work and neither does it nor gives anything.
 *
 * Time alone cannot tell: a child on a busy machine, or beside a worker that was suspended, is late too. So
 * the child itself is looked at: one that is stopped, or that sleeps although it was given input, hangs; one
 * that waits for a processor, or uses it, does not.
 *
 * @module
 */

import type { Clock } from "../../../base/clock.ts";
import { activityOf, knowsActivity, type ProcessActivity } from "./proc.ts";

/** Looks in the time after which a child hangs; nothing counts that fits between two of them. */
const LOOKS = 10;
/** Where nothing is known of the child but its silence, that must last so many times as long. */
const SILENCE_FACTOR = 10;
/** A child that computes for so long and gives nothing will not, in nanoseconds of processor time. */
const MAX_CPU_NS = 30e9;

/** What the owner of a child knows of it. */
export interface ChildWork {
  /** Packets that were given so far, the one that is being written included. */
  readonly given: number;
  /** Whether a packet is being written. */
  readonly isWriting: boolean;
  /** Whether something is to come: there was input since the last output, or it has ended. */
  readonly isDue: boolean;
  /** Counts every piece of output. */
  readonly outputs: number;
  /** Whether its output would be read at once: else it rightly waits. */
  readonly isRead: boolean;
}

/** Options of a {@linkcode ChildWatch}. */
export interface ChildWatchOptions {
  readonly pid: number;
  readonly clock: Clock;
  /** How long a child may do nothing, in milliseconds. */
  readonly hangAfterMs: number;
  readonly work: () => ChildWork;
  /** Called once, with what was seen. */
  readonly onHang: (found: string) => void;
}

interface Look {
  readonly activity: ProcessActivity | undefined;
  readonly given: number;
}

/** Watches one child while it has work. */
export class ChildWatch implements Disposable {
  readonly #options: ChildWatchOptions;
  #cancel: () => void = () => {};
  #outputs = -1;
  /** The last look at which the child had done something. */
  #since: Look | undefined;
  #seen: ProcessActivity | undefined;
  /** Processor time at the first look since the last output. */
  #firstCpuNs: number | undefined;
  /** Looks at which it was found to do nothing, in a row, and those that tell nothing. */
  #stopped = 0;
  #asleep = 0;
  #silent = 0;

  /** Begins to watch. */
  constructor(options: ChildWatchOptions) {
    this.#options = options;
    this.#wait();
  }

  /** Ends the watch. Idempotent. */
  [Symbol.dispose](): void {
    this.#cancel();
  }

  #wait(): void {
    const { clock, hangAfterMs } = this.#options;
    this.#cancel = clock.schedule(hangAfterMs / LOOKS, () => {
      const found = this.#look();
      if (found === undefined) this.#wait();
      else this.#options.onHang(found);
    });
  }

  #look(): string | undefined {
    const work = this.#options.work();
    if (!work.isDue || !work.isRead || work.outputs !== this.#outputs) {
      this.#outputs = work.outputs;
      this.#forget();
      return undefined;
    }
    this.#silent++;
    const activity = activityOf(this.#options.pid);
    if (!knowsActivity()) {
      return this.#silent >= LOOKS * SILENCE_FACTOR ? "it gives nothing" : undefined;
    }
    if (activity !== undefined && activity === this.#seen) return undefined; // nothing new is known
    this.#seen = activity;
    return this.#judge(work, activity);
  }

  #judge(work: ChildWork, activity: ProcessActivity | undefined): string | undefined {
    if (activity === undefined) return undefined; // it is gone, which its owner sees
    this.#firstCpuNs ??= activity.cpuNs;
    if (activity.cpuNs - this.#firstCpuNs > MAX_CPU_NS) {
      return "it computes and gives nothing";
    }
    this.#stopped = activity.isStopped ? this.#stopped + 1 : 0;
    if (this.#stopped >= LOOKS) return "it is stopped";
    const since = this.#since;
    const hasWorked = activity.cpuNs !== since?.activity?.cpuNs;
    if (hasWorked || !activity.isAsleep || since === undefined) {
      this.#asleep = 0;
      this.#since = { activity, given: work.given };
    } else if (work.isWriting || work.given > since.given) {
      // It was given something since and did not even read it: reading takes processor time.
      if (++this.#asleep >= LOOKS) return "it does not read its input";
    }
    return undefined;
  }

  #forget(): void {
    this.#since = undefined;
    this.#firstCpuNs = undefined;
    this.#stopped = this.#asleep = this.#silent = 0;
  }
}
