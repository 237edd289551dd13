/** Shapes that cost much if they are handled badly: what is quadratic here takes minutes. */

import assert from "node:assert/strict";
import type { Packet } from "../../../src/media/types.ts";
import { MpegTsDemuxer } from "../../../src/media/mpegts/mod.ts";
import { concatBytes, demuxAll, makeTs, packetsOf, picture, X264_LIVE } from "./fixtures.ts";
import { splitNals } from "./fuzz_clips.ts";
import { ffmpegSdtSection, TsLayout, VIDEO_PID } from "./ts_layout.ts";

const CLIP = [...picture(0.5, "160x96"), ...X264_LIVE];
const DELIMITER = [0, 0, 0, 1, 9, 0xF0];

/** A stream of a keyframe, and then a PES packet with these bytes. */
async function withPayload(payload: Uint8Array): Promise<Packet[]> {
  const [key] = packetsOf(demuxAll(await makeTs(CLIP)), "video");
  const layout = new TsLayout();
  layout.tables([[0x1B, VIDEO_PID]]);
  layout.pes({ payload: key!.data, pts: 90_000 });
  layout.pes({ payload, pts: 93_000 });
  return packetsOf(demuxAll(layout.bytes()), "video");
}

function repeated(bytes: readonly number[], count: number): Uint8Array {
  const all = new Uint8Array(bytes.length * count);
  for (let index = 0; index < count; index++) all.set(bytes, index * bytes.length);
  return all;
}

Deno.test("MpegTsDemuxer takes 300,000 slices of five bytes", async () => {
  const packets = await withPayload(repeated([0, 0, 1, 0x41, 0x9A], 300_000));
  assert.equal(packets.length, 300_001);
});

Deno.test("MpegTsDemuxer takes 300,000 parameter sets that cannot be read", async () => {
  const sets = repeated([0, 0, 1, 0x67, 0xFF, 0xFF], 300_000);
  const packets = await withPayload(
    concatBytes([sets, Uint8Array.of(...DELIMITER, 0, 0, 1, 0x41, 0x9A)]),
  );
  assert.equal(packets.length, 2);
});

Deno.test("MpegTsDemuxer takes 300,000 messages without an end", async () => {
  const packets = await withPayload(repeated([0, 0, 1, 6, 5, 0xFF, 0xFE], 300_000));
  assert.equal(packets.length, 1);
});

Deno.test("MpegTsDemuxer times 100,000 pictures under one PTS", async () => {
  const source = packetsOf(demuxAll(await makeTs(CLIP)), "video").slice(1);
  const slices = source.map(({ data }) => splitNals(data).at(-1)!.subarray(0, 40));
  const pictures = Array.from({ length: 100_000 }, (_, index) => [
    Uint8Array.from(DELIMITER),
    slices[index % slices.length]!,
  ]);
  const packets = await withPayload(concatBytes(pictures.flat()));
  assert.equal(packets.length, 100_001);
  const steps = packets.slice(2).map(({ ptsTicks }, index) =>
    ptsTicks - packets[index + 1]!.ptsTicks
  );
  assert.ok(steps.every((step) => step === 3000));
});

Deno.test("MpegTsDemuxer keeps nothing of PES packets without pictures", () => {
  const layout = new TsLayout();
  layout.tables([[0x1B, VIDEO_PID]]);
  const demuxer = new MpegTsDemuxer();
  demuxer.push(layout.bytes());
  let fed = layout.packets.length;
  for (let index = 0; index < 20_000; index++) {
    layout.pes({ payload: Uint8Array.of(1), pts: 90_000 });
    if (index % 1000 !== 999) continue;
    demuxer.push(concatBytes(layout.packets.slice(fed)));
    fed = layout.packets.length;
  }
  assert.deepEqual(demuxer.flush(), []);
  assert.equal(demuxer.stats.strayBytes, 20_000);
});

Deno.test("MpegTsDemuxer gives a keyframe again that a known muxer broke in two against its habit", async () => {
  const source = packetsOf(
    demuxAll(await makeTs([...picture(2, "160x96"), ...X264_LIVE])),
    "video",
  );
  const layout = new TsLayout();
  layout.section(0x11, ffmpegSdtSection());
  layout.tables([[0x1B, VIDEO_PID]]);
  for (const { data, ptsTicks, keyframe } of source) {
    const cut = keyframe ? data.length >> 1 : data.length;
    layout.pes({ payload: data.subarray(0, cut), pts: ptsTicks });
    if (keyframe) layout.pes({ payload: data.subarray(cut) });
  }
  const demuxer = new MpegTsDemuxer();
  const packets = packetsOf([...demuxer.push(layout.bytes()), ...demuxer.flush()], "video");
  const [early, ...others] = packets;
  const [first] = source;
  assert.deepEqual(early!.data, first!.data.subarray(0, first!.data.length >> 1));
  assert.deepEqual(others.map(({ data }) => data), source.map(({ data }) => data));
  assert.deepEqual(others.map(({ ptsTicks }) => ptsTicks), source.map(({ ptsTicks }) => ptsTicks));
  assert.equal(demuxer.stats.falseEnds, 1);
});
