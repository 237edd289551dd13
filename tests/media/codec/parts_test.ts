import assert from "node:assert/strict";
import { AudioTimeline } from "../../../src/media/codec/audio/audio_timeline.ts";
import {
  canDecode,
  codecNames,
  decodedCodecs,
  isTooOld,
  probeCapabilities,
} from "../../../src/media/codec/capabilities.ts";
import { FfmpegChild } from "../../../src/media/codec/child/child.ts";
import { KeyframeClock } from "../../../src/media/codec/video/keyframe_clock.ts";
import { sequenceParameterSets } from "../../../src/media/codec/parameter_sets.ts";
import { PtsMap } from "../../../src/media/codec/pts_map.ts";
import { RestartBudget } from "../../../src/media/codec/restart_budget.ts";
import { openInput, openOutput } from "../../../src/media/codec/child/transport.ts";
import { DEADLINE_MS, until } from "../../waiting.ts";

const TIME_BASE = { num: 1, den: 90_000 };

Deno.test("RestartBudget allows three tries and forgives after two quiet minutes", () => {
  let now = 0;
  const budget = new RestartBudget({ now: () => now });
  assert.deepEqual([1, 2, 3, 4].map(() => budget.spend()), [true, true, true, false]);
  now += 119_999;
  assert.equal(budget.spend(), false);
  now += 120_000;
  assert.deepEqual([1, 2, 3, 4].map(() => budget.spend()), [true, true, true, false]);
});

Deno.test("KeyframeClock gives rising ticks, odd ones for keyframes but the first", () => {
  const clock = new KeyframeClock({ timeBase: TIME_BASE, gopSeconds: 2 });
  const pts = [0, 90_000, 180_000, 181_000, 9e12, 5, 6];
  const ticks = pts.map((ticks) => clock.tick(ticks));
  assert.deepEqual(ticks.map(({ keyframe }) => keyframe), [
    ...[true, false, true, false],
    ...[true, true, false],
  ]);
  assert.deepEqual(ticks.map(({ tick }) => tick % 2), [0, 0, 1, 0, 1, 1, 0]);
  ticks.forEach(({ tick }, i) => i > 0 && assert.ok(tick > ticks[i - 1]!.tick));
  assert.ok(ticks.at(-1)!.tick < 4096 * 4, "jumps are ironed out");
});

Deno.test("PtsMap gives pts back and counts what never came", () => {
  const map = new PtsMap(TIME_BASE);
  const pts = [9e9, 9e9 + 9000, 9e9 + 3000, 9e9 + 6000];
  const ticks = pts.map((ticks, i) => map.enter(ticks, 9e9 + i * 3000 - 6000));
  assert.equal(map.leave(ticks[0]!), pts[0]);
  assert.equal(map.leave(ticks[3]!), pts[3]);
  assert.equal(map.skipped, 1);
  assert.equal(map.inFlight, 1);
  assert.equal(map.leave(ticks[2]!), undefined);
  assert.equal(map.guess(ticks[1]!), pts[1]);
});

Deno.test("PtsMap tells equal pts apart and rises across jumps of the clock", () => {
  const map = new PtsMap(TIME_BASE);
  const pts = [1000, 1000, 1000, 5, 6, 9e12, 9e12 + 1];
  const ticks = pts.map((ticks) => map.enter(ticks, ticks));
  ticks.forEach((tick, i) => i > 0 && assert.ok(tick > ticks[i - 1]!, `${tick}`));
  assert.deepEqual(ticks.map((tick) => map.leave(tick)), pts);
});

Deno.test("AudioTimeline fills gaps, cuts overlaps, ignores jitter and notices jumps", () => {
  const timeline = new AudioTimeline(90_000, { sampleRate: 48_000, timeBase: TIME_BASE });
  assert.deepEqual(timeline.append(90_000, 4800), { silence: 0, skip: 0 });
  assert.deepEqual(timeline.append(99_090, 4800), { silence: 0, skip: 0 });
  assert.deepEqual(timeline.append(117_000, 4800), { silence: 4800, skip: 0 });
  assert.deepEqual(timeline.append(121_500, 4800), { silence: 0, skip: 2400 });
  assert.deepEqual(timeline.append(100_000, 480), { silence: 0, skip: 480 });
  assert.equal(timeline.samples, 4800 * 4 + 2400);
  assert.equal(timeline.continues(130_500 + 90_001), false);
  assert.equal(timeline.continues(130_500 - 90_001), false);
  assert.equal(timeline.continues(130_500 + 89_000), true);
});

Deno.test("sequenceParameterSets() finds them before the first slice only", () => {
  const nal = (...bytes: number[]) => [0, 0, 0, 1, ...bytes];
  const h264 = Uint8Array.from([
    ...nal(9, 0xf0),
    ...nal(0x67, 1, 2, 3),
    ...nal(0x68, 9),
    ...nal(0x65, 8, 8),
    ...nal(0x67, 7),
  ]);
  assert.deepEqual(sequenceParameterSets(h264, "h264"), Uint8Array.of(0x67, 1, 2, 3));
  assert.equal(sequenceParameterSets(Uint8Array.from(nal(0x61, 1)), "h264"), undefined);
  const hevc = Uint8Array.from([...nal(0x40, 1, 5), ...nal(0x42, 1, 6), ...nal(0x26, 1, 7)]);
  assert.deepEqual(sequenceParameterSets(hevc, "hevc"), Uint8Array.of(0x42, 1, 6));
  assert.equal(sequenceParameterSets(new Uint8Array(0), "hevc"), undefined);
});

