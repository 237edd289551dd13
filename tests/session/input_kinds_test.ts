/** Streams that few publish and ffmpeg plays: other codecs, other streams beside, other layouts. */

import assert from "node:assert/strict";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import type { AudioFrame } from "../../src/frames/mod.ts";
import {
  decodeAudio,
  decodeVideo,
  loudness,
  type OutputSound,
  soundSeconds,
} from "../e2e/decoding.ts";
import { assertDecodesCleanly, probeStreams } from "../e2e/ffmpeg.ts";
import { split } from "../media/codec/helper.ts";
import { FfmpegBatch, type Made } from "../media/ffmpeg_batch.ts";
import {
  type MadeStream,
  pat,
  pmt,
  registration,
  withTables,
} from "../media/mpegts/made_tables.ts";
import { asHeAac } from "../media/mpegts/he_aac.ts";
import { joined, testClip } from "./clips.ts";
import { Passthrough, Rig, type RigOptions } from "./rig.ts";

const PICTURES = "-f lavfi -i testsrc2=s=176x144:r=25:d=1.2";
const TONE = "-f lavfi -i aevalsrc=0.4*sin(440*2*PI*t)|0.4*sin(440*2*PI*t):s=48000:d=1.2";
const SIDE = "-f lavfi -i aevalsrc=" +
  `${[440, 550, 660, 60, 770, 880].map((f) => `0.1*sin(${f}*2*PI*t)`).join("|")}` +
  ":s=48000:d=1.2:c=5.1(side)";

const batch = new FfmpegBatch();
function made(args: string): Made {
  return batch.add(split(`${args} -f mpegts pipe:1`));
}

const MPEG2_MP2 = made(`${PICTURES} ${TONE} -c:v mpeg2video -b:v 2M -g 10 -bf 2 -c:a mp2`);
const MPEG4_LATM = made(`${PICTURES} ${TONE} -c:v mpeg4 -b:v 2M -g 10 -c:a aac -mpegts_flags latm`);
const EAC3 = made(`${PICTURES} ${TONE} -c:v mpeg1video -b:v 2M -g 10 -c:a eac3`);
const S302M = made(`${PICTURES} ${TONE} -c:v mpeg2video -b:v 2M -g 10 -c:a s302m -strict -2`);
const SIDE_AC3 = made(`${PICTURES} ${SIDE} -c:v mpeg2video -g 10 -c:a ac3`);
const PCE_AAC = made(`${SIDE} -c:a aac`);
const MONO_AAC = made(`${TONE} -ar 24000 -ac 1 -c:a aac`);
const LOW_AAC = made(`${TONE} -ar 24000 -c:a aac`);
const M2TS = made(`${PICTURES} ${TONE} -c:v libx264 -g 10 -c:a aac -mpegts_m2ts_mode 1`);

/** Runs a stream through a session, and returns what it wrote. */
async function run(
  bytes: Uint8Array,
  options: RigOptions = {},
): Promise<{ readonly rig: Rig; readonly output: Uint8Array }> {
  const rig = new Rig({ audioCodec: "source", ...options });
  rig.session.start();
  await rig.source.feed([bytes]);
  rig.source.end();
  assert.deepEqual(await rig.ended(), { reason: "input-ended", found: true });
  return { rig, output: joined(rig.sink.whole) };
}

for (
  const [name, { ts, audioCodec, codec }] of Object.entries(
    {
      "MPEG-2 with MP2, transcoded": { ts: MPEG2_MP2, audioCodec: "opus", codec: "opus" },
      "MPEG-2 with MP2, copied": { ts: MPEG2_MP2, audioCodec: "source", codec: "mp2" },
      "MPEG-4 with LATM, transcoded": { ts: MPEG4_LATM, audioCodec: "opus", codec: "opus" },
      "MPEG-4 with LATM, copied": { ts: MPEG4_LATM, audioCodec: "source", codec: "aac_latm" },
      "MPEG-1 with E-AC-3, transcoded": { ts: EAC3, audioCodec: "aac", codec: "aac" },
      "MPEG-1 with E-AC-3, copied": { ts: EAC3, audioCodec: "source", codec: "eac3" },
      "MPEG-2 with SMPTE 302M, which is not copied": {
        ts: S302M,
        audioCodec: "source",
        codec: "aac",
      },
      "H.264 with AAC in packets of 192 bytes": { ts: M2TS, audioCodec: "source", codec: "aac" },
    } as const,
  )
) {
  Deno.test(`a session plays ${name}, with pictures and sound where they were`, async () => {
    const input = await ts();
    const { rig, output } = await run(input, { audioCodec });
    assert.deepEqual(rig.errors, []);
    const [before, after] = [await decodeVideo(input), await decodeVideo(output)];
    assert.deepEqual(after.map(({ ptsTicks }) => ptsTicks), before.map(({ ptsTicks }) => ptsTicks));
    const { frames_in, frames_out } = rig.session.metrics();
    assert.deepEqual([frames_in, frames_out], [before.length, before.length]);
    const audio = (await probeStreams(output)).find(({ codec_type }) => codec_type === "audio");
    assert.equal(audio?.codec_name, codec);
    const [sent, heard] = [await decodeAudio(input), await decodeAudio(output)];
    assert.ok(Math.abs(loudness(heard) / loudness(sent) - 1) < 0.1, "as loud as before");
  });
}

