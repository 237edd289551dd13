/** Damage in streams of the less common codecs: nothing throws, and every packet has its times. */

import assert from "node:assert/strict";
import { MpegTsDemuxer, type TsEvent } from "../../../src/media/mpegts/mod.ts";
import { split } from "../codec/helper.ts";
import { FfmpegBatch } from "../ffmpeg_batch.ts";
import { createRandom, packetsOf } from "./fixtures.ts";
import { pat, pmt, registration, withTables } from "./made_tables.ts";

const INPUT = "-f lavfi -i testsrc2=s=96x64:r=25:d=0.6 -f lavfi -i sine=d=0.6";
const SEEDS = 60;

const batch = new FfmpegBatch();
const made = (codecs: string) => batch.add(split(`${INPUT} ${codecs} -f mpegts pipe:1`));

const STREAMS = {
  "MPEG-2 and E-AC-3": made("-c:v mpeg2video -bf 2 -c:a eac3"),
  "MPEG-4 and LATM": made("-c:v mpeg4 -bf 2 -c:a aac -mpegts_flags latm"),
  "VC-2 and DTS": made("-c:v vc2 -pix_fmt yuv420p -c:a dca -ac 2 -ar 48000 -strict -2"),
  "MPEG-1 and MP2": made("-c:v mpeg1video -c:a mp2"),
};

for (const [name, stream] of Object.entries(STREAMS)) {
  Deno.test(`MpegTsDemuxer gets over any damage in ${name}`, async () => {
    const whole = await stream();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = createRandom(seed);
      const damaged = whole.slice();
      const isHeavy = seed % 4 === 0;
      for (let i = 0; i < (isHeavy ? 2_000 : 20); i++) {
        const at = random(damaged.length);
        // Sync bytes stay in most rounds: what is below them is to be met, too.
        if (at % 188 > 3 || isHeavy) damaged[at] = random(256);
      }
      assertTimed(demuxInPieces(damaged, random), seed);
    }
  });

  Deno.test(`MpegTsDemuxer gets over ${name} that is listed as something else`, async () => {
    const whole = await stream();
    const types = [
      0x01,
      0x02,
      0x03,
      0x0F,
      0x10,
      0x11,
      0x1B,
      0x24,
      0x42,
      0x81,
      0x82,
      0x87,
      0xD1,
      0xEA,
    ];
    for (const video of types) {
      for (const audio of types) {
        const streams = [{ type: video, pid: 0x100 }, { type: audio, pid: 0x101 }];
        const tables = [pat([[1, 0x1000]]), pmt(0x1000, 1, streams)];
        const events = demuxInPieces(withTables(whole, () => tables), createRandom(video));
        assertTimed(events, video * 256 + audio);
      }
    }
    const av1 = [{ type: 6, pid: 0x100, info: registration("AV01") }];
    const tables = [pat([[1, 0x1000]]), pmt(0x1000, 1, av1)];
    assertTimed(demuxInPieces(withTables(whole, () => tables), createRandom(1)), 0);
  });
}

function demuxInPieces(bytes: Uint8Array, random: (bound: number) => number): TsEvent[] {
  const demuxer = new MpegTsDemuxer();
  const events: TsEvent[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + random(4_000);
    events.push(...demuxer.push(bytes.subarray(at, end)));
    at = end;
  }
  return [...events, ...demuxer.flush()];
}

function assertTimed(events: readonly TsEvent[], seed: number): void {
  for (const { ptsTicks, dtsTicks, data } of packetsOf(events)) {
    const isTimed = Number.isInteger(ptsTicks) && Number.isInteger(dtsTicks);
    assert.ok(isTimed && data.length > 0, `seed ${seed}: ${ptsTicks} ${dtsTicks}`);
  }
}
