/**
 * Bit streams of the codecs: what containers must know of a coded picture or an audio frame to
 * carry it. Bytes in, small records out: all of it checks its bounds and decodes nothing.
 *
 * @module
 */

export * from "./aac_config.ts";
export * from "./ac3.ts";
export * from "./access_units/access_unit.ts";
export * from "./access_units/access_unit_parser.ts";
export * from "./access_units/byte_window.ts";
export { isPlainVideo, type StartCodeCodec } from "./access_units/create_picture_reader.ts";
export * from "./adts.ts";
export * from "./annexb.ts";
export * from "./audio_frame.ts";
export * from "./audio_frame_parsers.ts";
export * from "./av1.ts";
export * from "./bit_reader.ts";
export * from "./bit_writer.ts";
export { ByteCursor } from "../../base/byte_cursor.ts";
export * from "./dts.ts";
export * from "./h264.ts";
export * from "./hevc.ts";
export * from "./jpeg2000.ts";
export * from "./latm.ts";
export * from "./mpeg2_video.ts";
export * from "./mpeg_audio.ts";
export * from "./opus.ts";
export * from "./opus_ts.ts";
export * from "./pcm_frames.ts";
export * from "./parameter_set_store.ts";
export * from "./program_config.ts";
export * from "./truehd.ts";
export type { CodedPicture } from "./access_units/picture_reader.ts";
export * from "./vui.ts";