Deno.test("FfmpegChild keeps the last 50 lines of stderr", async () => {
  await using child = new FfmpegChild({
    name: "test",
    ffmpegPath: "sh",
    args: ["-c", "for i in $(seq 200); do echo line $i >&2; done; exit 3"],
    stdin: "null",
    stdout: "null",
  });
  assert.deepEqual(await child.exited, { code: 3, signal: null });
  assert.equal(child.stderrTail.length, 50);
  assert.equal(child.stderrTail.at(-1), "line 200");
});

for (
  const [signal, prepare, killAfterMs] of [
    ["SIGTERM", "", DEADLINE_MS],
    // What ignores a signal hands that on to the program that it becomes.
    ["SIGKILL", "trap '' TERM; ", 2],
  ] as const
) {
  Deno.test(`FfmpegChild ends a child that will not, with ${signal}`, async () => {
    const child = new FfmpegChild({
      name: "test",
      ffmpegPath: "sh",
      args: ["-c", `${prepare}echo ready >&2; exec 2>&-; exec sleep 600`],
      stdin: "null",
      stdout: "null",
      terminateAfterMs: 1,
      killAfterMs,
    });
    await until(() => child.stderrTail.length > 0, "the child");
    const [exit] = await Promise.all([child.end(), child.end()]);
    assert.equal(exit.signal, signal);
    await child[Symbol.asyncDispose]();
  });
}

Deno.test("FfmpegChild says what cannot be started", () => {
  const options = { name: "test", args: [], stdin: "null", stdout: "null" } as const;
  assert.throws(() => new FfmpegChild({ ...options, ffmpegPath: "/nonexistent" }), {
    code: "FFMPEG_MISSING",
  });
  assert.throws(() => new FfmpegChild({ ...options, ffmpegPath: "/" }), { code: "FFMPEG_SPAWN" });
});

Deno.test("a socket that nobody connects to is closed without harm", async () => {
  for (const kind of ["tcp", "unix"] as const) {
    for (const open of [openInput, openOutput]) {
      const endpoint = open(kind);
      const connected = endpoint.connect(undefined as never);
      endpoint.close();
      endpoint.close();
      await assert.rejects(connected);
    }
  }
});

Deno.test("probeCapabilities() finds what the usual work needs, once", async () => {
  const found = await probeCapabilities();
  assert.match(found.version, /\d/);
  assert.equal(found.tooOld, false);
  assert.deepEqual(found.problems, []);
  assert.ok(found.encoders.has("libx264") && found.decoders.has("hevc"));
  assert.equal(await probeCapabilities(), found);
});

Deno.test("probeCapabilities() says that ffmpeg is missing, each time", async () => {
  for (let i = 0; i < 2; i++) {
    await assert.rejects(probeCapabilities({ ffmpegPath: "/nonexistent" }), {
      code: "FFMPEG_MISSING",
    });
  }
});

Deno.test("isTooOld() and codecNames() read what ffmpeg prints", () => {
  assert.deepEqual(
    ["4.4.2-0ubuntu", "5.0.1", "5.1.9-0+deb12u1", "n8.0", "7.0.2-static", "N-1234-gabc"].map(
      isTooOld,
    ),
    [true, true, false, false, false, false],
  );
  const list = " V..... = Video\n V....D libx264              H.264\n A....D aac      AAC\n";
  assert.deepEqual([...codecNames(list)], ["libx264", "aac"]);
});

Deno.test("decodedCodecs() reads the codecs that decoders are for", () => {
  const list = [
    " V..... = Video",
    " V..... libdav1d             dav1d AV1 decoder by VideoLAN (codec av1)",
    " A....D dca                  DCA (DTS Coherent Acoustics) (codec dts)",
    " A....D eac3                 ATSC A/52B (AC-3, E-AC-3)",
  ].join("\n");
  assert.deepEqual([...decodedCodecs(list)], ["av1", "dts", "eac3"]);
});

Deno.test("canDecode() asks ffmpeg once, and only about codecs that not every ffmpeg has", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const ffmpegPath = `${folder}/ffmpeg`;
    const list = " V.S.BD mpeg2video           MPEG-2 video";
    await Deno.writeTextFile(
      ffmpegPath,
      `#!/bin/sh\necho "$@" >> ${folder}/asked\necho "${list}"\n`,
    );
    await Deno.chmod(ffmpegPath, 0o755);
    assert.equal(await canDecode("h264", { ffmpegPath }), true);
    await assert.rejects(Deno.stat(`${folder}/asked`));
    const codecs = ["mpeg2video", "av1", "mpeg2video"];
    const found = await Promise.all(codecs.map((codec) => canDecode(codec, { ffmpegPath })));
    assert.deepEqual(found, [true, false, true]);
    assert.equal(await Deno.readTextFile(`${folder}/asked`), "-hide_banner -decoders\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
