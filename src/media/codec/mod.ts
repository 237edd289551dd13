/**
 * ffmpeg as a codec engine: one child process for each elementary stream and direction, and nothing
 * but packets, pictures and samples in and out. Containers, clocks and synchronisation are ours;
 * ffmpeg only codes. {@linkcode VideoDecoder} and {@linkcode AudioDecoder} take packets, {@linkcode
 * VideoEncoder} and {@linkcode AudioEncoder} give them, {@linkcode AudioTranscoder} does both;
 * timestamps come out exactly as they went in.
 *
 * @module
 */

export * from "./audio_decoder.ts";
export * from "./audio_encoder.ts";
export { type AudioOutputOptions, audioOutputRecipe, outputSettings } from "./audio_output.ts";
export * from "./audio_transcoder.ts";
export * from "./capabilities.ts";
export * from "./change_budget.ts";
export { type Hardware, MAX_VIDEO_PIXELS } from "./arguments.ts";
export {
  type ChildExit,
  FfmpegChild,
  type FfmpegChildOptions,
  type FfmpegOptions,
  ffmpegProgram,
  runningFfmpegPids,
  type Spawn,
} from "./child.ts";
export type { ChildRecipe, CodecChild } from "./codec_child.ts";
export { endFfmpeg, ffmpegBelow, type RunningFfmpeg } from "./ffmpeg_tree.ts";
export type { CoderOptions } from "./codec_engine.ts";
export type { WatchOptions } from "./codec_run.ts";
export {
  activityOf,
  type ProcessActivity,
  processTree,
  takeWantedPids,
  tellActivities,
} from "./proc.ts";
export type { PictureShape } from "./picture.ts";
export { RestartBudget, type RestartBudgetOptions } from "./restart_budget.ts";
export { findToneMapping, type ToneMapping } from "./tone_map.ts";
export type { TransportKind } from "./transport.ts";
export * from "./video_coding.ts";
export * from "./video_decoder.ts";
export * from "./video_encoder.ts";
export * from "./warm_set.ts";
