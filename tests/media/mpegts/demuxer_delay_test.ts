import assert from "node:assert/strict";
import { MpegTsDemuxer, MpegTsMuxer } from "../../../src/media/mpegts/mod.ts";
import {
  concatBytes,
  demuxAll,
  makeTs,
  packetsOf,
  picture,
  type PlainTsPacket,
  streamsOf,
  tone,
  tsPackets,
  X264_LIVE,
} from "./fixtures.ts";
import { TsLayout, VIDEO_PID } from "./ts_layout.ts";

const PACKET = 188;
const av = [...picture(4), ...tone(4), ...X264_LIVE, ..."-c:a aac -ac 2".split(" ")];

Deno.test("MpegTsDemuxer gives ffmpeg's pictures with their last packet", async () => {
  for (const extra of [[], ["-muxrate", "4M"], ["-omit_video_pes_length", "0"]]) {
    const ts = await makeTs([...av, ...extra]);
    const late = assertPrompt(ts);
    // Without a PES length, a picture that fills its last packet has no end mark: 1 in 184.
    assert.ok(late <= (extra[0] === "-omit_video_pes_length" ? 0 : 3), `${late} pictures late`);
  }
});

Deno.test("MpegTsDemuxer gives MpegTsMuxer's packets with their last packet", async () => {
  const events = demuxAll(await makeTs(av));
  const { video, audio } = streamsOf(events);
  assert.ok(video !== undefined && audio !== undefined);
  const muxer = new MpegTsMuxer({ video, audio });
  const pieces = [muxer.startSegment(), ...packetsOf(events).map((packet) => muxer.write(packet))];
  assert.equal(assertPrompt(concatBytes(pieces)), 0);

  const demuxer = new MpegTsDemuxer();
  for (const [index, piece] of pieces.entries()) {
    assert.equal(packetsOf(demuxer.push(piece)).length, index === 0 ? 0 : 1);
  }
});

Deno.test("MpegTsDemuxer learns that an unknown muxer ends PES packets with pictures", async () => {
  const pictures = packetsOf(demuxAll(await makeTs(av)), "video");
  for (const sized of [false, true]) {
    const layout = new TsLayout();
    layout.tables([[0x1B, VIDEO_PID]]);
    const demuxer = new MpegTsDemuxer();
    demuxer.push(layout.bytes());
    let fed = layout.packets.length;
    let largest = 0;
    let ends = 0;
    pictures.forEach((picture, index) => {
      layout.pes({ payload: picture.data, pts: picture.ptsTicks }, { sized });
      const packets = layout.packets.slice(fed);
      fed = layout.packets.length;
      const isMarked = sized || tsPackets(packets.at(-1)!)[0]!.stuffed;
      const came = packetsOf(demuxer.push(concatBytes(packets)));
      if (index === 0) assert.deepEqual(came, [], "the first one might go on");
      // So might the second, and those that are larger than any before: they come with the next one.
      const { data } = picture;
      if (isMarked && ends >= 2 && data.length <= largest) {
        assert.deepEqual(came.at(-1)?.data, data);
      }
      if (isMarked) largest = Math.max(largest, data.length);
      if (isMarked) ends++;
    });
  }
});

/**
 * Feeds packet by packet and checks that what comes out has its own last packet in; returns the
 * number of units that came later, which only those may that have neither length nor stuffing.
 */
function assertPrompt(ts: Uint8Array): number {
  const packets = tsPackets(ts);
  const ends = unitEnds(packets);
  const demuxer = new MpegTsDemuxer();
  let late = 0;
  for (let index = 0; index < packets.length; index++) {
    const at = index * PACKET;
    const count = packetsOf(demuxer.push(ts.subarray(at, at + PACKET))).length;
    const end = ends.get(index);
    if (end?.marked === true) assert.ok(count > 0, `nothing came out with packet ${index}`);
    else if (end !== undefined) late++;
    else if (count > 0) assert.ok(packets[index]!.unitStart, `packet ${index} ended nothing`);
  }
  return late;
}

/** The index of each unit's last packet, and whether a length or stuffing marks it. */
function unitEnds(packets: readonly PlainTsPacket[]): Map<number, { marked: boolean }> {
  const ends = new Map<number, { marked: boolean }>();
  const open = new Map<number, { last: number; hasLength: boolean }>();
  packets.forEach((packet, index) => {
    const { pid, payload } = packet;
    if (payload.length === 0) return;
    const unit = open.get(pid);
    if (packet.unitStart) {
      if (unit !== undefined) ends.set(unit.last, mark(packets, unit));
      const isPes = payload[0] === 0 && payload[1] === 0 && payload[2] === 1;
      if (isPes) open.set(pid, { last: index, hasLength: (payload[4]! | payload[5]!) !== 0 });
    } else if (unit !== undefined) {
      unit.last = index;
    }
  });
  for (const unit of open.values()) ends.set(unit.last, mark(packets, unit));
  return ends;
}

function mark(
  packets: readonly PlainTsPacket[],
  unit: { last: number; hasLength: boolean },
): { marked: boolean } {
  return { marked: unit.hasLength || packets[unit.last]!.stuffed };
}
