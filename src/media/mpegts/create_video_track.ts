import type { VideoCodec, VideoStreamInfo } from "../types.ts";
import { StartCodeTrack } from "./start_code_track.ts";
import type { DemuxCounters } from "./stats.ts";
import type { Track, TrackHost } from "./track.ts";
import { VideoTrack } from "./video_track.ts";
import { WholePesTrack } from "./whole_pes_track.ts";

/** Pictures of one elementary stream. */
export interface PictureTrack extends Track {
  /** The stream as the latest headers describe it. */
  readonly info: VideoStreamInfo;
  /** Whether all is known that the stream will say. */
  readonly known: boolean;
}

/** The track that finds the access units of a codec. */
export function createVideoTrack(
  codec: VideoCodec,
  options: { readonly host: TrackHost; readonly counters: DemuxCounters },
): PictureTrack {
  switch (codec) {
    case "h264":
    case "hevc":
      return new VideoTrack(codec, options);
    case "mpeg2video":
    case "mpeg4":
    case "vc1":
    case "cavs":
      return new StartCodeTrack(codec, options);
    case "dirac":
    case "av1":
      return new WholePesTrack(codec, options);
  }
}
