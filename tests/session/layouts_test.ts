/** Streams that are laid out in other ways than a picture in each PES packet: what the figures say. */

import assert from "node:assert/strict";
import { fieldFrames } from "../media/mpegts/field_pictures.ts";
import { TsLayout, VIDEO_PID } from "../media/mpegts/ts_layout.ts";
import { splitNals } from "../media/mpegts/fuzz_clips.ts";
import { isVideo, withCounter } from "../media/mpegts/packet_changes.ts";
import { joined, silentClip } from "./clips.ts";
import { Rig } from "./rig.ts";

const H264_TYPE = 0x1B;
const NOTE = Uint8Array.from([0, 0, 1, 6, 5, 17, ...new Array<number>(16).fill(0x41), 1, 0x80]);

/** Runs a stream, of which every picture must come out, and be counted once. */
async function assertHealthy(stream: Uint8Array, videoTicks: readonly number[]): Promise<void> {
  const rig = new Rig();
  rig.session.start();
  await rig.source.feed([stream]);
  rig.source.end();
  await rig.ended();
  assert.deepEqual(rig.videoTicks, videoTicks);
  assert.deepEqual(rig.errors, []);
  const { frames_in, frames_out, frames_dropped, error_count } = rig.session.metrics();
  const frames = videoTicks.length;
  assert.deepEqual(
    { frames_in, frames_out, frames_dropped, error_count },
    { frames_in: frames, frames_out: frames, frames_dropped: 0, error_count: 0 },
  );
}

function startLayout(): TsLayout {
  const layout = new TsLayout();
  layout.tables([[H264_TYPE, VIDEO_PID]]);
  return layout;
}

Deno.test("a stream of a field in each PES packet is counted in frames", async () => {
  const layout = startLayout();
  const ticks = fieldFrames(20, 10).map(({ fields }, index) => {
    const pts = 126_000 + 3600 * index;
    layout.pes({ payload: fields[0], pts });
    layout.pes({ payload: fields[1], pts: pts + 1800 });
    return pts;
  });
  await assertHealthy(layout.bytes(), ticks);
});

Deno.test("a stream with SEI behind the slices, units cut anywhere, is counted in pictures", async () => {
  const { events } = await silentClip();
  const layout = startLayout();
  const starts: { at: number; pts: number }[] = [];
  const units: Uint8Array[] = [];
  let at = 0;
  for (const event of events) {
    if (event.kind !== "packet") continue;
    const unit = joined([...splitNals(event.packet.data), NOTE]);
    starts.push({ at, pts: event.packet.ptsTicks });
    units.push(unit);
    at += unit.length;
  }
  const stream = joined(units);
  for (let from = 0; from < stream.length; from += 900) {
    const first = starts.find((start) => start.at >= from && start.at < from + 900);
    const times = first === undefined ? {} : { pts: first.pts };
    layout.pes({ payload: stream.subarray(from, from + 900), ...times });
  }
  await assertHealthy(layout.bytes(), starts.map(({ pts }) => pts));
});

/** What senders do to packets although they must not. */
const SPOILED: Readonly<Record<string, (packet: Uint8Array) => readonly Uint8Array[]>> = {
  "whose continuity counters stand still": (packet) =>
    isVideo(packet) ? [withCounter(packet, 3)] : [packet],
  "that is marked as scrambled and is not": (packet) =>
    isVideo(packet) ? [packet.with(3, packet[3]! | 0xC0)] : [packet],
  "without tables": (packet) => isVideo(packet) ? [packet] : [],
};

for (const [name, spoil] of Object.entries(SPOILED)) {
  Deno.test(`a stream ${name} comes out whole, and is no error`, async () => {
    const { events } = await silentClip();
    const layout = startLayout();
    const ticks = events.flatMap((event) => {
      if (event.kind !== "packet") return [];
      const { data, ptsTicks } = event.packet;
      layout.pes({ payload: data, pts: ptsTicks });
      return [ptsTicks];
    });
    await assertHealthy(joined(layout.packets.flatMap(spoil)), ticks);
  });
}
