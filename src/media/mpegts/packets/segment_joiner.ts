/** Packets of a stream that comes in segments, which may be cut in the middle of a packet. */

import { concatBytes } from "../../../base/bytes.ts";
import { SYNC_BYTE } from "../numbers.ts";
import { PacketAligner, type PacketSink } from "./packet_aligner.ts";

const NO_BYTES = new Uint8Array(0);

/** Sync bytes that tell whether a segment begins with a packet. */
const SYNCS_COMPARED = 3;

/**
 * Cuts segments into packets. A packet that a segment breaks off in is put together where the next one
 * goes on with it.
 */
export class SegmentJoiner {
  readonly #aligner: PacketAligner;
  /** Bytes of a segment of which it is not known yet whether it begins with a packet. */
  #head: Uint8Array | undefined;

  /** Creates a joiner in front of a stream or segment. */
  constructor(sink: PacketSink) {
    this.#aligner = new PacketAligner(sink);
  }

  /** How often a sync byte was not where it should be. */
  get resyncs(): number {
    return this.#aligner.resyncs;
  }

  /** Bytes passed over in search of a packet. */
  get skippedBytes(): number {
    return this.#aligner.skippedBytes;
  }

  /** Takes the next bytes. The chunk is not kept. */
  push(chunk: Uint8Array): void {
    if (this.#head === undefined) return this.#aligner.push(chunk);
    const head = concatBytes([this.#head, chunk]);
    const joins = this.#aligner.missingBytes === 0 ? false : goesOn(head, this.#aligner);
    this.#head = joins === undefined ? head : undefined;
    if (joins === undefined) return;
    if (!joins) this.#aligner.flush();
    this.#aligner.push(head);
  }

  /** The next segment begins, without a gap. */
  nextSegment(): void {
    this.#endHead();
    this.#head = NO_BYTES;
  }

  /** The stream ends: hands on the packets that were too near to the end to be sure of. */
  flush(): void {
    this.#endHead();
    this.#aligner.flush();
  }

  /** Forgets what is incomplete; the next chunk begins as a file does. */
  reset(): void {
    this.#aligner.reset();
    this.#head = undefined;
  }

  /** There are no more bytes to tell by: what ends with a packet tells how it began. */
  #endHead(): void {
    const head = this.#head;
    this.#head = undefined;
    if (head === undefined || head.length === 0) return;
    const { missingBytes, strideBytes } = this.#aligner;
    if (head.length % strideBytes !== missingBytes) this.#aligner.flush();
    this.#aligner.push(head);
  }
}

/**
 * Whether a segment goes on with the packet that the one before broke off in, which has bytes to come,
 * rather than with a packet of its own; undefined while there are too few bytes to tell.
 */
function goesOn(
  head: Uint8Array,
  { missingBytes, strideBytes, leadBytes }: PacketAligner,
): boolean | undefined {
  for (let packet = 0; packet < SYNCS_COMPARED; packet++) {
    const at = packet * strideBytes;
    if (at + Math.max(missingBytes, leadBytes) >= head.length) return undefined;
    const joins = head[at + missingBytes] === SYNC_BYTE;
    if (joins !== (head[at + leadBytes] === SYNC_BYTE)) return joins;
  }
  return false;
}
