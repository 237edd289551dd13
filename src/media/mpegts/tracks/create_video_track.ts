import type { VideoCodec, VideoStreamInfo } from "../../types.ts";
import { PesAssembler } from "../pes/pes_assembler.ts";
import { PesReader } from "../pes/pes_reader.ts";
import type { DemuxCounters } from "../stats.ts";
import type { Track, TrackHost } from "./track.ts";
import { VideoTrack } from "./video_track.ts";
import { WholePesTrack } from "./whole_pes_track.ts";

const SLAB_BYTES = 512 * 1024;

/** Pictures of one elementary stream. */
export interface PictureTrack {
  /** The stream as the latest headers describe it. */
  readonly info: VideoStreamInfo;
  /** Whether all is known that the stream will say. */
  readonly known: boolean;
  /** What is incomplete does not go on. */
  lost(): void;
  /** The stream ends: hands on what was kept. */
  finish(): void;
  /** PES packets end with access units: the muxer is known for it. */
  vouchForEnds?(): void;
}

/** A track, and what puts its PES packets together. */
export interface PictureStream {
  readonly track: PictureTrack;
  readonly assembler: PesAssembler | PesReader;
}

/** What {@linkcode createVideoTrack} needs. */
export interface PictureStreamOptions {
  readonly host: TrackHost;
  readonly counters: DemuxCounters;
  /** Whether the program map says that each PES packet begins with an access unit. */
  readonly aligned: boolean;
  /** Packets are missing. */
  readonly onLoss: () => void;
}

/** The track that finds the access units of a codec. */
export function createVideoTrack(codec: VideoCodec, options: PictureStreamOptions): PictureStream {
  switch (codec) {
    case "dirac":
    case "av1":
      return withAssembler(new WholePesTrack(codec, options), options);
    default:
      return withReader(new VideoTrack(codec, options), options);
  }
}

function withReader(track: VideoTrack, { counters, onLoss }: PictureStreamOptions): PictureStream {
  const assembler = new PesReader({
    counters,
    sink: {
      begin: (stamp) => track.begin(stamp),
      payload: (data, from, to) => track.payload(data, from, to),
      end: (kind) => track.end(kind),
      endsWith: (data, from, to) => track.endsWith(data, from, to),
      lost: () => {
        track.lost();
        onLoss();
      },
    },
  });
  return { track, assembler };
}

function withAssembler(
  track: PictureTrack & Track,
  { counters, onLoss }: PictureStreamOptions,
): PictureStream {
  const assembler = new PesAssembler({
    counters,
    slabBytes: SLAB_BYTES,
    sink: {
      pes: (unit) => track.pes(unit),
      lost: () => {
        track.lost();
        onLoss();
      },
    },
  });
  return { track, assembler };
}
