import assert from "node:assert/strict";
import {
  AudioTranscoder,
  VideoDecoder,
  VideoEncoder,
  WarmSet,
} from "../../../src/media/codec/mod.ts";
import { CodecChild } from "../../../src/media/codec/codec_child.ts";
import { audioOutputRecipe, outputSettings } from "../../../src/media/codec/audio_output.ts";
import { videoDecoderRecipe } from "../../../src/media/codec/video_decoder.ts";
import { videoEncoderRecipe } from "../../../src/media/codec/video_encoder.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";
import { collect, makeAudio, makeVideo, shownPts, TIME_BASE } from "./helper.ts";
import { until, within } from "../../waiting.ts";

const BT601 = { matrix: "bt601", fullRange: false } as const;
const DECODER = videoDecoderRecipe({
  timeBase: TIME_BASE,
  stream: { codec: "h264", color: BT601, reorderDepth: 0 },
});
const ENCODER = videoEncoderRecipe({}, {
  width: 2,
  height: 2,
  pixelFormat: "i420",
  color: BT601,
});
const STEREO = { sampleRate: 48_000, channels: 2 };
const TRANSCODER = audioOutputRecipe("audio transcoder", outputSettings({}, STEREO));

/** A set, and a clock that only the test moves. */
function createSet(maxChildren?: number, idleMs?: number): { set: WarmSet; clock: ManualClock } {
  const clock = new ManualClock();
  const set = new WarmSet({
    clock,
    ...(maxChildren === undefined ? {} : { maxChildren }),
    ...(idleMs === undefined ? {} : { idleMs }),
  });
  return { set, clock };
}

/** Lets time pass until nothing is left to start. */
function fill(clock: ManualClock): void {
  clock.advance(10_000);
}

async function decode(warm: WarmSet): Promise<{ pid: number; restarts: number; pts: number[] }> {
  const { stream, packets } = await makeVideo({ frames: 4 });
  await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE, warm });
  const { items, done } = collect(decoder.frames());
  let pid = 0;
  for (const packet of packets) {
    await decoder.decode(packet);
    pid ||= decoder.pid ?? 0;
  }
  await decoder.flush();
  await done;
  const pts = items.map((frame) => frame.ptsTicks);
  assert.deepEqual(pts, shownPts(packets));
  return { pid, restarts: decoder.stats.restarts, pts };
}

Deno.test("WarmSet gives a decoder, an encoder and a transcoder children that wait", async () => {
  const { set, clock } = createSet();
  await using warm = set;
  warm.want([DECODER, ENCODER, TRANSCODER]);
  assert.equal(warm.figures.waiting, 0, "nothing waits before start()");
  warm.start();
  fill(clock);
  const waiting = new Set(warm.pids);
  assert.equal(waiting.size, 3);

  assert.ok(waiting.has((await decode(warm)).pid));
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE, color: BT601, warm });
  const pictures = collect(encoder.packets());
  const picture = { width: 64, height: 48, pixelFormat: "i420", ptsTicks: 9 } as const;
  await encoder.encode({ ...picture, data: new Uint8Array(64 * 48 * 1.5) });
  assert.ok(waiting.has(encoder.pid!));
  await encoder.flush();
  assert.deepEqual(pictures.items.map(({ ptsTicks }) => ptsTicks), [9]);

  const { stream, packets } = await makeAudio({ encode: "-ac 2 -c:a aac" });
  await using transcoder = new AudioTranscoder({ stream, timeBase: TIME_BASE, warm });
  const sound = collect(transcoder.packets());
  for (const packet of packets) await transcoder.transcode(packet);
  assert.ok(waiting.has(transcoder.pid!));
  await transcoder.flush();
  assert.ok(sound.items.length > 40);

  assert.deepEqual(warm.figures, { waiting: 0, used: 3, missed: 0, died: 0 });
  fill(clock);
  assert.equal(warm.figures.waiting, 3, "what was used is replaced");
  assert.ok(warm.pids.every((pid) => !waiting.has(pid)));
});

Deno.test("WarmSet starts the children of one stream at once, and others after them", async () => {
  const { set, clock } = createSet();
  await using warm = set;
  const mono = audioOutputRecipe(
    "audio transcoder",
    outputSettings({}, { ...STEREO, channels: 1 }),
  );
  warm.want([DECODER, ENCODER, TRANSCODER, mono]);
  warm.start();
  clock.advance(0);
  assert.equal(warm.figures.waiting, 3);
  clock.advance(100);
  assert.equal(warm.figures.waiting, 4);
});

Deno.test("WarmSet starts no child while a stream begins", async () => {
  const { set, clock } = createSet();
  await using warm = set;
  warm.want([DECODER]);
  warm.start();
  fill(clock);
  await decode(warm);
  clock.advance(1_900);
  assert.equal(warm.figures.waiting, 0);
  clock.advance(200);
  assert.equal(warm.figures.waiting, 1);
});

