/**
 * The NUT container: how packets and raw frames go into ffmpeg and come out of it, with exact
 * timestamps in any time base and nothing that delays a frame. {@linkcode NutMuxer} turns packets
 * into chunks of bytes; {@linkcode NutDemuxer} turns chunks of bytes into streams and packets.
 *
 * @module
 */

export * from "./demuxer.ts";
export type {
  NutAudioStream,
  NutOtherStream,
  NutStream,
  NutStreamInfo,
  NutVideoStream,
} from "./headers.ts";
export * from "./muxer.ts";
export type { NutAudioFormat, NutVideoFormat } from "./tables.ts";
