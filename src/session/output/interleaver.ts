/**
 * The order of packets in a file.
 *
 * @module
 */

import { TICKS_PER_SECOND } from "../../base/rational.ts";
import type { Packet } from "../../media/types.ts";
import { JumpingClock } from "../jumping_clock.ts";

/** How far one stream may run ahead of the other before it is written without it: 30 s at 90 kHz. */
export const MAX_AHEAD_TICKS = 30 * TICKS_PER_SECOND;
/** Sound that begins less than this before the first picture is written after it: 1 s at 90 kHz. */
const MAX_HEAD_TICKS = TICKS_PER_SECOND;
/** The most bytes that wait for the other stream. */
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;

interface Waiting {
  readonly packet: Packet;
  /** How often the clock of its stream has jumped before it. */
  readonly epoch: number;
}

interface Lane {
  readonly waiting: Waiting[];
  readonly clock: JumpingClock;
  isOver: boolean;
}

/**
 * Puts the packets of a video and an audio stream into the order of their decoding times. Each stream takes
 * its own time through its coders, so one is ahead of the other by seconds; a container that is written in
 * that order is hard to play, and a muxer that waits for the other stream gives up. What is ahead waits
 * here, in bounds: past them the oldest is written.
 */
export class Interleaver {
  readonly #lanes: Readonly<Record<"video" | "audio", Lane>> = { video: lane(), audio: lane() };
  #bytes = 0;
  #isFirst = true;
  #hasVideo = false;
  #gaveVideoUp = false;

  /** Whether a picture has come. */
  get hasVideo(): boolean {
    return this.#hasVideo;
  }

  /** Whether so much sound came without a picture that the file goes on without pictures. */
  get lacksVideo(): boolean {
    return this.#gaveVideoUp && !this.#hasVideo;
  }

  /** Says whether packets of a stream will come: what does not come is not waited for. Returns what goes on. */
  expect(kind: "video" | "audio", isComing: boolean): Packet[] {
    this.#lanes[kind].isOver = !isComing;
    return this.#take();
  }

  /** Takes the next packet of its stream and returns those to write now, in order. */
  offer(packet: Packet): Packet[] {
    const { waiting, clock } = this.#lanes[packet.kind];
    this.#hasVideo ||= packet.kind === "video";
    waiting.push({ packet, epoch: clock.note(packet.dtsTicks) });
    this.#bytes += packet.data.length;
    return this.#take();
  }

  /** Both streams have ended: returns all that waits. */
  release(): Packet[] {
    for (const lane of Object.values(this.#lanes)) lane.isOver = true;
    return this.#take();
  }

  #take(): Packet[] {
    const ready: Packet[] = [];
    for (;;) {
      const lane = this.#next();
      const first = lane?.waiting.shift();
      if (first === undefined) return ready;
      this.#isFirst = false;
      this.#bytes -= first.packet.data.length;
      ready.push(first.packet);
    }
  }

  /** The stream whose first packet goes next; undefined where it has to wait. */
  #next(): Lane | undefined {
    const { video, audio } = this.#lanes;
    const [a, b] = [video.waiting[0], audio.waiting[0]];
    if (a !== undefined && b !== undefined) {
      const margin = this.#isFirst ? MAX_HEAD_TICKS : 0;
      return isBefore(b, a, margin) ? audio : video;
    }
    const [lane, other] = a === undefined ? [audio, video] : [video, audio];
    if (lane.waiting.length === 0) return undefined;
    return other.isOver || this.#isFull(lane, other) ? lane : undefined;
  }

  #isFull({ waiting }: Lane, other: Lane): boolean {
    if (this.#bytes > MAX_WAITING_BYTES) {
      this.#gaveVideoUp ||= !this.#hasVideo;
      return true;
    }
    const [first, last] = [waiting[0], waiting.at(-1)];
    // A container's header tells what is in it: the first packet of each stream is worth a long wait.
    if (other.clock.lastTicks === undefined || first === undefined || last === undefined) {
      return false;
    }
    return Math.abs(last.packet.dtsTicks - first.packet.dtsTicks) > MAX_AHEAD_TICKS;
  }
}

function lane(): Lane {
  return { waiting: [], clock: new JumpingClock(Infinity), isOver: false };
}

/** Whether `a` is more than a margin before `b`. */
function isBefore(a: Waiting, b: Waiting, marginTicks: number): boolean {
  return a.epoch === b.epoch
    ? a.packet.dtsTicks + marginTicks < b.packet.dtsTicks
    : a.epoch < b.epoch;
}
