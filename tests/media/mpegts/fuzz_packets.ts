/** How a seed lays PES packets out in transport packets. */

import type { VideoCodec } from "../../../src/media/types.ts";
import type { Piece, Random } from "./fuzz_layouts.ts";
import { fieldOnly, isVideo, startsPes, withCounter } from "./packet_changes.ts";
import { ffmpegSdtSection, TsLayout, VIDEO_PID } from "./ts_layout.ts";

const NO_BYTES = new Uint8Array(0);

const STREAM_TYPES: Partial<Record<VideoCodec, number>> = {
  h264: 0x1B,
  hevc: 0x24,
  mpeg2video: 0x02,
};

/** Writes the transport packets. */
export function pack(
  pieces: readonly Piece[],
  options: { random: Random; plain: boolean; codec: VideoCodec },
): { packets: Uint8Array[]; words: string } {
  const { random, plain, codec } = options;
  const chosen = {
    sized: random(3) === 0,
    stuffedFirst: random(4) === 0,
    stuffedMiddle: random(6) === 0,
    otherPids: random(3) === 0,
    nulls: random(4) === 0,
    repeated: random(5) === 0,
    headerStuffing: random(5) === 0,
    asFfmpeg: plain && random(4) === 0,
    tablesOften: random(4) === 0,
    noTables: random(12) === 0,
    emptyPes: random(8) === 0,
    oddStreamIds: random(8) === 0,
    scrambled: random(10) === 0,
  };
  const counters = (["right", "right", "still", "random", "restarting", "fields"] as const)[
    random(6)
  ]!;
  const layout = new TsLayout();
  const streams = [[STREAM_TYPES[codec]!, VIDEO_PID]] as const;
  if (chosen.asFfmpeg) layout.section(0x11, ffmpegSdtSection());
  if (!chosen.noTables) layout.tables(streams);
  const misstuffs = !chosen.asFfmpeg;
  for (const [index, piece] of pieces.entries()) {
    if (chosen.tablesOften && !chosen.noTables && random(4) === 0) layout.tables(streams);
    if (chosen.nulls && random(3) === 0) layout.null();
    const stuffing = (packet: number): number => {
      if (!misstuffs) return 0;
      if (packet === 0) return chosen.stuffedFirst ? 1 : 0;
      return chosen.stuffedMiddle && packet % 4 === 1 ? 1 + random(50) : 0;
    };
    if (chosen.emptyPes && random(4) === 0) layout.pes({ payload: NO_BYTES });
    layout.pes(piece, {
      sized: chosen.sized,
      streamId: chosen.oddStreamIds ? [0xE0 + random(16), 0xFD, 0xBD][random(3)]! : 0xE0,
      stuffing,
      headerStuffing: chosen.headerStuffing ? random(40) : 0,
      ...(chosen.stuffedFirst || random(2) === 0 ? { pcr: 90_000 + 3000 * index } : {}),
    });
    // Before the counters are known a few repeated bytes may be others that are the same.
    const repeats = chosen.repeated && counters === "right" && random(6) === 0;
    if (repeats && index > 8) layout.repeat();
    if (chosen.otherPids && random(2) === 0) {
      const payload = Uint8Array.from({ length: 1 + random(400) }, () => random(256));
      layout.pes({ payload, pts: 90_000 }, { pid: 0x200, streamId: 0xBD, sized: true });
    }
  }
  const words = Object.entries(chosen).flatMap(([name, on]) => on ? [name] : []).join(" ");
  const packets = spoiled(layout.packets, { random, counters, scrambled: chosen.scrambled });
  return { packets, words: `${words || "plain packets"}, ${counters} counters` };
}

/** Packets with counters and marks as they should not be. */
function spoiled(
  packets: readonly Uint8Array[],
  options: { random: Random; counters: string; scrambled: boolean },
): Uint8Array[] {
  const { random, counters, scrambled } = options;
  let counter = 0;
  return packets.flatMap((packet) => {
    if (!isVideo(packet)) return [packet];
    const marked = scrambled ? packet.with(3, packet[3]! | 0xC0) : packet;
    switch (counters) {
      case "still":
        return [withCounter(marked, 7)];
      case "random":
        return [withCounter(marked, random(16))];
      case "restarting":
        counter = startsPes(packet) ? 0 : counter + 1;
        return [withCounter(marked, counter)];
      case "fields": {
        const own = withCounter(marked, counter++);
        return random(3) === 0 ? [own, fieldOnly(counter++ & 15)] : [own];
      }
      default:
        return [marked];
    }
  });
}
