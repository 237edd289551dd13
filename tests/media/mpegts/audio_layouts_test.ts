/** The same sound, laid out in other PES packets: frames and times must stay what they are. */

import assert from "node:assert/strict";
import type { Packet } from "../../../src/media/types.ts";
import { split } from "../codec/helper.ts";
import { FfmpegBatch, type Made } from "../ffmpeg_batch.ts";
import { demuxAll, packetsOf, streamsOf } from "./fixtures.ts";
import { relaid } from "./made_tables.ts";

const SOURCE = "-f lavfi -t 0.8 -i anoisesrc=r=48000:a=0.2:seed=7";
const batch = new FfmpegBatch();

function sound(args: string): Made {
  return batch.add(split(`${SOURCE} ${args} -pes_payload_size 1 -f mpegts pipe:1`));
}

const KINDS: Readonly<Record<string, Made>> = {
  "AAC": sound("-ac 2 -c:a aac"),
  "AAC of one channel": sound("-ac 1 -c:a aac"),
  "AAC 7.1": sound("-af pan=7.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0|c6=c0|c7=c0 -c:a aac"),
  "AAC in LATM": sound("-ac 2 -c:a aac -mpegts_flags latm"),
  "MP2": sound("-ac 2 -c:a mp2"),
  "MP3 at 44.1 kHz": sound("-ac 2 -ar 44100 -c:a libmp3lame"),
  "AC-3": sound("-ac 2 -c:a ac3"),
  "E-AC-3": sound("-ac 2 -c:a eac3"),
  "DTS": sound("-ac 2 -strict -2 -c:a dca"),
  "Opus": sound("-ac 2 -c:a libopus"),
};

for (const [name, made] of Object.entries(KINDS)) {
  Deno.test(`frames of ${name} are found and timed wherever their PES packets begin`, async () => {
    const ts = await made();
    const plain = packetsOf(demuxAll(ts), "audio");
    assert.ok(plain.length > 20, `${plain.length} frames`);
    const expected = streamsOf(demuxAll(ts)).audio;
    for (const pesBytes of [1, 7, 100, 333, 1_000, 6_000]) {
      const events = demuxAll(relaid(ts, { pid: 0x100, pesBytes }));
      assert.deepEqual(streamsOf(events).audio, expected);
      assertSameFrames(packetsOf(events, "audio"), plain, `PES packets of ${pesBytes} bytes`);
    }
    const seldom = relaid(ts, { pid: 0x100, timed: (index) => index % 9 === 0 });
    assertSameFrames(packetsOf(demuxAll(seldom), "audio"), plain, "times of every ninth frame");
  });
}

function assertSameFrames(
  packets: readonly Packet[],
  plain: readonly Packet[],
  about: string,
): void {
  assert.equal(packets.length, plain.length, about);
  for (const [index, { data, ptsTicks }] of packets.entries()) {
    assert.deepEqual(data, plain[index]!.data, `${about}: frame ${index}`);
    const off = Math.abs(ptsTicks - plain[index]!.ptsTicks);
    assert.ok(off <= 1, `${about}: frame ${index} is ${off} ticks off`);
  }
}
