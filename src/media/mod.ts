/**
 * Media for library users: packets and streams, the MPEG-TS and NUT containers, and ffmpeg as a codec
 * engine. Packets flow from a demuxer to a decoder, and from an encoder to a muxer.
 *
 * @module
 */

export * from "./codec/mod.ts";
export * from "./mpegts/mod.ts";
export * from "./nut/mod.ts";
export * from "./types.ts";
