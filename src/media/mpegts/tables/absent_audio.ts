/** Audio streams that come in place of one that is listed before them and does not. */

import { TS_PACKET_BYTES } from "../numbers.ts";
import type { AudioEntry } from "./streams.ts";

/** So many PES packets of another stream come before the first one is given up. */
const MIN_PES_PACKETS = 3;
/** Or so many packets. */
const MAX_PACKETS = 512;

interface Candidate {
  readonly entry: AudioEntry;
  readonly packets: Uint8Array[];
  pesPackets: number;
}

/** A stream that came, and its packets so far. */
export interface PresentAudio {
  readonly entry: AudioEntry;
  readonly packets: readonly Uint8Array[];
}

/** Watches the further audio streams of a program until the first one comes. */
export class AbsentAudio {
  readonly #candidates: Map<number, Candidate>;

  /** Creates a watch over these streams, which are listed behind the one that is read. */
  constructor(entries: readonly AudioEntry[]) {
    this.#candidates = new Map(
      entries.map((entry) => [entry.pid, { entry, packets: [], pesPackets: 0 }]),
    );
  }

  /** Whether a PID is of one of them. */
  has(pid: number): boolean {
    return this.#candidates.has(pid);
  }

  /** Takes the packet at `at` of `data`, which is copied. Returns the stream to read from now on. */
  packet(pid: number, data: Uint8Array, at: number): PresentAudio | undefined {
    const candidate = this.#candidates.get(pid);
    if (candidate === undefined) return undefined;
    if ((data[at + 1]! & 0x40) !== 0) candidate.pesPackets++;
    candidate.packets.push(data.slice(at, at + TS_PACKET_BYTES));
    const { entry, packets, pesPackets } = candidate;
    return pesPackets > MIN_PES_PACKETS || packets.length >= MAX_PACKETS
      ? { entry, packets }
      : undefined;
  }
}
