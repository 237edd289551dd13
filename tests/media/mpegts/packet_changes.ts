/** Packets as senders write them that do not keep to the rules. */

import { VIDEO_PID } from "./ts_layout.ts";

/** Whether a packet is of the video. */
export function isVideo(p: Uint8Array): boolean {
  return ((p[1]! & 0x1F) << 8 | p[2]!) === VIDEO_PID;
}
/** Whether a PES packet begins in it. */
export function startsPes(p: Uint8Array): boolean {
  return (p[1]! & 0x40) !== 0;
}
/** The packet with another continuity counter. */
export function withCounter(p: Uint8Array, c: number): Uint8Array {
  return p.with(3, p[3]! & 0xF0 | c & 15);
}
/** The packets of video with counters that follow each other. */
export function recount(packets: readonly Uint8Array[]): Uint8Array[] {
  let c = 0;
  return packets.map((p) => isVideo(p) ? withCounter(p, c++) : p);
}
/** A packet of video without payload. */
export function fieldOnly(counter: number): Uint8Array {
  const p = new Uint8Array(188).fill(0xFF);
  p.set([0x47, VIDEO_PID >> 8, VIDEO_PID & 255, 0x20 | counter, 183, 0]);
  return p;
}
/** A packet of video whose adaptation field leaves no room for its payload. */
export function emptyPayload(): Uint8Array {
  const p = new Uint8Array(188).fill(0xFF);
  p.set([0x47, VIDEO_PID >> 8, VIDEO_PID & 255, 0x30, 183, 0]);
  return p;
}
/** A null packet. */
export function nullPacket(counter: number): Uint8Array {
  const p = new Uint8Array(188).fill(0xFF);
  p.set([0x47, 0x1F, 0xFF, 0x10 | counter]);
  return p;
}
/** The packets with other lengths of their PES packets. */
export function withLengths(
  packets: readonly Uint8Array[],
  change: (n: number) => number,
): Uint8Array[] {
  return packets.map((p) => {
    if (!isVideo(p) || !startsPes(p)) return p;
    const at = (p[3]! & 0x20) !== 0 ? 5 + p[4]! : 4;
    const n = change(p[at + 4]! << 8 | p[at + 5]!);
    return p.with(at + 4, n >> 8).with(at + 5, n & 255);
  });
}
