/** Which reader takes the pictures of which codec. */

import type { PlainVideoCodec, VideoCodec } from "../../types.ts";
import { H264PictureReader } from "./h264_picture.ts";
import { HevcPictureReader } from "./hevc_picture.ts";
import { Mpeg2PictureReader } from "./mpeg2_picture.ts";
import type { PictureReader } from "./picture_reader.ts";
import {
  AVS_START_CODES,
  MPEG4_START_CODES,
  StartCodePictureReader,
  VC1_START_CODES,
} from "./start_code_picture.ts";

/** Codecs whose access units are found by start codes. */
export type StartCodeCodec = Exclude<VideoCodec, "dirac" | "av1" | "jpeg2000">;

/** Creates the reader of a codec. */
export function createPictureReader(codec: StartCodeCodec): PictureReader {
  switch (codec) {
    case "h264":
      return new H264PictureReader();
    case "hevc":
      return new HevcPictureReader();
    case "mpeg2video":
      return new Mpeg2PictureReader();
    case "mpeg4":
      return new StartCodePictureReader(MPEG4_START_CODES);
    case "vc1":
      return new StartCodePictureReader(VC1_START_CODES);
    case "cavs":
      return new StartCodePictureReader(AVS_START_CODES);
  }
}

/** Whether only the decoder says how large the pictures of a codec are. */
export function isPlainVideo(codec: VideoCodec): codec is PlainVideoCodec {
  return codec !== "h264" && codec !== "hevc" && codec !== "mpeg2video";
}
