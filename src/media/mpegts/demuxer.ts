/**
 * The MPEG-TS demuxer.
 *
 * Spec: ISO/IEC 13818-1 section 2.4.
 */

import type { Packet } from "../types.ts";
import type { TsEvent } from "./events.ts";
import { signalsDiscontinuity } from "./packets/adaptation.ts";
import { SegmentJoiner } from "./packets/segment_joiner.ts";
import type { PesAssembler } from "./pes/pes_assembler.ts";
import type { PesReader } from "./pes/pes_reader.ts";
import { createCounters, type DemuxCounters, type DemuxStats } from "./stats.ts";
import { AbsentAudio } from "./tables/absent_audio.ts";
import { NO_GUESS, ProgramGuess } from "./tables/program_guess.ts";
import { ProgramReader } from "./tables/program_reader.ts";
import type { SelectedProgram } from "./tables/program_table.ts";
import type { Pmt } from "./tables/psi.ts";
import {
  type AudioEntry,
  chooseStreams,
  unrecognizedAudio,
  type UnsupportedStream,
  type VideoEntry,
} from "./tables/streams.ts";
import type { AudioTrack } from "./tracks/audio_track.ts";
import { ProgramClock } from "./tracks/clock.ts";
import { createAudioTrack, createVideoTrack, type PictureTrack } from "./tracks/create_track.ts";
import type { TrackHost } from "./tracks/track.ts";

/** One stream of the program that is read. */
interface Selected<Entry, T> {
  readonly entry: Entry;
  readonly track: T;
  readonly assembler: PesAssembler | PesReader;
}

/**
 * Reads one program of an MPEG transport stream: its first video and its first audio stream. It is the
 * first program that has video (else audio), unless {@linkcode readProgram} says which. Takes bytes in
 * chunks of any size, keeps none of them, and never throws for what they hold: damage is counted in
 * {@linkcode stats} and passed over. An access unit comes out with its last byte.
 *
 * ```ts
 * import { MpegTsDemuxer } from "./demuxer.ts";
 *
 * const demuxer = new MpegTsDemuxer();
 * for (const event of demuxer.push(new Uint8Array(188))) console.log(event.kind);
 * ```
 */
export class MpegTsDemuxer {
  readonly #counters: DemuxCounters = createCounters();
  readonly #segments: SegmentJoiner;
  readonly #clock = new ProgramClock();
  readonly #host: TrackHost;
  readonly #programs: ProgramReader;
  /** Until there is a program map. */
  #guess: ProgramGuess | undefined = new ProgramGuess();
  #events: TsEvent[] = [];
  #program: SelectedProgram | undefined;
  #video: Selected<VideoEntry, PictureTrack> | undefined;
  #audio: Selected<AudioEntry, AudioTrack> | undefined;
  /** Until a packet of the audio stream comes. */
  #absentAudio: AbsentAudio | undefined;
  #unsupported: readonly UnsupportedStream[] = [];
  #announce = false;
  #discontinuity: "loss" | "signalled" | undefined;
  #started = false;

