/**
 * MPEG transport streams: bytes of trickle segments in, access units out, and the way back. Damage
 * in the input is counted and passed over; no frame is held back longer than its own last byte.
 *
 * @module
 */

export * from "./demuxer.ts";
export * from "./events.ts";
export { canMuxAudio } from "./writing/framing.ts";
export * from "./writing/muxer.ts";
export type { DemuxStats } from "./stats.ts";
export type { UnsupportedStream } from "./tables/streams.ts";
