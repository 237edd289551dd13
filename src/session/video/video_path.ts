/**
 * The way of a video frame between decoder and encoder: late check, rate cap, queue, processor, order.
 *
 * @module
 */

import { BoundedQueue, type Clock, pauseOn, systemClock } from "../../base/mod.ts";
import type { VideoFrame } from "../../frames/mod.ts";
import type { AvSync } from "../av_sync.ts";
import type { CatchUp } from "./catch_up.ts";
import type { FrameRateLimiter } from "./frame_rate_limiter.ts";
import type { LoadingOverlay } from "./loading_overlay.ts";
import { LoopBreath } from "./loop_breath.ts";
import { queueLimit, ServiceTime } from "./service_time.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";
import type { DropReason } from "../types.ts";
import {
  closeFrames,
  type EmissionPlace,
  isHung,
  type VideoEmission,
  type VideoOutcome,
} from "./video_outcome.ts";

/** Options of a {@linkcode VideoPath}. */
export interface VideoPathOptions {
  /** Runs the processor on one frame; must not reject. */
  readonly process: (frame: VideoFrame) => Promise<VideoOutcome>;
  /** Brings what came out of the processor into CPU memory; must not reject. */
  readonly complete: (outcome: VideoOutcome) => Promise<VideoOutcome>;
  /** Takes what leaves, one after the other; owns both frames of an outcome. */
  readonly emit: (emission: VideoEmission, place: EmissionPlace) => Promise<void>;
  /** Whether the picture of a frame is out already: the processor only looks at it. @default none is */
  readonly isOut?: (frame: VideoFrame) => boolean;
  /** Resolves once the processor may have frames; to false when it never gets any. */
  readonly ready: Promise<boolean>;
  /** What is shown in place of frames that wait; in a path that is not live it never is. */
  readonly loading: LoadingOverlay;
  readonly limiter: FrameRateLimiter;
  readonly sync: AvSync;
  /** Passes over frames of a stream that is behind its input. @default none is */
  readonly catchUp?: CatchUp | undefined;
  readonly meters: StreamMeters;
  /** Frames that may wait for the processor. */
  readonly maxQueueSize: number;
  /** How long frames may wait for a processor that is slow, in milliseconds, where the path is live. */
  readonly maxQueueLatencyMs: number;
  /** Whether a full queue drops its oldest frame, or makes the decoder wait: then nothing is dropped. */
  readonly live: boolean;
  /** Frames that the processor works on at once. */
  readonly maxInFlight: number;
  /** Frames that are in the processor or on their way back from the GPU; at least `maxInFlight`. */
  readonly depth: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** A frame, and its place in the order of arrival. */
interface PlacedFrame {
  readonly place: number;
  readonly frame: VideoFrame;
}

/** A frame in the processor; not the promise alone, which the queue would await on its way out. */
interface PlacedOutcome {
  readonly place: number;
  readonly pending: Promise<VideoOutcome | "aborted">;
}

/**
 * Carries frames through the processor. Up to `maxInFlight` frames are processed at once, while those
 * before them may still be read back; they leave in the order in which they came. A frame that is
 * dropped on the way is closed and counted.
 *
 * While the loading overlay is shown, frames go past the processor and leave as the overlay: the newest
 * still waits for it, so that its recovery is seen at once.
 */
export class VideoPath {
  readonly #options: VideoPathOptions;
  readonly #waiting: BoundedQueue<PlacedFrame>;
  /** Frames that leave as the loading overlay. */
  readonly #overlaid: BoundedQueue<PlacedFrame>;
  readonly #inOrder: BoundedQueue<PlacedOutcome>;
  /** Resolves when every frame has left; rejects as soon as `emit` does. */
  readonly done: Promise<void>;
  /** Resolves after `done`, when every frame has left or is counted as dropped. */
  readonly settled: Promise<void>;
  #dropReason: "queue" | "stop" = "queue";
  /** Frames in the processor. */
  #processing = 0;
  /** Frames in the processor or being completed. */
  #begun = 0;
  #roomMade = Promise.withResolvers<void>();
  /** Gives up on each frame that is in the processor. */
  readonly #giveUp = new Set<() => void>();
  /** What came out of the processor after the end. */
  readonly #discarded: Promise<void>[] = [];
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  readonly #aborted = Promise.withResolvers<false>();
  #arrivals = 0;
  /** The place of the last frame that left. */
  #lastPlace = 0;
  /** Resolves when what leaves now has left. */
  #leaving: Promise<void> = Promise.resolve();
  #isEmitting = false;
  readonly #breath: LoopBreath;
  /** Per frame, in the processor. */
  readonly #processTime: ServiceTime;
  /** Per frame, in the processor and on the way back from the GPU, where what it asked for is done. */
  readonly #totalTime: ServiceTime;