  /** Creates a demuxer in front of a stream or segment. */
  constructor() {
    this.#segments = new SegmentJoiner({ packet: (data, at) => this.#packet(data, at) });
    this.#programs = new ProgramReader({
      counters: this.#counters,
      sink: {
        program: (program) => this.#follow(program),
        missing: (all) =>
          this.#events.push({
            kind: "streams",
            unsupported: [],
            program: { number: undefined, all },
          }),
        countersRestart: () => {
          this.#video?.assembler.forgiveContinuity();
          this.#audio?.assembler.forgiveContinuity();
        },
        knownMuxer: () => this.#video?.track.vouchForEnds?.(),
      },
    });
    this.#host = {
      advance: (kind, raw) => this.#advance(kind, raw),
      near: (raw, ticks) => this.#clock.near(raw, ticks),
      packet: (packet) => this.#deliver(packet),
      changed: () => {
        this.#announce = true;
      },
    };
  }

  /** What was met so far: a snapshot. */
  get stats(): DemuxStats {
    const { resyncs, skippedBytes } = this.#segments;
    return { ...this.#counters, resyncs, skippedBytes };
  }

  /** Whether there are streams of which no table has told yet: they are read if none does. */
  get hasUnlistedStreams(): boolean {
    return this.#guess?.hasStreams === true;
  }

  /**
   * Reads the program with this number from now on, or from when its map comes; undefined: the first
   * one that has video, else the first that has audio.
   */
  readProgram(programNumber: number | undefined): void {
    if (!this.#programs.want(programNumber)) return;
    this.#selectVideo(undefined, false);
    this.#selectAudio(undefined);
    this.#absentAudio = undefined;
  }

  /** Takes the next bytes and returns what became whole. The chunk may be reused afterwards. */
  push(chunk: Uint8Array): TsEvent[] {
    this.#segments.push(chunk);
    return this.#take();
  }

  /** The stream ends here: returns what is left. */
  flush(): TsEvent[] {
    this.#segments.flush();
    this.#guessProgram();
    this.#video?.assembler.finish();
    this.#video?.track.finish();
    this.#audio?.assembler.finish();
    this.#audio?.track.finish();
    return this.#take();
  }

  /**
   * The next segment begins, without a gap. What goes on there by its continuity counters is put
   * together, even in the middle of a packet; counters that start anew with it are not taken for loss.
   * Returns what came of the last one.
   */
  nextSegment(): TsEvent[] {
    this.#segments.nextSegment();
    this.#video?.assembler.nextSegment();
    this.#audio?.assembler.nextSegment();
    this.#programs.reset();
    return this.#take();
  }

  /**
   * A new segment begins after a gap: drops what is incomplete. The program stays known, and the
   * clock may go on anywhere.
   */
  reset(): void {
    this.#segments.reset();
    this.#video?.assembler.reset();
    this.#video?.track.lost();
    this.#audio?.assembler.reset();
    this.#audio?.track.lost();
    this.#clock.expectGap();
    this.#programs.reset();
    this.#guess?.reset();
  }

  #take(): TsEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #packet(data: Uint8Array, at: number): void {
    this.#counters.packets++;
    if ((data[at + 1]! & 0x80) !== 0) {
      this.#counters.transportErrors++;
      return;
    }
    const pid = (data[at + 1]! & 0x1F) << 8 | data[at + 2]!;
    if (this.#guess === undefined) return this.#route(pid, data, at);
    this.#guess.packet(pid, data, at);
    this.#route(pid, data, at);
    if (this.#guess?.isDue === true) this.#guessProgram();
  }

  #route(pid: number, data: Uint8Array, at: number): void {
    if (pid === this.#program?.pmt.pcrPid && this.#started && signalsDiscontinuity(data, at)) {
      this.#discontinuity = "signalled";
      this.#clock.expectGap();
    }
    if (pid === this.#video?.entry.pid) this.#video.assembler.packet(data, at);
    else if (pid === this.#audio?.entry.pid) {
      this.#absentAudio = undefined;
      this.#audio.assembler.packet(data, at);
    } else if (this.#absentAudio?.has(pid) === true) this.#takeOtherAudio(pid, data, at);
    else this.#programs.packet(pid, data, at);
  }

  /** The audio stream that is listed first does not come, and another does: reads that one. */
  #takeOtherAudio(pid: number, data: Uint8Array, at: number): void {
    const present = this.#absentAudio?.packet(pid, data, at);
    if (present === undefined) return;
    this.#absentAudio = undefined;
    this.#selectAudio(present.entry);
    this.#announce = true;
    for (const packet of present.packets) this.#audio?.assembler.packet(packet, 0);
  }

  /**
   * There is no program map, or it names no video: reads what seems to be there, from the first packet
   * on.
   */
  #guessProgram(): void {
    const { pmt, pids, packets } = this.#guess?.take(this.#program?.pmt) ?? NO_GUESS;
    this.#guess = undefined;
    if (pmt === undefined || this.#programs.isChosen) return;
    this.#follow({ programNumber: this.#program?.programNumber ?? pmt.programNumber, pmt });
    for (const packet of packets) {
      const pid = (packet[1]! & 0x1F) << 8 | packet[2]!;
      if (pids.has(pid)) this.#route(pid, packet, 0);
    }
  }

  /** Reads what a program map lists from now on. */
  #follow(program: SelectedProgram): void {
    this.#program = program;
    this.#select(program.pmt);
    if (this.#video !== undefined) this.#guess = undefined;
  }

  #select(pmt: Pmt): void {
    const { video, isAligned, audio, otherAudio, unsupported } = chooseStreams(pmt);
    this.#unsupported = unsupported;
    this.#selectVideo(video, isAligned);
    this.#selectAudio(audio);
    this.#absentAudio = otherAudio.length === 0 ? undefined : new AbsentAudio(otherAudio);
    this.#announce = true;
    const pending = this.#video?.track.known === false ||
      this.#audio?.track.known === false && this.#audio.entry.isGuess !== true;
    if (!pending) this.#announceStreams();
  }

  #selectVideo(entry: VideoEntry | undefined, aligned: boolean): void {
    const old = this.#video;
    if (old?.entry.pid === entry?.pid && old?.entry.codec === entry?.codec) return;
    old?.assembler.finish();
    old?.track.finish();
    if (entry === undefined) {
      this.#video = undefined;
      return;
    }
    const { track, assembler } = createVideoTrack(entry.codec, {
      host: this.#host,
      counters: this.#counters,
      aligned,
      onLoss: () => this.#lose(),
    });
    if (this.#programs.isMuxerKnown) track.vouchForEnds?.();
    this.#video = { entry, track, assembler };
  }

  #selectAudio(entry: AudioEntry | undefined): void {
    const old = this.#audio;
    const same = old?.entry.pid === entry?.pid && old?.entry.codec === entry?.codec &&
      old?.entry.channels === entry?.channels;
    if (same) return;
    old?.assembler.finish();
    old?.track.finish();
    if (entry === undefined) {
      this.#audio = undefined;
      return;
    }
    const { track, assembler } = createAudioTrack(entry, {
      host: this.#host,
      counters: this.#counters,
      onLoss: () => this.#lose(),
    });
    this.#audio = { entry, track, assembler };
  }

  #lose(): void {
    if (this.#started) this.#discontinuity = "loss";
  }

  #advance(kind: "video" | "audio", raw: number): number {
    const { ticks, jumped } = this.#clock.advance(kind, raw);
    if (jumped) this.#events.push({ kind: "discontinuity", reason: "clock" });
    return ticks;
  }

  #deliver(packet: Packet): void {
    this.#started = this.#programs.isStarted = true;
    if (this.#discontinuity !== undefined) {
      this.#events.push({ kind: "discontinuity", reason: this.#discontinuity });
      this.#discontinuity = undefined;
    }
    if (this.#announce) this.#announceStreams();
    this.#events.push({ kind: "packet", packet, stream: packet.kind });
  }

  #announceStreams(): void {
    this.#announce = false;
    const { entry, track } = this.#audio ?? {};
    const isGuess = entry?.isGuess === true;
    const unknown = track?.unrecognized === true && !isGuess ? entry : undefined;
    const audio = unknown === undefined && !(isGuess && !track?.known) ? track?.info : undefined;
    const unsupported = this.#unsupported.filter(({ pid }) => pid !== entry?.pid || !track?.known);
    this.#events.push({
      kind: "streams",
      ...(this.#video === undefined ? {} : { video: this.#video.track.info }),
      ...(audio === undefined ? {} : { audio }),
      unsupported: unknown === undefined
        ? unsupported
        : [...unsupported, unrecognizedAudio(unknown)],
      program: { number: this.#program?.programNumber, all: this.#programs.programNumbers },
    });
  }
}
