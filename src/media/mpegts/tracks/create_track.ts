import type { VideoCodec, VideoStreamInfo } from "../../types.ts";
import { PesAssembler } from "../pes/pes_assembler.ts";
import { PesReader } from "../pes/pes_reader.ts";
import type { AudioEntry } from "../tables/streams.ts";
import { AudioTrack } from "./audio_track.ts";
import type { DemuxCounters } from "../stats.ts";
import type { Track, TrackHost } from "./track.ts";
import { VideoTrack } from "./video_track.ts";
import { WholePesTrack } from "./whole_pes_track.ts";

const VIDEO_SLAB_BYTES = 512 * 1024;
const AUDIO_SLAB_BYTES = 32 * 1024;

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

/** A track of sound, and what puts its PES packets together. */
export interface SoundStream {
  readonly track: AudioTrack;
  readonly assembler: PesAssembler;
}

/** What a track needs. */
export interface TrackOptions {
  readonly host: TrackHost;
  readonly counters: DemuxCounters;
  /** Packets are missing. */
  readonly onLoss: () => void;
}

/** What {@linkcode createVideoTrack} needs. */
export interface PictureStreamOptions extends TrackOptions {
  /** Whether the program map says that each PES packet begins with an access unit. */
  readonly aligned: boolean;
}

/** The track that finds the frames of a sound stream. */
export function createAudioTrack(entry: AudioEntry, options: TrackOptions): SoundStream {
  return withAssembler(new AudioTrack(entry, options), options, AUDIO_SLAB_BYTES);
}

/** The track that finds the access units of a codec. */
export function createVideoTrack(codec: VideoCodec, options: PictureStreamOptions): PictureStream {
  switch (codec) {
    case "dirac":
    case "av1":
    case "jpeg2000":
      return withAssembler(new WholePesTrack(codec, options), options, VIDEO_SLAB_BYTES);
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

function withAssembler<T extends Track>(
  track: T,
  { counters, onLoss }: TrackOptions,
  slabBytes: number,
): { readonly track: T; readonly assembler: PesAssembler } {
  const assembler = new PesAssembler({
    counters,
    slabBytes,
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
