import { TS_PACKET_BYTES } from "../numbers.ts";

/** `section_length` of PAT and PMT is at most 1,021, behind 3 bytes. */
const MAX_SECTION_BYTES = 1024;
const SECTION_HEADER_BYTES = 3;
const STUFFING = 0xFF;

/**
 * Collects the sections of one PID from packet payloads (ISO/IEC 13818-1 section 2.4.4). The view
 * that it hands out is overwritten by the next section.
 */
export class SectionAssembler {
  readonly #onSection: (section: Uint8Array) => void;
  readonly #buffer = new Uint8Array(MAX_SECTION_BYTES);
  #length = 0;
  #open = false;

  /** Creates an assembler that calls `onSection` with each whole section. */
  constructor(onSection: (section: Uint8Array) => void) {
    this.#onSection = onSection;
  }

  /** Takes the payload of one packet: from `start` to the end of the packet at `packetAt`. */
  push(data: Uint8Array, start: number, packet: { at: number; unitStart: boolean }): void {
    const end = packet.at + TS_PACKET_BYTES;
    if (start >= end) return;
    let at = start;
    if (packet.unitStart) {
      const pointer = data[at++]!;
      if (this.#open) this.#append(data, at, Math.min(at + pointer, end));
      this.#open = true;
      this.#length = 0;
      at += pointer;
    }
    while (this.#open && at < end) {
      if (this.#length === 0 && data[at] === STUFFING) {
        this.#open = false;
        return;
      }
      at = this.#append(data, at, end);
    }
  }

  /** Forgets what is incomplete. */
  reset(): void {
    this.#open = false;
    this.#length = 0;
  }

  /** Appends up to the end of the section; returns where the rest begins. */
  #append(data: Uint8Array, from: number, end: number): number {
    let at = from;
    while (at < end) {
      const wanted = this.#wantedBytes();
      if (wanted > MAX_SECTION_BYTES) {
        this.reset();
        return end;
      }
      const taken = Math.min(wanted - this.#length, end - at);
      this.#buffer.set(data.subarray(at, at + taken), this.#length);
      at += taken;
      this.#length += taken;
      if (this.#length < SECTION_HEADER_BYTES || this.#length < this.#wantedBytes()) continue;
      const size = this.#length;
      this.#length = 0;
      this.#onSection(this.#buffer.subarray(0, size));
      return at;
    }
    return at;
  }

  /** Bytes of the section as far as it says, or else of its header. */
  #wantedBytes(): number {
    if (this.#length < SECTION_HEADER_BYTES) return SECTION_HEADER_BYTES;
    return SECTION_HEADER_BYTES + ((this.#buffer[1]! & 0x0F) << 8 | this.#buffer[2]!);
  }
}
