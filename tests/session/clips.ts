/** Input for sessions: small stamped clips as MPEG-TS segments. */

import type { Packet } from "../../src/media/types.ts";
import { MpegTsDemuxer, MpegTsMuxer } from "../../src/media/mpegts/mod.ts";
import { createTestMedia, type MediaEvent, type TestMediaOptions } from "../../src/source/mod.ts";

/** Size and rate of the clips: small, so that a busy machine holds them. */
export const CLIP = { width: 160, height: 128, fps: 20 } as const;

/** A clip, one segment per keyframe. */
export interface Clip {
  readonly segments: readonly Uint8Array[];
  /** The presentation times of the pictures, in order: picture n holds stamp n. */
  readonly videoTicks: readonly number[];
  readonly audioPackets: number;
  readonly events: readonly MediaEvent[];
}

const cache = new Map<string, Promise<Clip>>();

/** A clip of one second and a keyframe each half second, unless told otherwise. Made once. */
export function testClip(options: Partial<TestMediaOptions> = {}): Promise<Clip> {
  const settings = { ...CLIP, seconds: 1, gopSeconds: 0.5, ...options };
  const key = JSON.stringify(settings);
  let clip = cache.get(key);
  if (clip === undefined) cache.set(key, clip = makeClip(settings));
  return clip;
}

/** A clip without sound, which costs an encoder less to make, and another to write out. */
export function silentClip(options: Partial<TestMediaOptions> = {}): Promise<Clip> {
  return testClip({ ...options, audio: false });
}

async function makeClip(settings: TestMediaOptions): Promise<Clip> {
  const events: MediaEvent[] = [];
  for await (const event of createTestMedia(settings)) events.push(event);
  return clipOf(events);
}

/** The clip of these events. */
export function clipOf(events: readonly MediaEvent[]): Clip {
  const packets = packetsOf(events);
  const videoTicks = packets.filter(isVideo).map(({ ptsTicks }) => ptsTicks).sort((a, b) => a - b);
  const audioPackets = packets.length - videoTicks.length;
  return { segments: segmentsOf(events), videoTicks, audioPackets, events };
}

/** The clip without its pictures: one segment. */
export function audioOnly(clip: Clip): Clip {
  return clipOf(clip.events.flatMap((event): MediaEvent[] => {
    if (event.kind === "packet" && event.stream === "video") return [];
    if (event.kind !== "streams") return [event];
    const { audio } = event;
    return [{ kind: "streams", unsupported: [], ...(audio === undefined ? {} : { audio }) }];
  }));
}

/** The clip `byTicks` later. */
export function movedClip(clip: Clip, byTicks: number): Clip {
  return clipOf(clip.events.map((event): MediaEvent => {
    if (event.kind !== "packet") return event;
    const { ptsTicks, dtsTicks } = event.packet;
    const packet = {
      ...event.packet,
      ptsTicks: ptsTicks + byTicks,
      dtsTicks: dtsTicks + byTicks,
    };
    return { ...event, packet };
  }));
}

/** The clip with its sound `byTicks` later, and its pictures where they were. */
export function withLateAudio(clip: Clip, byTicks: number): Clip {
  const late = clipOf(
    clip.events.flatMap((event): MediaEvent[] => {
      if (event.kind !== "packet" || event.stream === "video") return [event];
      const { ptsTicks, dtsTicks } = event.packet;
      const packet = {
        ...event.packet,
        ptsTicks: ptsTicks + byTicks,
        dtsTicks: dtsTicks + byTicks,
      };
      return [{ ...event, packet }];
    }).sort((a, b) => timeOf(a) - timeOf(b)),
  );
  return late;
}

/** All packets of an MPEG-TS. */
export function demux(bytes: Uint8Array): Packet[] {
  const demuxer = new MpegTsDemuxer();
  return packetsOf([...demuxer.push(bytes), ...demuxer.flush()]);
}

/** Parts one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function packetsOf(events: readonly MediaEvent[]): Packet[] {
  return events.flatMap((event) => event.kind === "packet" ? [event.packet] : []);
}

function isVideo({ kind }: Packet): boolean {
  return kind === "video";
}

function timeOf(event: MediaEvent): number {
  return event.kind === "packet" ? event.packet.dtsTicks : -Infinity;
}

function segmentsOf(events: readonly MediaEvent[]): Uint8Array[] {
  const segments: Uint8Array[][] = [];
  let muxer: MpegTsMuxer | undefined;
  let hasVideo = false;
  for (const event of events) {
    if (event.kind === "streams") {
      const { video, audio } = event;
      hasVideo = video !== undefined;
      muxer = new MpegTsMuxer({
        ...(video === undefined ? {} : { video }),
        ...(audio === undefined ? {} : { audio }),
      });
    }
    if (event.kind !== "packet" || muxer === undefined) continue;
    const { packet } = event;
    const opens = hasVideo ? isVideo(packet) && packet.keyframe : segments.length === 0;
    if (opens) segments.push([muxer.startSegment()]);
    // Sound before the first picture belongs to no segment.
    segments.at(-1)?.push(muxer.write(packet));
  }
  return segments.map(joined);
}