/** Hears the sound as it is. */
class Listener extends Passthrough {
  override processAudio(frame: AudioFrame): AudioFrame {
    return frame;
  }
}

for (
  const [name, options] of Object.entries(
    {
      transcoded: { audioCodec: "opus" },
      processed: { audioCodec: "opus", processor: new Listener() },
      "processed to AAC": { audioCodec: "aac", processor: new Listener() },
    } satisfies Record<string, RigOptions>,
  )
) {
  Deno.test(`HE-AAC keeps its speed and loudness when it is ${name}`, async () => {
    const input = asHeAac(await LOW_AAC());
    const { rig, output } = await run(input, options);
    assert.deepEqual(rig.errors, []);
    const [sent, heard] = [await decodeAudio(input), await decodeAudio(output)];
    assert.ok(Math.abs(loudness(heard) / loudness(sent) - 1) < 0.1, "as loud as before");
    assert.ok(Math.abs(soundSeconds(heard) - soundSeconds(sent)) < 0.1, "as long as before");
    assert.ok(
      Math.abs(crossings(heard) / crossings(sent) - 1) < 0.1,
      `as high as before: ${crossings(heard)} not ${crossings(sent)}`,
    );
  });
}

Deno.test("sound that may be HE-AAC goes out with the rate and channels of its extensions", async () => {
  const input = asHeAac(await MONO_AAC());
  const { output } = await run(input, { audioCodec: "aac", processor: new Listener() });
  const [audio] = await probeStreams(output);
  assert.deepEqual([audio?.sample_rate, audio?.channels], ["48000", 2]);
});

/** How often a tone rises from well below zero to well above. */
function crossings(sound: readonly OutputSound[]): number {
  let count = 0;
  let isLow = false;
  for (const sample of sound.flatMap(({ samples }) => [...samples])) {
    if (isLow && sample > 0.1) count++;
    if (Math.abs(sample) > 0.1) isLow = sample < 0;
  }
  return count;
}

Deno.test("AAC with a program config element is copied as it is", async () => {
  const input = await PCE_AAC();
  const { rig, output } = await run(input, { audioCodec: "source" });
  assert.deepEqual(rig.errors, []);
  const [sent, heard] = [await decodeAudio(input), await decodeAudio(output)];
  assert.deepEqual(heard.map(({ samples }) => samples), sent.map(({ samples }) => samples));
});

Deno.test("5.1 with side channels becomes AAC that every decoder takes", async () => {
  const { rig, output } = await run(await SIDE_AC3(), { audioCodec: "aac" });
  assert.deepEqual(rig.errors, []);
  await assertDecodesCleanly(output, "the output");
  const audio = (await probeStreams(output)).find(({ codec_type }) => codec_type === "audio");
  assert.deepEqual([audio?.codec_name, audio?.channels], ["aac", 6]);
});

/** H.264 and AAC on PIDs 0x100 and 0x101, listed with other streams. */
async function listed(streams: readonly MadeStream[]): Promise<Uint8Array> {
  const { segments } = await testClip();
  return withTables(joined(segments), () => [pat([[1, 0x1000]]), pmt(0x1000, 1, streams)]);
}

const H264 = { type: 0x1B, pid: 0x100 };
const AAC = { type: 0x0F, pid: 0x101 };

/** What was logged on the way, from `info` up. */
async function logged(task: () => Promise<void>): Promise<string[]> {
  const records: LogRecord[] = [];
  await configure({
    sinks: { memory: (record) => records.push(record) },
    loggers: [
      { category: "runnel", sinks: ["memory"], lowestLevel: "info" },
      { category: ["logtape", "meta"], sinks: [] },
    ],
  });
  try {
    await task();
  } finally {
    await reset();
  }
  return records.map(({ message }) => message.join(""));
}

Deno.test("streams of other kinds beside are no errors, and one log line", async () => {
  const input = await listed([
    { type: 0x86, pid: 0x200, info: registration("CUEI") },
    { type: 0x15, pid: 0x201, info: registration("ID3 ") },
    { type: 0x06, pid: 0x202, info: registration("KLVA") },
    { type: 0x06, pid: 0x203, info: [0x56, 0] },
    { type: 0x06, pid: 0x204, info: [0x59, 0] },
    { type: 0x1C, pid: 0x205 },
    H264,
    AAC,
  ]);
  const lines = await logged(async () => {
    const { rig } = await run(input);
    assert.deepEqual(rig.errors, []);
    assert.equal(rig.session.metrics().error_count, 0);
    assert.deepEqual(rig.videoTicks, (await testClip()).videoTicks);
  });
  assert.deepEqual(lines.filter((line) => line.includes("PID")), [
    "Leaves out of the input: SCTE-35 splice information (PID 512), timed metadata (PID 513), " +
    "KLV metadata (PID 514), teletext (PID 515), DVB subtitles (PID 516), raw MPEG-4 audio (PID 517)",
  ]);
});

