import {
  type AdtsHeader,
  AUDIO_FRAME_PARSERS,
  type AudioFrameHeader,
  type AudioFrameParser,
  writeAacConfig,
} from "../bitstream/mod.ts";
import type { AudioStreamInfo } from "../types.ts";
import { concatBytes } from "./bytes.ts";
import type { PesUnit } from "./pes_assembler.ts";
import type { DemuxCounters } from "./stats.ts";
import type { AudioEntry } from "./streams.ts";
import type { Track, TrackHost } from "./track.ts";

const TICKS_PER_SECOND = 90_000;

/** The most bytes kept for a frame that goes on in the next PES: above the largest frame. */
const MAX_KEPT_BYTES = 131_072;

/** The head of a frame that goes on in the next PES. */
interface KeptBytes {
  readonly data: Uint8Array;
  /** The 33-bit time of that frame, if its PES has one. */
  readonly dts: number | undefined;
}

const NOTHING_KEPT: KeptBytes = { data: new Uint8Array(0), dts: undefined };

/**
 * Frames of coded audio. A PES may hold several: the first that begins in it has its time, the
 * others follow by their durations. A frame that is split over two PES packets is put together.
 */
export class AudioTrack implements Track {
  readonly #entry: AudioEntry;
  readonly #host: TrackHost;
  readonly #counters: DemuxCounters;
  readonly #parse: AudioFrameParser;
  #info: AudioStreamInfo;
  #header: AudioFrameHeader | undefined;
  #kept: KeptBytes = NOTHING_KEPT;
  #synced = false;
  /** The time that the next frame's is counted from, and seconds since. */
  #anchorTicks: number | undefined;
  #sinceSeconds = 0;

  /** Creates a track; what its frames' headers say is not known yet. */
  constructor(entry: AudioEntry, options: { host: TrackHost; counters: DemuxCounters }) {
    this.#entry = entry;
    this.#host = options.host;
    this.#counters = options.counters;
    this.#parse = AUDIO_FRAME_PARSERS[entry.codec];
    const { codec, channels, extradata } = entry;
    const sampleRate = codec === "opus" ? 48_000 : 0;
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

  /** Takes the next PES packet. */
  pes(unit: PesUnit): void {
    const kept = this.#kept;
    const data = kept.data.length === 0 ? unit.payload : concatBytes(kept.data, unit.payload);
    // A time belongs to the first frame that begins in its own PES, whole or not.
    const times = { kept: kept.dts, unit: unit.dts };
    this.#kept = NOTHING_KEPT;
    let at = 0;
    while (at < data.length) {
      const source = at < kept.data.length ? "kept" : "unit";
      const frame = this.#parse(data, at);
      if (frame === "more" || frame !== "invalid" && at + frame.frameBytes > data.length) {
        this.#keep({ data: data.subarray(at), dts: times[source] });
        return;
      }
      if (frame === "invalid" || !this.#confirm(data, at, frame)) {
        at = this.#skip(at);
        continue;
      }
      this.#synced = true;
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

  #keep(rest: KeptBytes): void {
    if (rest.data.length <= MAX_KEPT_BYTES) this.#kept = rest;
    else this.#counters.audioSkippedBytes += rest.data.length;
  }

  #anchor(dts: number | undefined): void {
    if (dts === undefined) return;
    this.#anchorTicks = this.#host.advance("audio", dts);
    this.#sinceSeconds = 0;
  }

  #skip(at: number): number {
    if (this.#synced) this.#counters.audioResyncs++;
    this.#synced = false;
    this.#counters.audioSkippedBytes++;
    return at + 1;
  }

  /**
   * Whether this is a frame and no accident. One like the last that begins where the last ended is;
   * any other must end where the data ends or where one like it begins.
   */
  #confirm(data: Uint8Array, at: number, frame: AudioFrameHeader): boolean {
    if (this.#synced && this.#header !== undefined && alike(this.#header, frame)) return true;
    const next = at + frame.frameBytes;
    if (next === data.length) return true;
    const following = this.#parse(data, next);
    return following === "more" || following !== "invalid" && alike(following, frame);
  }

  #deliver(data: Uint8Array, frame: AudioFrameHeader): void {
    if (this.#anchorTicks === undefined) {
      this.#counters.untimed++;
      return;
    }
    if (this.#header === undefined || !alike(this.#header, frame)) this.#update(frame);
    const ticks = this.#anchorTicks + Math.round(this.#sinceSeconds * TICKS_PER_SECOND);
    this.#sinceSeconds += frame.samples / frame.sampleRate;
    this.#host.packet({ kind: "audio", ptsTicks: ticks, dtsTicks: ticks, keyframe: true, data });
  }

  #update(frame: AudioFrameHeader): void {
    this.#header = frame;
    const { codec } = this.#entry;
    if (codec === "opus") return;
    const { sampleRate, channels } = frame;
    const extradata = codec === "aac" ? writeAacConfig(frame as AdtsHeader) : this.#entry.extradata;
    this.#info = { kind: "audio", codec, sampleRate, channels, extradata };
    this.#host.changed();
  }
}

function alike(a: AudioFrameHeader, b: AudioFrameHeader): boolean {
  return a.sampleRate === b.sampleRate && a.channels === b.channels;
}
