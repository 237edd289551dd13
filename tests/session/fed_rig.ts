/** A live session whose pictures a test gives, one by one, on a clock that moves with them. */

import assert from "node:assert/strict";
import { MPEG_TIME_BASE } from "../../src/base/mod.ts";
import { VideoFrame } from "../../src/frames/mod.ts";
import { Session, type SessionEnd, type SessionEvent } from "../../src/session/mod.ts";
import { createTestPicture, drawTestFrame } from "../../src/source/mod.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { until, within } from "../waiting.ts";
import { decodeVideo, type OutputFrame } from "../e2e/decoding.ts";
import { CLIP, demux, joined } from "./clips.ts";
import { MemorySink } from "./in_memory.ts";
import { assertAccounts, errorsOf, Passthrough, type RigOptions } from "./rig.ts";

/** Steps of the clock between two pictures: what takes a while ends at its own time. */
const STEPS = 10;

/** Options of a {@linkcode FedRig}. */
export type FedRigOptions = Omit<RigOptions, "media" | "script"> & {
  /** Pictures a second of the clock. @default 20 */
  readonly fps?: number;
};

/**
 * A session that reads nothing: each picture is given when its time has come on the clock, and the next one
 * when all that follows from it has happened. So the machine may take as long as it likes.
 */
export class FedRig {
  readonly clock = new ManualClock();
  readonly sink = new MemorySink();
  readonly events: SessionEvent[] = [];
  readonly session: Session;
  /** The times of the pictures that were given; picture n holds stamp n. */
  readonly sentTicks: number[] = [];
  readonly #fps: number;
  readonly #picture = createTestPicture(CLIP);

  /** Sets a stream up and starts it. */
  constructor({ fps = CLIP.fps, onEvent, ...options }: FedRigOptions = {}) {
    this.#fps = fps;
    this.session = new Session({
      id: "test",
      processor: new Passthrough(),
      targetFps: Infinity,
      gopSeconds: 0.5,
      ...options,
      pace: "live",
      sink: this.sink,
      clock: this.clock,
      onEvent: (event) => {
        this.events.push(event);
        onEvent?.(event);
      },
    });
    this.session.start();
  }

  /** The errors that were reported, with the stage in front. */
  get errors(): string[] {
    return errorsOf(this.events).map(({ stage, error }) => `${stage}: ${error.message}`);
  }

  /** The presentation times of all pictures that came out, in their order. */
  get videoTicks(): number[] {
    return demux(joined(this.sink.whole)).map(({ ptsTicks }) => ptsTicks);
  }

  /** Frames that the loading overlay took the place of. */
  get overlaid(): number {
    return this.session.metrics().frames_overlaid;
  }

  /**
   * Gives pictures, each after the time of one, in small steps. Waits after each step until as many have
   * come out as `framesOut` says of the number that were given, and after each picture until it was taken.
   */
  async send(count: number, framesOut: (sent: number) => number = (sent) => sent): Promise<void> {
    for (let i = 0; i < count; i++) {
      for (let step = 0; step < STEPS; step++) {
        this.clock.advance(1_000 / this.#fps / STEPS);
        await turn();
        await this.framesOut(framesOut(this.sentTicks.length));
      }
      await this.give(1);
      await this.framesOut(framesOut(this.sentTicks.length));
    }
  }

  /** Gives pictures at the time that it is. Waits after each until it was taken. */
  async give(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.#sendNext();
      const sent = this.sentTicks.length;
      await until(
        () => this.session.metrics().frames_in === sent,
        () => `picture ${sent} to be taken`,
      );
      await turn();
    }
  }

  /** Waits until so many frames have come out, as themselves or as the overlay, and not one more. */
  async framesOut(count: number): Promise<void> {
    const found = (): number => this.session.metrics().frames_out;
    await until(() => found() >= count, () => `${count} frames; ${found()} are out`);
    assert.equal(found(), count);
  }

  /** Stops the stream, which writes out what is in flight. */
  async stop(): Promise<SessionEnd> {
    void this.session.stop();
    return await this.ended();
  }

  /** Waits for the end. */
  async ended(): Promise<SessionEnd> {
    const end = await within(this.session.ended, "the session's end");
    assertAccounts(this.session.metrics());
    const { videoTicks } = this;
    assert.ok(videoTicks.every((ticks, index) => index === 0 || ticks > videoTicks[index - 1]!));
    return end;
  }

  /** What came out, decoded. */
  async decoded(): Promise<OutputFrame[]> {
    return await decodeVideo(joined(this.sink.whole));
  }

  async #sendNext(): Promise<void> {
    const frameNumber = this.sentTicks.length;
    const ptsTicks = Math.round((frameNumber + 1) * 90_000 / this.#fps);
    this.sentTicks.push(ptsTicks);
    drawTestFrame(this.#picture, { frameNumber, fps: this.#fps });
    using frame = new VideoFrame({ ...this.#picture, ptsTicks, timeBase: MPEG_TIME_BASE });
    await this.session.sendFrame(frame);
  }
}

/** Lets everything go on that waits for nothing. */
async function turn(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
}
