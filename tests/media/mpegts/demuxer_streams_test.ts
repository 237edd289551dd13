import assert from "node:assert/strict";
import { MpegTsDemuxer, MpegTsMuxer, type TsEvent } from "../../../src/media/mpegts/mod.ts";
import {
  concatBytes,
  demuxAll,
  makeTs,
  packetsOf,
  picture,
  runTool,
  streamsOf,
  summarize,
  syntheticPicture,
  tone,
  X264_LIVE,
} from "./fixtures.ts";
import { pat, pmt, registration, withTables } from "./made_tables.ts";

const WRAP = 2 ** 33;
const AAC = ["-c:a", "aac"];
const small = [...picture(1, "160x120"), ...X264_LIVE];
const smallAv = [...picture(1, "160x120"), ...tone(1), ...X264_LIVE, ...AAC];

Deno.test("MpegTsDemuxer announces streams before packets, and again when known", async () => {
  const events = demuxAll(await makeTs(smallAv));
  assert.equal(events[0]?.kind, "streams");
  const announced = events.filter((event) => event.kind === "streams");
  assert.equal(announced.length, 2);
  assert.equal(announced[0]!.audio?.sampleRate, 0);
  assert.equal(announced[0]!.video?.width, 160);
  const second = events.indexOf(announced[1]!);
  assert.equal(announced[1]!.audio?.sampleRate, 48_000);
  assert.equal(events.findIndex((event) => isPacket(event, "audio")), second + 1);
});

Deno.test("MpegTsDemuxer announces Opus from the program map alone", async () => {
  const ts = await makeTs([...tone(0.5), ..."-c:a libopus -ac 2".split(" ")]);
  const demuxer = new MpegTsDemuxer();
  const tables = demuxer.push(ts.subarray(0, 3 * 188));
  assert.equal(tables.length, 1);
  const { audio } = streamsOf(tables);
  assert.equal(audio?.channels, 2);
  assert.equal(new TextDecoder().decode(audio.extradata.subarray(0, 8)), "OpusHead");
});

Deno.test("MpegTsDemuxer lists streams that it does not read", async () => {
  const others = [
    { type: 0x06, pid: 0x200, info: [0x56, 0] },
    { type: 0x06, pid: 0x201, info: [0x59, 0] },
    { type: 0x06, pid: 0x202, info: registration("KLVA") },
    { type: 0x15, pid: 0x203, info: registration("ID3 ") },
    { type: 0x86, pid: 0x204, info: registration("CUEI") },
    { type: 0x1C, pid: 0x205 },
    { type: 0x33, pid: 0x206 },
    { type: 0x35, pid: 0x207 },
    { type: 0xD2, pid: 0x208 },
    { type: 0xD4, pid: 0x209 },
  ];
  const tables = [pat([[1, 0x1000]]), pmt(0x1000, 1, [...others, { type: 0x1B, pid: 0x100 }])];
  const events = demuxAll(withTables(await makeTs(small), () => tables));
  assert.equal(packetsOf(events).length, 30);
  assert.deepEqual(streamsOf(events).unsupported.map(({ medium, name }) => [medium, name]), [
    ["data", "teletext"],
    ["data", "DVB subtitles"],
    ["data", "KLV metadata"],
    ["data", "timed metadata"],
    ["data", "SCTE-35 splice information"],
    ["audio", "raw MPEG-4 audio"],
    ["video", "VVC video"],
    ["video", "EVC video"],
    ["video", "AVS2 video"],
    ["video", "AVS3 video"],
  ]);
});

Deno.test("MpegTsDemuxer reads the first audio stream that it can", async () => {
  const maps = "-map 0 -map 1 -map 1 -c:a:0 aac -c:a:1 ac3".split(" ");
  const plain = await makeTs([...picture(0.5, "160x120"), ...tone(0.5), ...maps, ...X264_LIVE]);
  const tables = [
    pat([[1, 0x1000]]),
    pmt(0x1000, 1, [
      { type: 0x1B, pid: 0x100 },
      { type: 0x1C, pid: 0x200 },
      { type: 0x0F, pid: 0x101 },
      { type: 0x81, pid: 0x102 },
    ]),
  ];
  const streams = streamsOf(demuxAll(withTables(plain, () => tables)));
  assert.equal(streams.audio?.codec, "aac");
  assert.deepEqual(streams.unsupported.map(({ name }) => name), ["raw MPEG-4 audio"]);
});

