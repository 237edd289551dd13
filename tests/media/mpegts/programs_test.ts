import assert from "node:assert/strict";
import { MpegTsDemuxer, type TsEvent } from "../../../src/media/mpegts/mod.ts";
import { split } from "../codec/helper.ts";
import { FfmpegBatch } from "../ffmpeg_batch.ts";
import {
  concatBytes,
  demuxAll,
  makeTs,
  packetsOf,
  picture,
  streamsOf,
  summarize,
  tone,
  X264_LIVE,
} from "./fixtures.ts";
import { type MadeTable, packSection, pat, pmt, withTables } from "./made_tables.ts";

const AV = [{ type: 0x1B, pid: 0x100 }, { type: 0x0F, pid: 0x101 }];
const SOUND = [{ type: 0x0F, pid: 0x101 }];
const DATA = [{ type: 0x86, pid: 0x180 }];

/** One second of pictures and sound on PIDs 0x100 and 0x101. */
function clip(): Promise<Uint8Array> {
  return makeTs([...picture(1, "160x120"), ...tone(1), ...X264_LIVE, "-c:a", "aac"]);
}

/** Two programs in one stream: 320x180 and sound in the first, 160x120 in the second. */
function twoPrograms(): Promise<Uint8Array> {
  return makeTs([
    ...[...picture(1, "320x180"), ...picture(1, "160x120"), ...tone(1)],
    ..."-map 0 -map 1 -map 2 -program program_num=7:st=0:st=2 -program program_num=9:st=1"
      .split(" "),
    ...[...X264_LIVE, "-c:a", "aac"],
  ]);
}

function units(events: readonly TsEvent[]): string[] {
  return summarize(events.filter(({ kind }) => kind === "packet"));
}

function programsOf(events: readonly TsEvent[]): (number | undefined)[] {
  const numbers = events.flatMap((event) =>
    event.kind === "streams" ? [event.program?.number] : []
  );
  return numbers.filter((number, index) => index === 0 || number !== numbers[index - 1]);
}

const LAYOUTS: Readonly<Record<string, { tables: readonly MadeTable[]; program: number }>> = {
  "whose first program is not in the stream": {
    tables: [pat([[1, 0x1F00], [2, 0x1000]]), pmt(0x1000, 2, AV)],
    program: 2,
  },
  "whose first program is empty": {
    tables: [pat([[1, 0x1F00], [2, 0x1000]]), pmt(0x1F00, 1, []), pmt(0x1000, 2, AV)],
    program: 2,
  },
  "whose first program has only data": {
    tables: [pat([[4, 0x1F00], [2, 0x1000]]), pmt(0x1F00, 4, DATA), pmt(0x1000, 2, AV)],
    program: 2,
  },
  "whose first program has only sound": {
    tables: [pat([[1, 0x1F00], [2, 0x1000]]), pmt(0x1F00, 1, SOUND), pmt(0x1000, 2, AV)],
    program: 2,
  },
  "whose programs share a PID, the wanted one last": {
    tables: [pat([[1, 0x1000], [2, 0x1000]]), pmt(0x1000, 1, DATA), pmt(0x1000, 2, AV)],
    program: 2,
  },
  "whose programs share a PID, the wanted one first": {
    tables: [pat([[1, 0x1000], [2, 0x1000]]), pmt(0x1000, 1, AV), pmt(0x1000, 2, DATA)],
    program: 1,
  },
  "whose maps come in another order than the table has": {
    tables: [
      pat([[1, 0x1000], [2, 0x1001]]),
      pmt(0x1001, 2, [{ type: 0x1B, pid: 0x300 }]),
      pmt(0x1000, 1, AV),
    ],
    program: 1,
  },
  "whose table has two sections": {
    tables: [
      pat([[1, 0x1F00]], { part: 0, lastPart: 1 }),
      pat([[2, 0x1000]], { part: 1, lastPart: 1 }),
      pmt(0x1F00, 1, DATA),
      pmt(0x1000, 2, AV),
    ],
    program: 2,
  },
  "whose map has another number than the table": {
    tables: [pat([[1, 0x1000]]), pmt(0x1000, 3, AV)],
    program: 1,
  },
};

for (const [name, { tables, program }] of Object.entries(LAYOUTS)) {
  Deno.test(`MpegTsDemuxer reads all of a stream ${name}`, async () => {
    const plain = await clip();
    const events = demuxAll(withTables(plain, () => tables));
    assert.deepEqual(units(events), units(demuxAll(plain)));
    assert.deepEqual(programsOf(events), [program]);
  });
}

Deno.test("MpegTsDemuxer reads the first of ffmpeg's programs, and says which there are", async () => {
  const events = demuxAll(await twoPrograms());
  const { video, audio, program } = streamsOf(events);
  assert.deepEqual([video?.width, audio?.sampleRate], [320, 48_000]);
  assert.deepEqual(program, { number: 7, all: [7, 9] });
});

