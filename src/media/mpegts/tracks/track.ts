import { sameRational } from "../../../base/rational.ts";
import { sameColor } from "../../color.ts";
import type { Packet, VideoStreamInfo } from "../../types.ts";
import type { PesUnit } from "../pes/pes_assembler.ts";

/** Where a track's packets go, and what it asks of the program. */
export interface TrackHost {
  /** Unwraps a 33-bit decoding time; reports a jump of the clock. */
  advance(kind: "video" | "audio", raw: number): number;
  /** The unwrapped time nearest to `ticks` with these low 33 bits. */
  near(raw: number, ticks: number): number;
  /** A packet is ready. */
  packet(packet: Packet): void;
  /** The stream's description has changed; packets after this call are of the new one. */
  changed(): void;
}

/** Turns the PES packets of one elementary stream into packets. */
export interface Track {
  /** Takes the next PES packet. */
  pes(unit: PesUnit): void;
  /** Packets were lost: what was kept for the next PES does not go on there. */
  lost(): void;
  /** The stream ends: hands on what was kept. */
  finish(): void;
}

/** Whether two descriptions of a video stream are the same. */
export function sameVideo(a: VideoStreamInfo, b: VideoStreamInfo): boolean {
  return a.codec === b.codec && a.width === b.width && a.height === b.height &&
    a.reorderDepth === b.reorderDepth && sameColor(a.color, b.color) &&
    sameRational(a.sampleAspect, b.sampleAspect);
}
