import { TICKS_PER_SECOND } from "../../../base/rational.ts";
import {
  type AdtsHeader,
  AUDIO_FRAME_PARSERS,
  type AudioFrameHeader,
  type AudioFrameParser,
  type AudioFrameResult,
  findTrueHdSync,
  OPUS_SAMPLE_RATE,
  type ProgramConfig,
} from "../../bitstream/mod.ts";
import type { AudioCodec, AudioStreamInfo } from "../../types.ts";
import { aacFrameConfig } from "./aac_frame_config.ts";
import { TRUEHD_CORE_ID } from "../numbers.ts";
import { concatBytes, sameBytes } from "../../../base/bytes.ts";
import type { PesUnit } from "../pes/pes_assembler.ts";
import type { DemuxCounters } from "../stats.ts";
import type { AudioEntry } from "../tables/streams.ts";
import type { Track, TrackHost } from "./track.ts";

/** The most bytes kept for a frame that goes on in the next PES: above the largest frame. */
const MAX_KEPT_BYTES = 131_072;

/** So much of a stream without a single frame is something else than it is listed as. */
const MAX_UNRECOGNIZED = { bytes: 4_096, pesPackets: 8 } as const;

/** Frames in a row that are no accident in a stream of which nothing says that it is audio. */
const MIN_GUESSED_FRAMES = 4;

/** Looking for frames of any codec costs more than looking for those of one: it has an end. */
const MAX_RECOGNITION_BYTES = 262_144;

/** Codecs whose frames are told by their headers, in the order in which they are tried. */
const SELF_DESCRIBING: readonly AudioCodec[] = ["aac", "mp3", "ac3", "dts", "aac_latm"];

/** What frames begin with: of all codecs, so that many bytes are passed over quickly. */
const FIRST_BYTES: ReadonlySet<number> = new Set([0xFF, 0x0B, 0x7F, 0x64, 0x56]);

/** The head of a frame that goes on in the next PES. */
interface KeptBytes {
  readonly data: Uint8Array;
  /** The 33-bit time of that frame, if its PES has one. */
  readonly dts: number | undefined;
}

const NOTHING_KEPT: KeptBytes = { data: new Uint8Array(0), dts: undefined };

/**
 * Frames of coded audio. A PES may hold several: the first that begins in it has its time, the
 * others follow by their durations. A frame that is split over two PES packets is put together. Where
 * the program map names a codec that the frames are not of, theirs counts.
 */
export class AudioTrack implements Track {
  readonly #entry: AudioEntry;
  readonly #host: TrackHost;
  readonly #counters: DemuxCounters;
  #codec: AudioCodec;
  #parse: AudioFrameParser;
  #info: AudioStreamInfo;
  #header: AudioFrameHeader | undefined;
  #kept: KeptBytes = NOTHING_KEPT;
  #programConfig: ProgramConfig | undefined;
  #synced = false;
  #everSynced = false;
  #unrecognized = { bytes: 0, pesPackets: 0 };
  /** The time that the next frame's is counted from, and seconds since. */
  #anchorTicks: number | undefined;
  #sinceSeconds = 0;

  /** Creates a track; what its frames' headers say is not known yet. */
  constructor(entry: AudioEntry, options: { host: TrackHost; counters: DemuxCounters }) {
    this.#entry = entry;
    this.#host = options.host;
    this.#counters = options.counters;
    this.#codec = entry.codec;
    this.#parse = AUDIO_FRAME_PARSERS[entry.codec];
    const { codec, channels, extradata } = entry;
    const sampleRate = codec === "opus" ? OPUS_SAMPLE_RATE : 0;
    this.#info = { kind: "audio", codec, sampleRate, channels, extradata };
  }

  /** The stream as the latest frame describes it. */
  get info(): AudioStreamInfo {
    return this.#info;
  }

  /** Whether sample rate and channels are known. */
  get known(): boolean {
    return this.#info.sampleRate > 0;
  }