Deno.test("MpegTsDemuxer reads the next audio stream where the first that is listed does not come", async () => {
  const plain = await makeTs([...picture(1, "160x120"), ...tone(1), ...X264_LIVE]);
  const tables = [
    pat([[1, 0x1000]]),
    pmt(0x1000, 1, [
      { type: 0x1B, pid: 0x100 },
      { type: 0x83, pid: 0x200 },
      { type: 0x81, pid: 0x201 },
      { type: 0x03, pid: 0x101 },
    ]),
  ];
  const [expected, events] = [plain, withTables(plain, () => tables)].map(demuxAll);
  assert.equal(streamsOf(events!).audio?.codec, streamsOf(expected!).audio?.codec);
  assert.deepEqual(packetsOf(events!, "audio"), packetsOf(expected!, "audio"));
  assert.deepEqual(packetsOf(events!, "video"), packetsOf(expected!, "video"));
});

Deno.test("MpegTsDemuxer announces a new picture size with the first picture of it", async () => {
  const first = await makeTs(small);
  const second = await makeTs([
    ...picture(1, "320x180"),
    ...X264_LIVE,
    ..."-output_ts_offset 1".split(" "),
  ]);
  const events = demuxAll(concatBytes([first, second]));
  const sizes = events.flatMap((event, index) =>
    event.kind === "streams" ? [{ index, width: event.video?.width }] : []
  );
  assert.deepEqual(sizes, [{ index: 0, width: 160 }, { index: 31, width: 320 }]);
  assert.equal(packetsOf(events).length, 60);
  assert.equal(events.some((event) => event.kind === "discontinuity"), false);
});

Deno.test("MpegTsDemuxer follows a program map that adds audio or changes its codec", async () => {
  const offset = (seconds: number): string[] => ["-output_ts_offset", String(seconds)];
  const opus = [...picture(1, "160x120"), ...tone(1), ...X264_LIVE, "-c:a", "libopus"];
  const parts = [
    await makeTs(small),
    await makeTs([...smallAv, ...offset(1)]),
    await makeTs([...opus, ...offset(2)]),
  ];
  const events = demuxAll(concatBytes(parts));
  const codecs = events.flatMap((event) =>
    event.kind === "streams" ? [`${event.video?.codec} ${event.audio?.codec ?? "-"}`] : []
  );
  assert.deepEqual([...new Set(codecs)], ["h264 -", "h264 aac", "h264 opus"]);
  const counts = (kind: "video" | "audio"): number =>
    parts.reduce((sum, part) => sum + packetsOf(demuxAll(part), kind).length, 0);
  assert.equal(packetsOf(events, "video").length, counts("video"));
  assert.equal(packetsOf(events, "audio").length, counts("audio"));
});

Deno.test("MpegTsDemuxer unwraps times through the 33-bit wrap", async () => {
  const offset = ["-output_ts_offset", String(WRAP / 90_000 - 1.9)];
  const plain = packetsOf(demuxAll(await makeTs(smallAv)));
  const wrapped = demuxAll(await makeTs([...smallAv, ...offset]));
  assert.equal(wrapped.some((event) => event.kind === "discontinuity"), false);
  const packets = packetsOf(wrapped);
  const shift = packets[0]!.ptsTicks - plain[0]!.ptsTicks;
  assert.ok(packets[0]!.ptsTicks < WRAP && packets.at(-1)!.ptsTicks > WRAP);
  packets.forEach((packet, index) => {
    assert.ok(Math.abs(packet.ptsTicks - plain[index]!.ptsTicks - shift) <= 1);
    assert.ok(Math.abs(packet.dtsTicks - plain[index]!.dtsTicks - shift) <= 1);
  });
});

Deno.test("MpegTsDemuxer reports one discontinuity when all clocks jump", async () => {
  const ts = await makeTs(smallAv);
  const later = await makeTs([...smallAv, "-output_ts_offset", "5000"]);
  for (const parts of [[ts, later], [later, ts]]) {
    const events = demuxAll(concatBytes(parts));
    const jumps = events.filter((event) => event.kind === "discontinuity");
    assert.deepEqual(jumps, [{ kind: "discontinuity", reason: "clock" }]);
    assert.equal(packetsOf(events).length, 2 * packetsOf(demuxAll(ts)).length);
  }
});

