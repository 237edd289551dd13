/** Streams that ffmpeg makes at test time, and what ffprobe says of them. */

import assert from "node:assert/strict";
import type { Packet } from "../../../src/media/types.ts";
import { MpegTsDemuxer, type TsEvent } from "../../../src/media/mpegts/mod.ts";
import { FfmpegBatch, type Made } from "../ffmpeg_batch.ts";

/** A packet as ffprobe lists it. */
export interface ProbedPacket {
  readonly kind: "video" | "audio";
  readonly pts: number;
  readonly dts: number;
  readonly keyframe: boolean;
  readonly size: number;
  readonly adler32: string;
}

interface FfprobeOutput {
  readonly packets: readonly {
    readonly codec_type: "video" | "audio";
    readonly pts: number;
    readonly dts: number;
    readonly flags: string;
    readonly size: string;
    readonly data_hash: string;
  }[];
}

const cache = new Map<string, Made>();

/** Input arguments of a moving test picture. */
export function picture(seconds: number, size = "320x240"): string[] {
  return ["-f", "lavfi", "-t", String(seconds), "-i", `testsrc2=s=${size}:r=30`];
}

/** Input arguments of a tone. */
export function tone(seconds: number, sampleRate = 48_000): string[] {
  return ["-f", "lavfi", "-t", String(seconds), "-i", `sine=f=440:r=${sampleRate}`];
}

/** x264 as live encoders use it. */
export const X264_LIVE: readonly string[] = [
  ..."-c:v libx264 -preset ultrafast -tune zerolatency -g 15 -threads 1".split(" "),
];

/** Makes an MPEG-TS stream with ffmpeg, once per argument list. */
export function makeTs(args: readonly string[]): Promise<Uint8Array> {
  const key = args.join(" ");
  let made = cache.get(key);
  if (made === undefined) {
    const stream = runTool("ffmpeg", [...args, "-f", "mpegts", "pipe:1"], undefined);
    made = () => stream;
    cache.set(key, made);
  }
  return made();
}

/** Lets one ffmpeg make all of these streams, which {@linkcode makeTs} then gives. */
export function prepareTs(all: readonly (readonly string[])[]): void {
  const batch = new FfmpegBatch();
  for (const args of all) {
    const key = args.join(" ");
    if (!cache.has(key)) cache.set(key, batch.add([...args, "-f", "mpegts", "pipe:1"]));
  }
}

/** Runs a tool of ffmpeg and returns its output; fails the test with its messages. */
export async function runTool(
  tool: "ffmpeg" | "ffprobe",
  args: readonly string[],
  input: Uint8Array | undefined,
): Promise<Uint8Array> {
  const { stdout, stderr, success } = await spawnTool(tool, args, input);
  assert.ok(success, `${tool} ${args.join(" ")} failed: ${stderr}`);
  return stdout;
}

/** Runs a tool of ffmpeg and returns all that it says. */
export async function spawnTool(
  tool: "ffmpeg" | "ffprobe",
  args: readonly string[],
  input: Uint8Array | undefined,
): Promise<{ stdout: Uint8Array; stderr: string; success: boolean }> {
  const quiet = tool === "ffmpeg" ? ["-nostdin", "-hide_banner"] : ["-hide_banner"];
  const verbosity = args.includes("-v") ? [] : ["-v", "error"];
  const child = new Deno.Command(tool, {
    args: [...quiet, ...verbosity, ...args],
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(input as Uint8Array<ArrayBuffer>);
    await writer.close();
  }
  const { stdout, stderr, success } = await output;
  return { stdout, stderr: new TextDecoder().decode(stderr), success };
}

/** The packets of an MPEG-TS stream as ffprobe sees them. */
export async function probePackets(ts: Uint8Array): Promise<ProbedPacket[]> {
  const args = ["-show_packets", "-show_data_hash", "adler32", "-of", "json", "pipe:0"];
  const stdout = await runTool("ffprobe", ["-f", "mpegts", ...args], ts);
  const output = JSON.parse(new TextDecoder().decode(stdout)) as FfprobeOutput;
  return output.packets.map((packet) => ({
    kind: packet.codec_type,
    pts: packet.pts,
    dts: packet.dts,
    keyframe: packet.flags.includes("K"),
    size: Number(packet.size),
    adler32: packet.data_hash.split(":")[1]!.toLowerCase(),
  }));
}

/** Adler-32 as ffprobe prints it. */
export function adler32(data: Uint8Array): string {
  let a = 1;
  let b = 0;
  for (const byte of data) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return (b * 65_536 + a).toString(16).padStart(8, "0");
}

/** All events of a stream pushed at once. */
export function demuxAll(ts: Uint8Array): TsEvent[] {
  const demuxer = new MpegTsDemuxer();
  return [...demuxer.push(ts), ...demuxer.flush()];
}

/** The packets among events. */
export function packetsOf(events: readonly TsEvent[], kind?: "video" | "audio"): Packet[] {
  return events.flatMap((event) =>
    event.kind === "packet" && (kind === undefined || event.stream === kind) ? [event.packet] : []
  );
}

/** The last description of the streams. */
export function streamsOf(events: readonly TsEvent[]): Extract<TsEvent, { kind: "streams" }> {
  const found = events.findLast((event) => event.kind === "streams");
  assert.ok(found, "no streams were announced");
  return found;
}

/** Seeded random whole numbers below a bound (xorshift). */
export function createRandom(seed: number): (bound: number) => number {
  let state = seed >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % bound;
  };
}

