/**
 * Cuts one PES packet into transport packets.
 *
 * Spec: ISO/IEC 13818-1 sections 2.4.3.2 (transport packet) and 2.4.3.4 (adaptation field).
 */

import { ADAPTATION, PCR_BYTES } from "../packets/adaptation.ts";
import { SYNC_BYTE, TS_HEADER_BYTES, TS_PACKET_BYTES, TS_PAYLOAD_BYTES } from "../numbers.ts";

/** Bytes of an adaptation field in front of its PCR: length and flags. */
const FIELD_HEAD_BYTES = 2;

/** What the packets of one PES packet carry beside it. */
export interface PacketizeOptions {
  readonly pid: number;
  /** 90 kHz part of the program clock in the first packet; undefined for none. */
  readonly pcrBase: number | undefined;
  readonly randomAccess: boolean;
  /** Whether the clock does not go on from the one before. It needs `pcrBase`. @default it does */
  readonly jumps?: boolean;
  /** Continuity counter of the first packet. */
  readonly continuity: number;
}

/** How the bytes of a PES packet spread over transport packets. */
export interface PacketPlan {
  readonly packets: number;
  /** Bytes of PES header stuffing that keep the last packet from being full. */
  readonly pesStuffing: number;
}

/**
 * Plans the packets for `pesBytes`. The last packet always has room left, so that it is stuffed and
 * a demuxer sees the end of a PES packet without a length; one stuffing byte in the PES header
 * gives that room where all would fit exactly.
 */
export function planPackets(pesBytes: number, options: PacketizeOptions): PacketPlan {
  const total = fieldBytesOf(options) + pesBytes;
  const pesStuffing = total % TS_PAYLOAD_BYTES === 0 ? 1 : 0;
  const packets = Math.ceil((total + pesStuffing) / TS_PAYLOAD_BYTES);
  return { packets, pesStuffing };
}

/**
 * Moves the PES packet at the end of `target` into transport packets that fill `target`: in order,
 * each piece towards the front, so that no second buffer is needed.
 */
export function packetize(
  target: Uint8Array,
  pesAt: number,
  options: PacketizeOptions,
): void {
  const packets = target.length / TS_PACKET_BYTES;
  let from = pesAt;
  for (let index = 0; index < packets; index++) {
    const at = index * TS_PACKET_BYTES;
    const field = index === 0 ? options : undefined;
    const used = field === undefined ? 0 : fieldBytesOf(field);
    const bytes = Math.min(TS_PAYLOAD_BYTES - used, target.length - from);
    const payloadAt = at + TS_PACKET_BYTES - bytes;
    target.copyWithin(payloadAt, from, from + bytes);
    from += bytes;
    const fieldBytes = TS_PAYLOAD_BYTES - bytes;
    target[at] = SYNC_BYTE;
    target[at + 1] = (index === 0 ? 0x40 : 0) | options.pid >> 8;
    target[at + 2] = options.pid & 0xFF;
    target[at + 3] = (fieldBytes > 0 ? 0x30 : 0x10) | options.continuity + index & 15;
    if (fieldBytes > 0) writeField(target, { at: at + TS_HEADER_BYTES, fieldBytes, field });
  }
}

/** Writes a packet without payload that carries the program clock. Its counter is that of the packet before. */
export function writeClockPacket(
  target: Uint8Array,
  clock: { pid: number; pcrBase: number; continuity: number; jumps: boolean },
): void {
  const { pid, continuity } = clock;
  target[0] = SYNC_BYTE;
  target[1] = pid >> 8;
  target[2] = pid & 0xFF;
  target[3] = 0x20 | continuity;
  const field = { ...clock, randomAccess: false };
  writeField(target, { at: TS_HEADER_BYTES, fieldBytes: TS_PAYLOAD_BYTES, field });
}

/** Bytes that the first packet's adaptation field needs, its length byte included; 0 for none. */
function fieldBytesOf(options: PacketizeOptions): number {
  if (options.pcrBase !== undefined) return FIELD_HEAD_BYTES + PCR_BYTES;
  return options.randomAccess ? FIELD_HEAD_BYTES : 0;
}

function writeField(
  target: Uint8Array,
  place: { at: number; fieldBytes: number; field: PacketizeOptions | undefined },
): void {
  const { at, fieldBytes, field } = place;
  target[at] = fieldBytes - 1;
  if (fieldBytes === 1) return;
  const hasPcr = field?.pcrBase !== undefined;
  target[at + 1] = (field?.randomAccess === true ? ADAPTATION.RANDOM_ACCESS : 0) |
    (field?.jumps === true ? ADAPTATION.DISCONTINUITY : 0) |
    (hasPcr ? ADAPTATION.PCR : 0);
  if (field?.pcrBase !== undefined) writePcr(target, at + FIELD_HEAD_BYTES, field.pcrBase);
  target.fill(0xFF, at + FIELD_HEAD_BYTES + (hasPcr ? PCR_BYTES : 0), at + fieldBytes);
}

/** Writes `program_clock_reference_base` and an extension of 0. */
function writePcr(target: Uint8Array, at: number, base: number): void {
  const high = Math.floor(base / 2);
  target[at] = high >>> 24;
  target[at + 1] = high >>> 16 & 0xFF;
  target[at + 2] = high >>> 8 & 0xFF;
  target[at + 3] = high & 0xFF;
  target[at + 4] = base % 2 << 7 | 0x7E;
  target[at + 5] = 0;
}
