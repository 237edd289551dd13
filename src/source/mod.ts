/**
 * Where media comes from when no session gives it: a test picture with beeps, files, cameras and
 * streams that ffmpeg opens. All of them are {@linkcode MediaEvent}s, the same that a demuxer
 * gives, and flow on through {@linkcode looped} and {@linkcode paced} into
 * {@linkcode writeSegments}.
 *
 * @module
 */

export { type MediaFile, type MediaFileOptions, openMediaFile } from "./file_source.ts";
export { inputPath } from "./input_address.ts";
export * from "./looped.ts";
export type { MediaEvent } from "./media_event.ts";
export * from "./pacing.ts";
export type { MediaFileInfo, StreamPlan } from "./probe.ts";
export * from "./segmenter.ts";
export * from "./test_pattern.ts";
export * from "./test_source.ts";
export * from "./test_pattern.ts";
