/** The live input of a stream of the chaos run: without end, at its own pace, and broken on demand. */

import { clipEvents, type MediaClip } from "../../../bench/live_feed.ts";
import { looped, type MediaEvent, writeSegments } from "../../../src/source/mod.ts";
import type { LocalPublisher, SegmentWriter } from "../../../src/trickle/mod.ts";

/** What may be wrong with one segment. */
export type Spoil =
  /** Random bytes come before it. */
  | { readonly kind: "garbage"; readonly bytes: Uint8Array }
  /** It ends after so many bytes. */
  | { readonly kind: "truncated"; readonly after: number }
  /** Every so many bytes one is another. */
  | { readonly kind: "flipped"; readonly every: number };

const TICKS_PER_MS = 90;
/** What is later than this is not made up for. */
const MAX_LATE_MS = 500;
/** Packets further apart than that do not belong to one clock. */
const MAX_STEP_MS = 5_000;

/** Feeds clips of one keyframe each, again and again, with sound that goes on. */
export class ChaosFeed implements AsyncDisposable {
  /** What is played from the next pass on. */
  clip: MediaClip;
  /** Whether nothing is fed for now. */
  isSilent = false;
  /** Pictures that were given to the server. */
  fedPictures = 0;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #publisher: LocalPublisher | undefined;
  #jumpTicks = 0;
  #offsetTicks = 0;
  #spoils: Spoil[] = [];

  constructor(clip: MediaClip) {
    this.clip = clip;
    this.#done = this.#run();
  }

  /** Feeds another channel from the next segment on, or none. */
  publishTo(publisher: LocalPublisher | undefined): void {
    this.#publisher = publisher;
  }

  /** Moves the clock of the media with the next keyframe. */
  jump(byTicks: number): void {
    this.#jumpTicks += byTicks;
  }

  /** Makes the next segment a bad one. */
  spoil(spoil: Spoil): void {
    this.#spoils.push(spoil);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#publisher = undefined;
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const passes = looped(() => clipEvents(this.clip), { signal });
    await writeSegments(this.#paced(passes), () => this.#next(), {
      onWritten: ({ kind }) => {
        if (kind === "video") this.fedPictures++;
      },
    });
  }

  async *#paced(events: AsyncIterable<MediaEvent>): AsyncGenerator<MediaEvent> {
    let [startMs, startTicks] = [performance.now(), NaN];
    for await (const event of events) {
      if (this.#stop.signal.aborted) return;
      if (event.kind !== "packet") {
        yield event;
        continue;
      }
      const { packet } = event;
      let lateMs = performance.now() - startMs - (packet.dtsTicks - startTicks) / TICKS_PER_MS;
      if (!(lateMs <= MAX_LATE_MS && lateMs > -MAX_STEP_MS)) {
        [startMs, startTicks, lateMs] = [performance.now(), packet.dtsTicks, 0];
      }
      if (lateMs < 0) await pause(-lateMs);
      while (this.isSilent && !this.#stop.signal.aborted) await pause(20);
      if (packet.kind === "video" && packet.keyframe) {
        this.#offsetTicks += this.#jumpTicks;
        this.#jumpTicks = 0;
      }
      const moved = {
        ...packet,
        ptsTicks: packet.ptsTicks + this.#offsetTicks,
        dtsTicks: packet.dtsTicks + this.#offsetTicks,
      };
      yield { ...event, packet: moved };
    }
  }

  async #next(): Promise<SegmentWriter> {
    const publisher = this.#publisher;
    if (publisher === undefined) return NOWHERE;
    try {
      const spoil = this.#spoils.shift();
      if (spoil?.kind === "garbage") {
        const bad = await publisher.next();
        await bad.write(spoil.bytes);
        await bad.close();
      }
      const writer = await publisher.next();
      return spoil === undefined || spoil.kind === "garbage" ? writer : spoiled(writer, spoil);
    } catch {
      return NOWHERE; // its channel was ended
    }
  }
}

/** What is fed while there is no channel. */
const NOWHERE: SegmentWriter = {
  seq: -1,
  write: () => Promise.resolve(),
  close: () => Promise.resolve(),
  abandon: () => Promise.resolve(),
};

function spoiled(
  writer: SegmentWriter,
  spoil: Exclude<Spoil, { readonly kind: "garbage" }>,
): SegmentWriter {
  let written = 0;
  return {
    seq: writer.seq,
    write: async (bytes) => {
      const at = written;
      written += bytes.length;
      if (spoil.kind === "truncated") {
        return await writer.write(bytes.subarray(0, Math.max(0, spoil.after - at)));
      }
      await writer.write(bytes.map((byte, i) => (at + i) % spoil.every === 0 ? byte ^ 0xa5 : byte));
    },
    close: () => writer.close(),
    abandon: (reason) => writer.abandon(reason),
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