Deno.test("MpegTsDemuxer reports a discontinuity that the sender signals", async () => {
  const ts = await makeTs(small);
  const signalled = await makeTs([...small, ..."-mpegts_flags initial_discontinuity".split(" ")]);
  const events = demuxAll(concatBytes([ts, signalled]));
  const reasons = events.flatMap((event) => event.kind === "discontinuity" ? [event.reason] : []);
  assert.deepEqual(reasons, ["signalled"]);
  assert.equal(packetsOf(events).length, 60);
});

Deno.test("MpegTsDemuxer joins segments whose counters start anew", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const input = [...picture(3, "160x120"), ...tone(3), ...X264_LIVE, ...AAC];
    const segment = "-f segment -segment_time 0.5 -segment_format mpegts".split(" ");
    await runTool("ffmpeg", [...input, ...segment, `${folder}/%03d.ts`], undefined);
    const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
    const segments = names.map((name) => Deno.readFileSync(`${folder}/${name}`));
    assert.equal(segments.length, 6);

    const demuxer = new MpegTsDemuxer();
    const told = segments.flatMap((bytes) => [...demuxer.push(bytes), ...demuxer.nextSegment()]);
    const untold = demuxAll(concatBytes(segments));
    for (const events of [told, untold]) {
      assert.equal(packetsOf(events, "video").length, 90);
      assert.equal(packetsOf(events, "audio").length, 142);
      assert.equal(events.some((event) => event.kind === "discontinuity"), false);
      assert.equal(events.filter((event) => event.kind === "streams").length, 2);
    }
    assert.equal(demuxer.stats.continuityErrors, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("MpegTsDemuxer puts a packet together that two segments share", async () => {
  const ts = await makeTs(smallAv);
  const expected = summarize(demuxAll(ts));
  for (const segmentBytes of [1000, 4999, 5000, 20_001]) {
    for (const chunkBytes of [1, 100, 20_001]) {
      const demuxer = new MpegTsDemuxer();
      const events: TsEvent[] = [];
      for (let from = 0; from < ts.length; from += segmentBytes) {
        const segment = ts.subarray(from, from + segmentBytes);
        for (let at = 0; at < segment.length; at += chunkBytes) {
          events.push(...demuxer.push(segment.subarray(at, at + chunkBytes)));
        }
        events.push(...demuxer.nextSegment());
      }
      events.push(...demuxer.flush());
      assert.deepEqual(summarize(events), expected, `${segmentBytes} ${chunkBytes}`);
      assert.equal(demuxer.stats.skippedBytes, 0);
    }
  }
});

Deno.test("reset() drops what is incomplete and takes the next time as it is", async () => {
  const ts = await makeTs(smallAv);
  const later = await makeTs([...smallAv, "-output_ts_offset", "60"]);
  const demuxer = new MpegTsDemuxer();
  const before = demuxer.push(ts.subarray(0, 10_000));
  demuxer.reset();
  const after = [...demuxer.push(later), ...demuxer.flush()];
  assert.ok(packetsOf(before).length > 0);
  assert.equal(after.some((event) => event.kind === "discontinuity"), false);
  assert.deepEqual(
    summarize(after).filter((line) => !line.startsWith("{")),
    summarize(demuxAll(later)).filter((line) => !line.startsWith("{")),
  );
});

Deno.test("flush() ends a picture that has neither length nor stuffing", () => {
  const muxer = new MpegTsMuxer({ video: { codec: "h264" } });
  const data = syntheticPicture(100_000, true);
  const tables = muxer.startSegment();
  const unit = muxer.write({ kind: "video", ptsTicks: 0, dtsTicks: 0, keyframe: true, data });
  const demuxer = new MpegTsDemuxer();
  const cut = unit.subarray(0, unit.length - 188);
  assert.deepEqual(demuxer.push(concatBytes([tables, cut])), []);
  assert.equal(packetsOf(demuxer.flush()).length, 1);
});

function isPacket(event: TsEvent, stream: "video" | "audio"): boolean {
  return event.kind === "packet" && event.stream === stream;
}