/** Events with the bytes turned into text, to be compared in depth. */
export function summarize(events: readonly TsEvent[]): string[] {
  return events.map((event) => {
    if (event.kind !== "packet") {
      return JSON.stringify(
        event,
        (_key, value) => value instanceof Uint8Array ? [...value] : value,
      );
    }
    const { kind, ptsTicks, dtsTicks, keyframe, data } = event.packet;
    return `${kind} ${ptsTicks} ${dtsTicks} ${keyframe} ${data.length} ${adler32(data)}`;
  });
}

/** Joins byte arrays. */
export function concatBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** The bytes of an H.264 access unit as far as a container looks at it; no decoder reads it. */
export function syntheticPicture(bytes: number, keyframe: boolean): Uint8Array {
  const data = new Uint8Array(bytes).fill(0x55);
  data.set([0, 0, 0, 1, 0x09, 0xF0, 0, 0, 1, keyframe ? 0x65 : 0x41, 0x88]);
  return data;
}

/** One transport packet, read independently of the code under test. */
export interface PlainTsPacket {
  readonly pid: number;
  readonly unitStart: boolean;
  readonly stuffed: boolean;
  readonly randomAccess: boolean;
  readonly pcrBase: number | undefined;
  readonly payload: Uint8Array;
}

/** Takes a stream without damage apart. Reads only fields that ffmpeg's muxer and ours write. */
export function tsPackets(ts: Uint8Array): PlainTsPacket[] {
  assert.equal(ts.length % 188, 0);
  const packets: PlainTsPacket[] = [];
  for (let at = 0; at < ts.length; at += 188) {
    const packet = ts.subarray(at, at + 188);
    assert.equal(packet[0], 0x47);
    const fieldBytes = (packet[3]! & 0x20) === 0 ? 0 : 1 + packet[4]!;
    const flags = fieldBytes > 1 ? packet[5]! : 0;
    const hasPcr = (flags & 0x10) !== 0;
    const needed = flags === 0 ? 0 : hasPcr ? 8 : 2;
    packets.push({
      pid: (packet[1]! & 0x1F) << 8 | packet[2]!,
      unitStart: (packet[1]! & 0x40) !== 0,
      stuffed: fieldBytes > needed,
      randomAccess: (flags & 0x40) !== 0,
      pcrBase: hasPcr
        ? new DataView(packet.buffer, packet.byteOffset + 6).getUint32(0) * 2 + (packet[10]! >> 7)
        : undefined,
      payload: (packet[3]! & 0x10) === 0 ? packet.subarray(188) : packet.subarray(4 + fieldBytes),
    });
  }
  return packets;
}

/** What {@linkcode packPes} needs. */
export interface PlainPes {
  readonly pid: number;
  /** 33-bit time; none is written without it. */
  readonly pts?: number;
  /** The same where pictures are decoded in another order. */
  readonly dts?: number;
  readonly payload: Uint8Array;
  /** Whether `PES_packet_length` is written. */
  readonly sized: boolean;
  /** Continuity counter of the first packet. */
  readonly continuity: number;
  /** Indexes of packets that carry only 100 bytes and are stuffed; others are filled. */
  readonly stuffed?: readonly number[];
}

/**
 * Writes one PES packet without the code under test; the last packet is stuffed as its size asks.
 */
export function packPes(pes: PlainPes): Uint8Array {
  const { pid, pts, payload } = pes;
  const { dts } = pes;
  const stamp = pts === undefined
    ? []
    : [...timestamp(dts === undefined ? 2 : 3, pts), ...dts === undefined ? [] : timestamp(1, dts)];
  const length = pes.sized ? 3 + stamp.length + payload.length : 0;
  const head = [
    0,
    0,
    1,
    0xE0,
    length >> 8,
    length & 0xFF,
    0x80,
    [0, 0x80, 0xC0][stamp.length / 5]!,
  ];
  const bytes = concatBytes([Uint8Array.from([...head, stamp.length, ...stamp]), payload]);
  const packets: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const index = packets.length;
    const room = pes.stuffed?.includes(index) === true ? 100 : 184;
    const piece = bytes.subarray(at, at + room);
    const packet = new Uint8Array(188).fill(0xFF);
    const fieldBytes = 184 - piece.length;
    packet[0] = 0x47;
    packet[1] = (index === 0 ? 0x40 : 0) | pid >> 8;
    packet[2] = pid & 0xFF;
    packet[3] = (fieldBytes > 0 ? 0x30 : 0x10) | pes.continuity + index & 15;
    if (fieldBytes > 0) packet[4] = fieldBytes - 1;
    if (fieldBytes > 1) packet[5] = 0;
    packet.set(piece, 188 - piece.length);
    packets.push(packet);
    at += piece.length;
  }
  return concatBytes(packets);
}

function timestamp(prefix: number, ticks: number): number[] {
  return [
    prefix << 4 | Math.floor(ticks / 2 ** 30) << 1 | 1,
    ticks / 2 ** 22 & 0xFF,
    ticks / 2 ** 14 & 0xFE | 1,
    ticks / 2 ** 7 & 0xFF,
    ticks * 2 & 0xFE | 1,
  ];
}