Deno.test("MpegTsDemuxer.readProgram() says which program is read, from the first byte or later", async () => {
  const ts = await twoPrograms();
  const demuxer = new MpegTsDemuxer();
  demuxer.readProgram(9);
  const events = [...demuxer.push(ts), ...demuxer.flush()];
  const { video, audio, program } = streamsOf(events);
  assert.deepEqual([video?.width, audio, program?.number], [160, undefined, 9]);
  assert.equal(packetsOf(events).length, 30);

  const changing = new MpegTsDemuxer();
  const before = changing.push(ts.subarray(0, 188 * 60));
  changing.readProgram(9);
  const after = [...changing.push(ts.subarray(188 * 60)), ...changing.flush()];
  assert.equal(streamsOf(before).video?.width, 320);
  assert.equal(streamsOf(after).video?.width, 160);
  assert.equal(packetsOf(after, "audio").length, 0);
  changing.readProgram(undefined);
  assert.equal(streamsOf([...changing.push(ts), ...changing.flush()]).video?.width, 320);
});

Deno.test("MpegTsDemuxer says once that a program is not in the stream, and reads nothing", async () => {
  const demuxer = new MpegTsDemuxer();
  demuxer.readProgram(5);
  const events = [...demuxer.push(await twoPrograms()), ...demuxer.flush()];
  assert.deepEqual(events, [
    { kind: "streams", unsupported: [], program: { number: undefined, all: [7, 9] } },
  ]);
});

Deno.test("MpegTsDemuxer goes on with another program when its own is gone", async () => {
  const plain = await clip();
  const tables = (time: number): MadeTable[] =>
    time < 5
      ? [pat([[1, 0x1000]]), pmt(0x1000, 1, AV)]
      : [pat([[2, 0x1001]], { version: 1 }), pmt(0x1001, 2, AV)];
  const events = demuxAll(withTables(plain, tables));
  assert.deepEqual(units(events), units(demuxAll(plain)));
  assert.deepEqual(programsOf(events), [1, 2]);
});

Deno.test("MpegTsDemuxer keeps its program when an earlier one turns up, or its own map changes", async () => {
  const plain = await clip();
  const other = pmt(0x1001, 1, [{ type: 0x1B, pid: 0x300 }]);
  const tables = (time: number): MadeTable[] => [
    pat([[1, 0x1001], [2, 0x1000]]),
    pmt(0x1000, 2, time < 3 ? AV : [...AV, ...DATA], { version: time < 3 ? 0 : 1 }),
    ...(time < 2 ? [] : [other]),
  ];
  const events = demuxAll(withTables(plain, tables));
  assert.deepEqual(units(events), units(demuxAll(plain)));
  assert.deepEqual(programsOf(events), [2]);
});

Deno.test("MpegTsDemuxer announces a program without pictures and sound only where no other may come", () => {
  const tables = concatBytes([
    pat([[1, 0x1000], [2, 0x1001]]),
    pmt(0x1000, 1, DATA),
  ].map((table) => packSection(table)));
  const demuxer = new MpegTsDemuxer();
  assert.deepEqual(demuxer.push(tables), []);
  const again = demuxer.push(packSection(pmt(0x1000, 1, DATA), 1));
  assert.deepEqual(streamsOf(again).unsupported.map(({ medium, pid }) => [medium, pid]), [
    ["data", 0x180],
  ]);
});

Deno.test("MpegTsDemuxer reads pictures and sound of a stream without tables, from the first on", async () => {
  const ts = await clip();
  const isTable = (at: number): boolean => {
    const pid = (ts[at + 1]! & 0x1F) << 8 | ts[at + 2]!;
    return pid !== 0x100 && pid !== 0x101;
  };
  const packets: Uint8Array[] = [];
  for (let at = 0; at < ts.length; at += 188) {
    if (!isTable(at)) packets.push(ts.subarray(at, at + 188));
  }
  const events = demuxAll(concatBytes(packets));
  const expected = demuxAll(ts);
  for (const kind of ["video", "audio"] as const) {
    const [got, wanted] = [events, expected].map((all) =>
      packetsOf(all, kind).map(({ ptsTicks, data }) => [ptsTicks, data.length])
    );
    assert.deepEqual(got, wanted);
  }
  const { video, audio } = streamsOf(events);
  assert.deepEqual([video?.codec, audio?.codec], ["h264", "aac"]);
});

Deno.test("MpegTsDemuxer takes data of which nothing is said for neither pictures nor sound", async () => {
  // Raw pictures are full of start codes and of what frames begin with.
  const kinds = [
    "fits -pix_fmt gbrp16be",
    "pbm -pix_fmt monow",
    "magicyuv",
    "alias_pix -pix_fmt bgr24",
  ];
  const batch = new FfmpegBatch();
  const made = kinds.map((kind) =>
    batch.add(split(`-f lavfi -i testsrc2=s=176x144:r=25:d=0.6 -c:v ${kind} -f mpegts pipe:1`))
  );
  for (const [index, kind] of kinds.entries()) {
    const events = demuxAll(await made[index]!());
    assert.deepEqual(packetsOf(events), [], kind);
    const { video, audio } = streamsOf(events);
    assert.deepEqual([video, audio], [undefined, undefined], kind);
  }
});
