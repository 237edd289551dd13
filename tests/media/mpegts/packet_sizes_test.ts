/** Packets of 192 bytes (a time stamp in front) and of 204 bytes (a code behind). */

import assert from "node:assert/strict";
import { MpegTsDemuxer, type TsEvent } from "../../../src/media/mpegts/mod.ts";
import {
  concatBytes,
  createRandom,
  demuxAll,
  makeTs,
  picture,
  summarize,
  tone,
  X264_LIVE,
} from "./fixtures.ts";

function clip(): Promise<Uint8Array> {
  return makeTs([...picture(1, "160x120"), ...tone(1), ...X264_LIVE, "-c:a", "aac"]);
}

const random = createRandom(7);

/** The packets with bytes in front and behind, which are sync bytes now and then, once they are known. */
function padded(ts: Uint8Array, { front = 0, behind = 0 }): Uint8Array {
  const noise = (count: number, at: number): Uint8Array =>
    Uint8Array.from({ length: count }, () => at > 1_000 && random(4) === 0 ? 0x47 : random(64));
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < ts.length; at += 188) {
    pieces.push(noise(front, at), ts.subarray(at, at + 188), noise(behind, at));
  }
  return concatBytes(pieces);
}

const FORMS = { "192 bytes": { front: 4 }, "204 bytes": { behind: 16 } };

for (const [name, form] of Object.entries(FORMS)) {
  Deno.test(`MpegTsDemuxer reads packets of ${name} like plain ones, and counts no damage`, async () => {
    const plain = await clip();
    const demuxer = new MpegTsDemuxer();
    const events = [...demuxer.push(padded(plain, form)), ...demuxer.flush()];
    assert.deepEqual(summarize(events), summarize(demuxAll(plain)));
    const { packets, resyncs, skippedBytes } = demuxer.stats;
    assert.deepEqual([packets, resyncs, skippedBytes], [plain.length / 188, 0, 0]);
  });

  Deno.test(`MpegTsDemuxer reads packets of ${name} however their bytes arrive`, async () => {
    const plain = await clip();
    const bytes = padded(plain, form);
    const expected = summarize(demuxAll(plain));
    for (const most of [1, 50, 203, 5_000]) {
      const demuxer = new MpegTsDemuxer();
      const events: TsEvent[] = [];
      for (let at = 0; at < bytes.length;) {
        const end = at + 1 + random(most);
        events.push(...demuxer.push(bytes.subarray(at, end)));
        at = end;
      }
      events.push(...demuxer.flush());
      assert.deepEqual(summarize(events), expected);
      assert.equal(demuxer.stats.resyncs, 0);
    }
  });

  Deno.test(`MpegTsDemuxer reads segments of packets of ${name}, and after damage`, async () => {
    const plain = await clip();
    const half = Math.floor(plain.length / 376) * 188;
    const parts = [plain.subarray(0, half), plain.subarray(half)].map((part) => padded(part, form));
    const demuxer = new MpegTsDemuxer();
    const events = [
      ...demuxer.push(parts[0]!),
      ...demuxer.nextSegment(),
      ...demuxer.push(parts[1]!),
      ...demuxer.flush(),
    ];
    assert.equal(demuxer.stats.packets, plain.length / 188);
    assert.equal(demuxer.stats.resyncs, 0);
    assert.ok(events.length > 60);

    const damaged = new MpegTsDemuxer();
    damaged.push(concatBytes([parts[0]!, new Uint8Array(77), parts[1]!]));
    damaged.flush();
    assert.equal(damaged.stats.resyncs, 1);
    assert.ok(damaged.stats.packets >= plain.length / 188 - 1);
  });
}

Deno.test("MpegTsDemuxer follows a stream whose packets change their size", async () => {
  const plain = await clip();
  const demuxer = new MpegTsDemuxer();
  demuxer.push(concatBytes([plain, padded(plain, { front: 4 }), padded(plain, { behind: 16 })]));
  demuxer.flush();
  assert.ok(demuxer.stats.packets >= 3 * plain.length / 188 - 2);
});
