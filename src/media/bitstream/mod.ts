/**
 * Bit streams of the codecs: what containers must know of a coded picture or an audio frame to
 * carry it. Bytes in, small records out: all of it checks its bounds and decodes nothing.
 *
 * @module
 */

export * from "./audio/aac_config.ts";
export * from "./audio/ac3.ts";
export * from "./access_units/access_unit.ts";
export * from "./access_units/access_unit_parser.ts";
export * from "./access_units/byte_window.ts";
export { isPlainVideo, type StartCodeCodec } from "./access_units/create_picture_reader.ts";
export * from "./audio/adts.ts";
export * from "./video/annexb.ts";
export * from "./audio/audio_frame.ts";
export * from "./audio/audio_frame_parsers.ts";
export * from "./video/av1.ts";
export * from "./bit_reader.ts";
export * from "./bit_writer.ts";
export { ByteCursor } from "../../base/byte_cursor.ts";
export * from "./audio/dts.ts";
export * from "./video/h264.ts";
export * from "./video/hevc.ts";
export * from "./video/jpeg2000.ts";
export * from "./audio/latm.ts";
export * from "./video/mpeg2_video.ts";
export * from "./audio/mpeg_audio.ts";
export * from "./audio/opus.ts";
export * from "./audio/opus_ts.ts";
export * from "./audio/pcm_frames.ts";
export * from "./video/parameter_set_store.ts";
export * from "./audio/program_config.ts";
export * from "./audio/truehd.ts";
export type { CodedPicture } from "./access_units/picture_reader.ts";
export * from "./video/vui.ts";
