/**
 * What a transport stream holds whose tables do not say it. Tools that cut streams leave tables out, and
 * some senders list video as private data; ffmpeg plays both.
 */

import { concatBytes } from "../../../base/bytes.ts";
import { TICKS_PER_SECOND } from "../../../base/rational.ts";
import { OTHER_STREAM_TYPES, PID, STREAM_ID, STREAM_TYPE, TS_PACKET_BYTES } from "../numbers.ts";
import { payloadStart } from "../packets/adaptation.ts";
import { parsePesHeader } from "../pes/pes.ts";
import type { Pmt, PmtStream } from "./psi.ts";
import { guessVideo } from "./video_guess.ts";

/** After so much without a program map there is none. */
const MAX_KEPT_PACKETS = 2_800;

/** Or after so long by the times of one stream: 2 s. */
const MAX_KEPT_TICKS = 2 * TICKS_PER_SECOND;

/** PIDs below have a meaning of their own. */
const FIRST_PID = 0x20;

/** Streams that are looked at, and how much of each. */
const MAX_STREAMS = 16;
const MAX_STREAM_BYTES = 65_536;

/** `stream_id`s of video and of audio go up to these. */
const LAST_VIDEO_ID = 0xEF;
const LAST_AUDIO_ID = 0xDF;

interface FoundStream {
  readonly streamId: number;
  readonly firstTicks: number | undefined;
  readonly pieces: Uint8Array[];
  bytes: number;
}

/** What a stream seems to hold. */
export interface Guess {
  /** Undefined where nothing can be read that is not read already. */
  readonly pmt: Pmt | undefined;
  /** The streams that were not read so far. */
  readonly pids: ReadonlySet<number>;
  /** The packets to read them from. */
  readonly packets: readonly Uint8Array[];
}

/** Nothing. */
export const NO_GUESS: Guess = { pmt: undefined, pids: new Set(), packets: [] };

/** Keeps the packets in front of the tables, and guesses what they are if no tables come. */
export class ProgramGuess {
  #kept: Uint8Array[] = [];
  readonly #streams = new Map<number, FoundStream>();
  #isLong = false;

  /** Whether so much was kept that tables would have come. */
  get isDue(): boolean {
    return this.#isLong || this.#kept.length >= MAX_KEPT_PACKETS;
  }

  /** Whether PES packets came. */
  get hasStreams(): boolean {
    return this.#streams.size > 0;
  }

  /** Takes the packet at `at` of `data`. It is copied. */
  packet(pid: number, data: Uint8Array, at: number): void {
    if (pid < FIRST_PID || pid === PID.NULL) return;
    const packet = data.slice(at, at + TS_PACKET_BYTES);
    this.#kept.push(packet);
    const start = payloadStart(packet, 0);
    if ((packet[3]! & 0x10) === 0 || start >= TS_PACKET_BYTES) return;
    const payload = packet.subarray(start);
    if ((packet[1]! & 0x40) !== 0) return this.#begin(pid, payload);
    const stream = this.#streams.get(pid);
    if (stream !== undefined) addTo(stream, payload);
  }

  /** What the stream seems to hold, where `pmt`, if there is one, says nothing of video. */
  take(pmt: Pmt | undefined): Guess {
    const packets = this.#kept;
    const found = [...this.#streams].flatMap(([pid, stream]) => guessStream(pid, stream) ?? []);
    this.reset();
    if (pmt === undefined) {
      if (found.length === 0) return NO_GUESS;
      const pids = new Set(found.map(({ pid }) => pid));
      return { pmt: { programNumber: 0, pcrPid: PID.NULL, streams: found }, pids, packets };
    }
    const nameless = pmt.streams.filter(isNameless);
    const video = found.find(({ streamType, pid }) =>
      streamType !== STREAM_TYPE.PRIVATE_PES && nameless.some((stream) => stream.pid === pid)
    );
    if (video === undefined) return NO_GUESS;
    const streams = pmt.streams.map((stream) => stream.pid === video.pid ? video : stream);
    return { pmt: { ...pmt, streams }, pids: new Set([video.pid]), packets };
  }

  /** Forgets all. */
  reset(): void {
    this.#kept = [];
    this.#streams.clear();
    this.#isLong = false;
  }

  #begin(pid: number, payload: Uint8Array): void {
    const header = parsePesHeader(payload);
    if (header === undefined) return;
    const { streamId, pts, headerBytes } = header;
    let stream = this.#streams.get(pid);
    if (stream === undefined) {
      if (this.#streams.size >= MAX_STREAMS) return;
      stream = { streamId, firstTicks: pts, pieces: [], bytes: 0 };
      this.#streams.set(pid, stream);
    }
    const since = pts === undefined || stream.firstTicks === undefined
      ? 0
      : pts - stream.firstTicks;
    this.#isLong ||= since > MAX_KEPT_TICKS;
    addTo(stream, payload.subarray(headerBytes));
  }
}

/** Whether nothing says what a stream is. */
function isNameless({ streamType, descriptors }: PmtStream): boolean {
  return streamType === STREAM_TYPE.PRIVATE_PES
    ? descriptors.length === 0
    : !OTHER_STREAM_TYPES.has(streamType);
}

function addTo(stream: FoundStream, payload: Uint8Array): void {
  if (stream.bytes > MAX_STREAM_BYTES) return;
  stream.bytes += payload.length;
  stream.pieces.push(payload);
}

function guessStream(pid: number, { streamId, pieces }: FoundStream): PmtStream | undefined {
  const all = concatBytes(pieces);
  const isAudio = streamId >= STREAM_ID.AUDIO && streamId <= LAST_AUDIO_ID;
  const streamType = isAudio ? undefined : guessVideo(all);
  if (streamType !== undefined) return { streamType, pid, descriptors: [] };
  // Sound tells by its frames what it is.
  const mayBeAudio = streamId < STREAM_ID.VIDEO || streamId > LAST_VIDEO_ID;
  return mayBeAudio ? { streamType: STREAM_TYPE.PRIVATE_PES, pid, descriptors: [] } : undefined;
}
