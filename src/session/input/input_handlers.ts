/** What is told of an input that is read. */

import type { AudioFrame, VideoFrame } from "../../frames/mod.ts";
import type {
  AudioStreamInfo,
  Packet,
  PictureInfo,
  VideoCodec,
  VideoStreamInfo,
} from "../../media/types.ts";
import type { Stage } from "../types.ts";

/** The streams of the input that can be used. */
export interface InputStreams {
  /** Of 0x0 pixels while it is listed and has not come. */
  readonly video: VideoStreamInfo | undefined;
  readonly audio: AudioStreamInfo | undefined;
}

/** What the pictures of an input are. */
export interface VideoDescription extends PictureInfo {
  /** Undefined for frames of the application, which were never encoded. */
  readonly codec?: VideoCodec;
}

/** How an access unit of video is decoded. */
export type PacketFate =
  /** Reading goes on when the decoder has it. */
  | "awaited"
  /** Reading goes on at once: its picture is out already. */
  | "beside"
  /** It needs not be decoded: its picture is out, and nobody looks at it. */
  | "done"
  /** It is not decoded. */
  | "lost";

/** Takes what a `MediaInput` reads, in order. Each promise holds the input back. */
export interface InputHandlers {
  /** The first segment begins. */
  onFirstSegment(): void;
  /**
   * The video is or becomes this: before its first frame, also while audio is waited for. The colour is
   * that of the frames; `mapsTones` says that it is mapped to BT.709.
   */
  onVideoStream(video: VideoDescription, meaning: { readonly mapsTones: boolean }): void;
  /** All that the input holds, once it is known, and again when it changes. */
  onStreams(streams: InputStreams): Promise<void>;
  /**
   * An access unit of video, in decoding order, before it is decoded; `isLost`: it cannot be, since
   * something is missing before it. Says what is to become of it. @default "awaited"
   */
  onVideoPacket?(packet: Packet, state: { readonly isLost: boolean }): Promise<PacketFate>;
  /** A decoded frame; the handler closes it. */
  onVideo(frame: VideoFrame): Promise<void>;
  /** An access unit of audio. */
  onAudio(packet: Packet): Promise<void>;
  /** Sound that is decoded already. @default dropped */
  onAudioFrame?(frame: AudioFrame): Promise<void>;
  /** Something that is wrong with the input; reading goes on. */
  onError(error: Error, stage: Stage): void;
}