Deno.test("the program that is read is logged where there are several, and may be chosen", async () => {
  const { segments, videoTicks } = await testClip();
  const tables = [
    pat([[3, 0x1001], [4, 0x1000]]),
    pmt(0x1001, 3, [{ type: 0x1B, pid: 0x300 }]),
    pmt(0x1000, 4, [H264, AAC]),
  ];
  const input = withTables(joined(segments), () => tables);
  const lines = await logged(async () => {
    const { rig } = await run(input, { params: { program: 4 } });
    assert.deepEqual(rig.errors, []);
    assert.deepEqual(rig.videoTicks, videoTicks);
  });
  assert.ok(lines.includes("Reads program 4 of the input, which has 3, 4"), lines.join("\n"));

  const { rig } = await run(input, { params: { program: 5 } });
  assert.deepEqual(rig.errors, [
    "input: Cannot find the program that was asked for: the input has programs 3, 4; " +
    "change the parameter program",
  ]);
});

Deno.test("a program may be chosen while the stream runs", async () => {
  const { segments, videoTicks } = await testClip({ seconds: 2 });
  const tables = [
    pat([[3, 0x1001], [4, 0x1000]]),
    pmt(0x1001, 3, [{ type: 0x1B, pid: 0x300 }]),
    pmt(0x1000, 4, [H264, AAC]),
  ];
  const rig = new Rig();
  rig.session.start();
  await rig.source.feed([withTables(segments[0]!, () => tables)]);
  await rig.session.updateParams({ program: 4 });
  await rig.source.feed(segments.slice(1).map((bytes) => withTables(bytes, () => tables)));
  rig.source.end();
  await rig.ended();
  assert.deepEqual(rig.videoTicks.slice(-30), videoTicks.slice(10));
});

Deno.test("video that this ffmpeg has no decoder for is named, and its sound goes on", async () => {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("FFMPEG_PATH");
  const input = await MPEG2_MP2();
  try {
    const program = `${folder}/ffmpeg`;
    const script = `#!/bin/sh\ncase "$*" in *-decoders*) exit 0;; esac\nexec ffmpeg "$@"\n`;
    await Deno.writeTextFile(program, script);
    await Deno.chmod(program, 0o755);
    Deno.env.set("FFMPEG_PATH", program);
    const { rig } = await run(input);
    assert.deepEqual(rig.errors, [
      "input: Cannot decode the mpeg2video video of the input: this ffmpeg has no decoder for it; " +
      "install one that has, or publish H.264 or HEVC",
    ]);
    assert.ok(rig.audioPackets > 40, `${rig.audioPackets} audio packets`);
  } finally {
    if (before === undefined) Deno.env.delete("FFMPEG_PATH");
    else Deno.env.set("FFMPEG_PATH", before);
    await Deno.remove(folder, { recursive: true });
  }
});

for (
  const [name, unusable] of Object.entries({
    "is not what it is listed as": (payload: Uint8Array): void => void payload.fill(0x11),
    "has frames that no decoder takes": (payload: Uint8Array): void => spoilFrames(payload),
  })
) {
  Deno.test(`sound that ${name} is reported once, and the pictures go on`, async () => {
    const clip = await testClip({ seconds: 4 });
    const input = joined(clip.segments).slice();
    for (let at = 0; at < input.length; at += 188) {
      const pid = (input[at + 1]! & 0x1F) << 8 | input[at + 2]!;
      if (pid !== 0x101) continue;
      const field = (input[at + 3]! & 0x20) === 0 ? 0 : 1 + input[at + 4]!;
      const isStart = (input[at + 1]! & 0x40) !== 0;
      unusable(input.subarray(at + 4 + field + (isStart ? 14 : 0), at + 188));
    }
    const { rig } = await run(input, { audioCodec: "opus" });
    assert.deepEqual(rig.videoTicks, clip.videoTicks);
    assert.equal(rig.errors.length, 1, rig.errors.join("\n"));
    assert.match(rig.errors[0]!, /Cannot use the (sound of|unrecognizable aac audio stream)/);
    assert.equal(rig.audioPackets, 0);
  });
}

/** Keeps ADTS headers and makes the rest of each packet nonsense. */
function spoilFrames(payload: Uint8Array): void {
  const isHeader = payload[0] === 0xFF && (payload[1]! & 0xF6) === 0xF0;
  payload.fill(0xFF, isHeader ? 7 : 0);
}
