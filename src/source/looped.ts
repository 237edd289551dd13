/**
 * Endless media from finite media.
 *
 * @module
 */

import { TICKS_PER_SECOND } from "../base/rational.ts";
import { MediaError } from "../base/errors.ts";
import type { Packet } from "../media/types.ts";
import type { MediaEvent } from "./media_event.ts";

/** Options of {@linkcode looped}. */
export interface LoopOptions {
  /** Ends the loop at the next packet, without an error. */
  readonly signal?: AbortSignal;
}

/** Audio that lasts this much longer than the video decides the length of a pass. */
const MAX_TAIL_TICKS = TICKS_PER_SECOND;
/** The assumed duration of a stream's only packet. */
const LONE_PACKET_TICKS = 3000;

/**
 * Plays the same media again and again with clocks that go on: each pass begins exactly one frame
 * after the last picture of the one before. Audio keeps its place beside the picture to within half
 * an audio frame and also continues by exactly one frame: a surplus frame at the seam is left out.
 * Throws what the media throws, and a `MediaError` (`MEDIA_NO_STREAM`) when a pass has no packets.
 */
export async function* looped(
  open: () => AsyncIterable<MediaEvent>,
  options: LoopOptions = {},
): AsyncGenerator<MediaEvent> {
  const { signal } = options;
  const seam = new AudioSeam();
  let offsetTicks = 0;
  for (;;) {
    const extents = { video: new Extent(), audio: new Extent() };
    for await (const event of open()) {
      if (signal?.aborted === true) return;
      if (event.kind !== "packet") {
        yield event;
        continue;
      }
      extents[event.stream].add(event.packet.ptsTicks);
      const moved = movePacket(event.packet, offsetTicks);
      const packet = moved.kind === "audio" ? seam.place(moved) : moved;
      if (packet !== undefined) yield { ...event, packet };
    }
    if (signal?.aborted === true) return;
    seam.endPass(extents.audio.frameTicks);
    offsetTicks += passTicks(extents.video, extents.audio);
  }
}

function movePacket(packet: Packet, byTicks: number): Packet {
  if (byTicks === 0) return packet;
  const { ptsTicks, dtsTicks } = packet;
  return { ...packet, ptsTicks: ptsTicks + byTicks, dtsTicks: dtsTicks + byTicks };
}

/** How long a pass is: by its pictures, unless sound goes on well after them. */
function passTicks(video: Extent, audio: Extent): number {
  const [lead] = [video, audio].filter((stream) => stream.count > 0);
  if (lead === undefined) {
    throw new MediaError("MEDIA_NO_STREAM", "Cannot loop the media: it has no packets");
  }
  const audioTail = audio.endTicks - lead.endTicks;
  return audioTail > MAX_TAIL_TICKS ? audio.endTicks - lead.startTicks : lead.lengthTicks;
}

/** The stretch of time that one pass of a stream takes. */
class Extent {
  count = 0;
  startTicks = Infinity;
  #lastTicks = -Infinity;
  #beforeLastTicks = -Infinity;

  /** Counts a packet in; with B-frames they do not come in order. */
  add(ptsTicks: number): void {
    this.count++;
    this.startTicks = Math.min(this.startTicks, ptsTicks);
    if (ptsTicks > this.#lastTicks) {
      this.#beforeLastTicks = this.#lastTicks;
      this.#lastTicks = ptsTicks;
    } else if (ptsTicks < this.#lastTicks) {
      this.#beforeLastTicks = Math.max(this.#beforeLastTicks, ptsTicks);
    }
  }

  /** How long its last packet lasts, going by the one before. */
  get frameTicks(): number {
    const ticks = this.#lastTicks - this.#beforeLastTicks;
    return Number.isFinite(ticks) ? ticks : LONE_PACKET_TICKS;
  }

  get endTicks(): number {
    return this.#lastTicks + this.frameTicks;
  }

  get lengthTicks(): number {
    return this.endTicks - this.startTicks;
  }
}

/** Joins the audio of one pass to the next: a frame does not fit a picture's time exactly. */
class AudioSeam {
  #lastTicks: number | undefined;
  #frameTicks = 0;
  /** What the audio of this pass is moved by; unknown before its first packet after a seam. */
  #shiftTicks: number | undefined = 0;

  /** The packet in its place, or undefined where the pass before has sound already. */
  place(packet: Packet): Packet | undefined {
    this.#shiftTicks ??= this.#shiftFor(packet.ptsTicks);
    if (this.#shiftTicks === undefined) return undefined;
    const placed = movePacket(packet, this.#shiftTicks);
    this.#lastTicks = placed.ptsTicks;
    return placed;
  }

  endPass(frameTicks: number): void {
    this.#frameTicks = frameTicks;
    this.#shiftTicks = undefined;
  }

  /** To the nearest whole number of frames after the last one, if that is after it. */
  #shiftFor(ptsTicks: number): number | undefined {
    if (this.#lastTicks === undefined) return 0;
    const frames = Math.round((ptsTicks - this.#lastTicks) / this.#frameTicks);
    return frames < 1 ? undefined : this.#lastTicks + frames * this.#frameTicks - ptsTicks;
  }
}