Deno.test("WarmSet replaces a child that died without its stream noticing", async () => {
  const { set, clock } = createSet();
  await using warm = set;
  warm.want([DECODER]);
  warm.start();
  fill(clock);
  const [first] = warm.pids;
  Deno.kill(first!, "SIGKILL");
  await until(() => warm.figures.died === 1, "the death");
  fill(clock);
  const [second] = warm.pids;
  assert.notEqual(second, first);
  const { pid, restarts } = await decode(warm);
  assert.equal(pid, second);
  assert.equal(restarts, 0);
});

const onLinux = { ignore: Deno.build.os !== "linux" };
for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
  Deno.test(`WarmSet gives no child that got ${signal} a moment ago`, onLinux, async () => {
    await makeVideo({ frames: 4 });
    const { set, clock } = createSet();
    await using warm = set;
    warm.want([DECODER]);
    warm.start();
    fill(clock);
    const [bad] = warm.pids;
    Deno.kill(bad!, signal);
    // The signal has come when the kernel says so, which nothing else need have noticed.
    const state = (): string | undefined => {
      const stat = Deno.readTextFileSync(`/proc/${bad}/stat`);
      return stat.slice(stat.lastIndexOf(")") + 2)[0];
    };
    for (const at = performance.now(); !"ZT".includes(state()!);) {
      assert.ok(performance.now() - at < 60_000);
    }
    const { pid, restarts } = await decode(warm);
    assert.notEqual(pid, bad);
    assert.equal(restarts, 0);
    assert.equal(warm.figures.missed, 1);
  });
}

Deno.test("WarmSet gives a kind up that dies at once, until it is wanted again", async () => {
  const { set, clock } = createSet();
  await using warm = set;
  const broken = { ...DECODER, args: () => ["-such-an-option"] };
  warm.want([broken]);
  warm.start();
  clock.advance(0);
  for (let deaths = 1; deaths <= 3; deaths++) {
    await until(() => warm.figures.died === deaths, `death ${deaths}`);
    clock.advance(2_000);
  }
  fill(clock);
  assert.deepEqual(warm.figures, { waiting: 0, used: 0, missed: 0, died: 3 });
  assert.equal(warm.take(broken), undefined);
  clock.advance(2_000);
  await until(() => warm.figures.died === 4, "another try");
});

Deno.test("WarmSet keeps the kinds that were wanted last, and no more than it may", async () => {
  const { set, clock } = createSet(2);
  await using warm = set;
  warm.want([DECODER, ENCODER, TRANSCODER]);
  warm.start();
  fill(clock);
  assert.equal(warm.figures.waiting, 2);
  assert.equal(warm.take(TRANSCODER), undefined);
  fill(clock);
  assert.equal(warm.figures.waiting, 2);
  assert.equal(warm.take(ENCODER), undefined, "it was the last of the three, and made room");
  await using child = warm.take(TRANSCODER);
  assert.ok(child?.isWaiting);
  assert.equal(warm.figures.died, 0);
});

Deno.test("WarmSet ends children that nobody used for a while, until the next use", async () => {
  const { set, clock } = createSet(5, 60_000);
  await using warm = set;
  warm.want([DECODER]);
  warm.start();
  clock.advance(59_000);
  assert.equal(warm.figures.waiting, 1);
  clock.advance(1_000);
  assert.equal(warm.figures.waiting, 0);
  fill(clock);
  assert.equal(warm.figures.waiting, 0);
  await decode(warm);
  fill(clock);
  assert.equal(warm.figures.waiting, 1);
});

Deno.test("WarmSet of no children gives none and starts none", async () => {
  const { set, clock } = createSet(0);
  await using warm = set;
  warm.want([DECODER]);
  warm.start();
  assert.equal((await decode(warm)).restarts, 0);
  fill(clock);
  assert.deepEqual(warm.figures, { waiting: 0, used: 0, missed: 0, died: 0 });
});

Deno.test("a decoder that waits has opened its output before there is a packet", async () => {
  const { set, clock } = createSet();
  await using warm = set;
  await using child = new CodecChild(DECODER, {});
  await child.open();
  (await within(child.source, "the connection of the child")).close();
  // The opening is a part of what its children can stand in for.
  const hevc = videoDecoderRecipe({
    timeBase: TIME_BASE,
    stream: { codec: "hevc", color: BT601, reorderDepth: 0 },
  });
  warm.want([DECODER]);
  warm.start();
  clock.advance(0);
  assert.equal(warm.take(hevc), undefined);
  const taken = warm.take(DECODER);
  assert.ok(taken);
  await taken[Symbol.asyncDispose]();
});