  /** Starts the path's tasks; {@linkcode finish} or {@linkcode abort} ends them. */
  constructor(options: VideoPathOptions) {
    this.#options = options;
    this.#waiting = new BoundedQueue({
      capacity: options.maxQueueSize,
      whenFull: options.live ? "drop-oldest" : "wait",
      onDrop: (placed) => this.#giveWay(placed),
    });
    this.#overlaid = new BoundedQueue({
      capacity: options.maxQueueSize,
      whenFull: "drop-oldest",
      onDrop: ({ frame }) => this.#drop(frame, this.#dropReason),
    });
    const clock = this.#clock = options.clock ?? systemClock;
    this.#breath = new LoopBreath(clock);
    this.#processTime = new ServiceTime(() => clock.now());
    this.#totalTime = new ServiceTime(() => clock.now());
    this.#inOrder = new BoundedQueue({
      capacity: this.#depth,
      whenFull: "wait",
      onDrop: (placed) => this.#discarded.push(this.#discard(placed)),
    });
    const tasks = [this.#processAll(), this.#emitAll(), this.#emitOverlaid()];
    this.done = this.#run(tasks);
    this.done.catch(() => {}); // awaited by whoever runs the stream
    this.settled = this.#settle(tasks);
  }

  /** Takes the next decoded frame; in a path that is not live it resolves once there is room. */
  async offer(frame: VideoFrame): Promise<void> {
    const { limiter, sync, meters, live, loading } = this.#options;
    meters.frameReached("decoded", frame.timestamp);
    if (!limiter.accept(frame.timestamp, frame.timeBase)) return this.#drop(frame, "rate");
    if (sync.isLate(frame.timestamp)) return this.#drop(frame, "late");
    const placed = { place: ++this.#arrivals, frame };
    if (!live) {
      await this.#waiting.push(placed);
      return;
    }
    const isOut = this.#isOut(frame);
    // While what came out is still being written, nothing else can come.
    if (!this.#isEmitting && !isOut) loading.frameArrived(this.#totalTime.finishedMs);
    // The newest is what a processor that falls behind should get next.
    const limit = loading.state === "hidden" || isOut ? this.#queueLimit() : 1;
    this.#waiting.trim(limit - 1);
    const isOverlaid = loading.state === "by-hand" && !isOut;
    await (isOverlaid ? this.#overlaid : this.#waiting).push(placed);
  }

  /** No more frames come: resolves when all that were offered have left. Rejects if `emit` did. */
  async finish(): Promise<void> {
    this.#waiting.close();
    this.#overlaid.close();
    await this.done;
  }

  /** Drops what waits and what is in the processor, without waiting for a call that hangs. */
  abort(): void {
    this.#abort.abort();
    this.#dropReason = "stop";
    this.#aborted.resolve(false);
    for (const queue of [this.#waiting, this.#overlaid]) {
      queue.close();
      queue.clear();
    }
    for (const giveUp of this.#giveUp) giveUp();
    this.#roomMade.resolve();
  }

  get #isAborted(): boolean {
    return this.#abort.signal.aborted;
  }

  get #depth(): number {
    return Math.max(this.#options.depth, this.#options.maxInFlight);
  }

  #queueLimit(): number {
    const { maxQueueSize, maxQueueLatencyMs } = this.#options;
    const serviceMs = Math.max(this.#processTime.currentMs, this.#totalTime.currentMs);
    return queueLimit(serviceMs, { budgetMs: maxQueueLatencyMs, most: maxQueueSize });
  }

  async #run(tasks: readonly Promise<void>[]): Promise<void> {
    try {
      await Promise.all(tasks);
    } finally {
      this.abort();
      this.#inOrder.close();
    }
  }

  async #settle(tasks: readonly Promise<void>[]): Promise<void> {
    await Promise.allSettled(tasks);
    this.#inOrder.clear();
    await Promise.all(this.#discarded);
  }

  /** Nobody takes what came out of the processor. */
  async #discard({ pending }: PlacedOutcome): Promise<void> {
    const outcome = await pending;
    if (outcome === "aborted") return; // it is counted
    this.#countDropped(outcome.input, "stop");
    closeFrames(outcome);
  }

  #isOut(frame: VideoFrame): boolean {
    return this.#options.isOut?.(frame) === true;
  }

  #isPassedOver(frame: VideoFrame): boolean {
    return !this.#isOut(frame) && this.#options.catchUp?.skips(frame.timestamp) === true;
  }

  #drop(frame: VideoFrame, reason: DropReason): void {
    this.#countDropped(frame, reason);
    frame.close();
  }

  #countDropped(frame: VideoFrame, reason: DropReason): void {
    const { meters } = this.#options;
    if (this.#isOut(frame)) meters.framesUnseen(reason);
    else meters.framesDropped(reason);
  }

  /** A frame has to leave the queue for newer ones. */
  #giveWay(placed: PlacedFrame): void {
    const isHidden = this.#options.loading.state === "hidden" || this.#isOut(placed.frame);
    if (this.#isAborted || isHidden) {
      return this.#drop(placed.frame, this.#dropReason);
    }
    void this.#overlaid.push(placed); // it never waits: its queue drops the oldest
  }

  async #processAll(): Promise<void> {
    try {
      if (!await Promise.race([this.#options.ready, this.#aborted.promise])) {
        return await this.#refuseAll();
      }
      // Room comes first: a frame that has left the queue could not be dropped for a newer one.
      while (await this.#waitForRoom() === "free") {
        if (this.#options.live && this.#breath.owedMs > 0) {
          await pauseOn(this.#clock, this.#breath.take(), this.#abort.signal);
        }
        const placed = await this.#waiting.shift();
        if (placed === undefined) return;
        const { place, frame } = placed;
        // It left the queue before the abort emptied that: nobody would give up on its call.
        if (this.#isAborted) return this.#drop(frame, this.#dropReason);
        if (this.#isPassedOver(frame)) {
          this.#drop(frame, "behind");
          continue;
        }
        await this.#inOrder.push({ place, pending: this.#begin(frame) });
      }
    } finally {
      this.#inOrder.close();
    }
  }

  /** The stream was stopped before the processor was ready: it gets no frame. */
  async #refuseAll(): Promise<void> {
    for await (const { frame } of this.#waiting) this.#drop(frame, "stop");
  }

  async #waitForRoom(): Promise<"free" | "aborted"> {
    const { maxInFlight } = this.#options;
    while (!this.#isAborted) {
      if (this.#processing < maxInFlight && this.#begun < this.#depth) return "free";
      await this.#roomMade.promise;
    }
    return "aborted";
  }

  #makeRoom(): void {
    this.#roomMade.resolve();
    this.#roomMade = Promise.withResolvers<void>();
  }

  /** Not a race against one promise of the abort: that would remember every frame of the stream. */
  #begin(frame: VideoFrame): Promise<VideoOutcome | "aborted"> {
    const { promise, resolve } = Promise.withResolvers<VideoOutcome | "aborted">();
    const giveUp = (): void => {
      this.#giveUp.delete(giveUp);
      this.#countDropped(frame, "stop");
      resolve("aborted");
    };
    this.#giveUp.add(giveUp);
    void this.#process(frame).then((outcome) => {
      const isWanted = this.#giveUp.delete(giveUp);
      if (isWanted) resolve(outcome);
      else closeFrames(outcome);
    });
    return promise;
  }

  async #process(frame: VideoFrame): Promise<VideoOutcome> {
    this.#begun++;
    const end = this.#totalTime.begin();
    const watched = this.#breath.watch();
    let outcome: VideoOutcome | undefined;
    try {
      return outcome = await this.#options.complete(await this.#runProcessor(frame));
    } finally {
      this.#begun--;
      watched();
      end(outcome !== undefined && !isHung(outcome));
      this.#makeRoom();
    }
  }

  async #runProcessor(frame: VideoFrame): Promise<VideoOutcome> {
    const { meters, process } = this.#options;
    meters.frameReached("processing", frame.timestamp);
    this.#processing++;
    const end = this.#processTime.begin();
    let outcome: VideoOutcome | undefined;
    try {
      return outcome = await process(frame);
    } finally {
      this.#processing--;
      end(outcome !== undefined && !isHung(outcome));
      this.#makeRoom();
    }
  }

  async #emitAll(): Promise<void> {
    for await (const { place, pending } of this.#inOrder) {
      const outcome = await pending;
      if (outcome === "aborted") continue;
      this.#isEmitting = true;
      await this.#emit(outcome, place);
      this.#isEmitting = false;
    }
  }

  async #emitOverlaid(): Promise<void> {
    for await (const { place, frame } of this.#overlaid) {
      await this.#emit({ kind: "loading", input: frame }, place);
    }
  }

  /** Lets what the processor gave and what goes past it leave one after the other. */
  async #emit(emission: VideoEmission, place: number): Promise<void> {
    const before = this.#leaving;
    const left = Promise.withResolvers<void>();
    this.#leaving = left.promise;
    await before;
    try {
      const isLate = place < this.#lastPlace;
      this.#lastPlace = Math.max(this.#lastPlace, place);
      await this.#options.emit(emission, { isLate });
    } catch (error) {
      this.#countDropped(emission.input, "stop");
      throw error;
    } finally {
      left.resolve();
    }
  }
}
