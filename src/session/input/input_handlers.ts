/** What is told of an input that is read. */

import type { AudioFrame, VideoFrame } from "../../frames/mod.ts";
import type { AudioStreamInfo, Packet, VideoStreamInfo } from "../../media/types.ts";
import type { Stage } from "../types.ts";

/** The streams of the input that can be used. */
export interface InputStreams {
  /** Of 0x0 pixels while it is listed and has not come. */
  readonly video: VideoStreamInfo | undefined;
  readonly audio: AudioStreamInfo | undefined;
}

/** Takes what a `MediaInput` reads, in order. Each promise holds the input back. */
export interface InputHandlers {
  /** The first segment begins. */
  onFirstSegment(): void;
  /** The video is or becomes this: before its first frame, also while audio is waited for. */
  onVideoStream(video: VideoStreamInfo): void;
  /** All that the input holds, once it is known, and again when it changes. */
  onStreams(streams: InputStreams): Promise<void>;
  /** A decoded frame; the handler closes it. */
  onVideo(frame: VideoFrame): Promise<void>;
  /** An access unit of audio. */
  onAudio(packet: Packet): Promise<void>;
  /** Sound that is decoded already. @default dropped */
  onAudioFrame?(frame: AudioFrame): Promise<void>;
  /** Something that is wrong with the input; reading goes on. */
  onError(error: Error, stage: Stage): void;
}