  /** Whether frames of other codecs than the listed one are looked for. */
  get #mayBeOther(): boolean {
    return !this.#everSynced && this.#unrecognized.bytes <= MAX_RECOGNITION_BYTES;
  }

  /** Whether there is data, and nothing in it is a frame. */
  get unrecognized(): boolean {
    const { bytes, pesPackets } = this.#unrecognized;
    return bytes >= MAX_UNRECOGNIZED.bytes && pesPackets >= MAX_UNRECOGNIZED.pesPackets;
  }

  /** Takes the next PES packet. */
  pes(unit: PesUnit): void {
    if (this.#codec === "truehd" && unit.extensionId === TRUEHD_CORE_ID) return;
    if (!this.#everSynced) this.#noteUnrecognized(unit.payload.length);
    const kept = this.#kept;
    const data = kept.data.length === 0 ? unit.payload : concatBytes([kept.data, unit.payload]);
    // A time belongs to the first frame that begins in its own PES, whole or not.
    const times = { kept: kept.dts, unit: unit.dts };
    this.#kept = NOTHING_KEPT;
    let at = 0;
    while (at < data.length) {
      const source = at < kept.data.length ? "kept" : "unit";
      if (this.#mayBeOther) this.#recognize(data, at);
      const frame = this.#parseAt(data, at);
      if (frame === "more" || frame !== "invalid" && at + frame.frameBytes > data.length) {
        this.#keep({ data: data.subarray(at), dts: times[source] });
        return;
      }
      if (frame === "invalid" || !this.#confirm(data, at, frame)) {
        at = this.#skip(data, at);
        continue;
      }
      if (frame.isAside === true) {
        at += frame.frameBytes;
        continue;
      }
      if (!this.#everSynced) this.#unrecognized = { bytes: 0, pesPackets: 0 };
      this.#synced = this.#everSynced = true;
      this.#anchor(times[source]);
      times[source] = undefined;
      this.#deliver(data.subarray(at + frame.payloadOffset, at + frame.frameBytes), frame);
      at += frame.frameBytes;
    }
  }

  /** What was kept does not go on. */
  lost(): void {
    this.#counters.audioSkippedBytes += this.#kept.data.length;
    this.#kept = NOTHING_KEPT;
    this.#synced = false;
  }

  /** A frame that is not whole at the end is dropped. */
  finish(): void {
    this.lost();
  }

  /** What looks like a frame anywhere is one only where the frame before ended. */
  #parseAt(data: Uint8Array, at: number): AudioFrameResult {
    const frame = this.#parse(data, at);
    if (frame === "more" || frame === "invalid") return frame;
    return frame.isUnmarked === true && !this.#synced ? "invalid" : frame;
  }

  #noteUnrecognized(bytes: number): void {
    const before = this.unrecognized;
    this.#unrecognized.bytes += bytes;
    this.#unrecognized.pesPackets++;
    if (this.unrecognized && !before) this.#host.changed();
  }

  /** Finds out the codec where it is not the listed one: by two frames in a row. */
  #recognize(data: Uint8Array, at: number): void {
    if (this.#entry.codec === "opus" || this.#parse(data, at) !== "invalid") return;
    for (const codec of SELF_DESCRIBING) {
      const parse = AUDIO_FRAME_PARSERS[codec];
      const frame = parse(data, at);
      if (frame === "more" || frame === "invalid") continue;
      const next = at + frame.frameBytes;
      if (next > data.length) continue;
      const following = next === data.length ? frame : parse(data, next);
      if (following === "more" || following === "invalid" || !alike(frame, following)) continue;
      this.#codec = codec;
      this.#parse = parse;
      return;
    }
  }

  #keep(rest: KeptBytes): void {
    if (rest.data.length <= MAX_KEPT_BYTES) this.#kept = rest;
    else this.#counters.audioSkippedBytes += rest.data.length;
  }

  #anchor(dts: number | undefined): void {
    if (dts === undefined) return;
    this.#anchorTicks = this.#host.advance("audio", dts);
    this.#sinceSeconds = 0;
  }

  /** Returns where the next frame may begin. */
  #skip(data: Uint8Array, at: number): number {
    if (this.#synced) this.#counters.audioResyncs++;
    this.#synced = false;
    let next = at + 1;
    if (this.#codec === "truehd") next = findTrueHdSync(data, next);
    else while (next < data.length && !FIRST_BYTES.has(data[next]!)) next++;
    this.#counters.audioSkippedBytes += next - at;
    return next;
  }

  /**
   * Whether this is a frame and no accident. One like the last that begins where the last ended is;
   * any other must end where the data ends or where one like it begins.
   */
  #confirm(data: Uint8Array, at: number, frame: AudioFrameHeader): boolean {
    if (frame.isAside === true) return true;
    if (this.#synced && this.#header !== undefined && alike(this.#header, frame)) return true;
    if (!this.#everSynced && this.#entry.isGuess === true) return this.#isRow(data, at);
    const next = at + frame.frameBytes;
    if (next === data.length) return true;
    const following = this.#parse(data, next);
    if (following === "more") return true;
    return following !== "invalid" && (following.isAside === true || alike(following, frame));
  }

  /**
   * Whether frames fill a PES packet, or so many of AAC follow each other that they are no accident: rows
   * of raw pictures may look like frames of other codecs.
   */
  #isRow(data: Uint8Array, from: number): boolean {
    let before: AudioFrameHeader | undefined;
    let at = from;
    for (let count = 0; count < MIN_GUESSED_FRAMES; count++) {
      if (at === data.length && from === 0) return true;
      const frame = this.#parse(data, at);
      if (frame === "more" || frame === "invalid") return false;
      if (before !== undefined && !alike(before, frame)) return false;
      before = frame;
      at += frame.frameBytes;
    }
    return this.#codec === "aac" && at <= data.length;
  }

  #deliver(data: Uint8Array, parsed: AudioFrameHeader): void {
    const before = this.#header;
    // Frames of LATM may leave their configuration to the one before.
    const frame = parsed.sampleRate === 0 ? before : parsed;
    if (this.#anchorTicks === undefined || frame === undefined) {
      this.#counters.untimed++;
      return;
    }
    if (before === undefined || !alike(before, frame) || isAacWithoutChannels(frame)) {
      this.#update(frame, data);
    }
    const ticks = this.#anchorTicks + Math.round(this.#sinceSeconds * TICKS_PER_SECOND);
    this.#sinceSeconds += frame.samples / frame.sampleRate;
    this.#host.packet({ kind: "audio", ptsTicks: ticks, dtsTicks: ticks, keyframe: true, data });
  }

  #update(frame: AudioFrameHeader, data: Uint8Array): void {
    const isSame = this.#header !== undefined && alike(this.#header, frame);
    this.#header = frame;
    const codec = frame.codec ?? this.#codec;
    if (codec === "opus") return;
    const { sampleRate } = frame;
    let { channels } = frame;
    let extradata = this.#entry.extradata;
    if (codec === "aac") {
      const config = aacFrameConfig(frame as AdtsHeader, data, this.#programConfig);
      // The element comes with each frame, or only now and then: it holds until there is another.
      if (isSame && config.programConfig === this.#programConfig) return;
      this.#programConfig = config.programConfig;
      channels = config.channels;
      extradata = config.extradata;
      if (isSame && sameBytes(extradata, this.#info.extradata)) return;
    }
    this.#info = { kind: "audio", codec, sampleRate, channels, extradata };
    this.#host.changed();
  }
}

/** Whether only a program config element can say what the channels are. */
function isAacWithoutChannels(frame: AudioFrameHeader): boolean {
  return "channelConfiguration" in frame && frame.channelConfiguration === 0;
}

function alike(a: AudioFrameHeader, b: AudioFrameHeader): boolean {
  if (a.codec !== b.codec) return false;
  if (a.sampleRate === 0 || b.sampleRate === 0) return true;
  return a.sampleRate === b.sampleRate && a.channels === b.channels;
}
