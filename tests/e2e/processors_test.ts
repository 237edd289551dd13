import assert from "node:assert/strict";
import { type Picture, yuvPlanes } from "../../src/frames/mod.ts";
import { assertEveryFrame, pictureDifference } from "./assertions.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo, type OutputFrame } from "./decoding.ts";
import { Chain } from "./harness.ts";

const SHORT = { seconds: 1.5, audio: false } as const;
/** Coding changes values by a little. */
const CODING_NOISE = 4;

Deno.test("grayscale is gray", async () => {
  const { frames, ticks } = await runShort("grayscale");
  assertEveryFrame(frames, ticks);
  for (const { picture } of frames) assertGray(picture);
});

Deno.test("a user's class that works on tensors is run, and asked for its metrics", async () => {
  const { frames, ticks, processorMetrics } = await runShort(userFile("tensor_grey.ts"));
  assertEveryFrame(frames, ticks);
  for (const { picture } of frames) assertGray(picture);
  assert.deepEqual(processorMetrics, { grey_frames: ticks.length });
});

Deno.test("invert inverts, mirror mirrors, timestamp draws the time", async () => {
  const [plain, inverted, mirrored, stamped] = [
    await runShort("passthrough"),
    await runShort("invert"),
    await runShort("mirror"),
    await runShort("timestamp"),
  ];
  assertEveryFrame(plain.frames, plain.ticks);
  assertEveryFrame(inverted.frames, inverted.ticks);
  for (const other of [mirrored, stamped]) {
    assert.deepEqual(other.frames.map(({ ptsTicks }) => ptsTicks), other.ticks);
  }
  for (const [index, { picture }] of plain.frames.entries()) {
    const at = (run: { frames: OutputFrame[] }): Picture => run.frames[index]!.picture;
    assert.ok(
      pictureDifference(at(inverted), picture, { map: (y) => 251 - y }) < CODING_NOISE,
      "invert",
    );
    assert.ok(pictureDifference(at(mirrored), mirrorLuma(picture)) < CODING_NOISE, "mirror");
    const label = { x: 4, y: 4, width: 72, height: 8 };
    const rest = { x: 0, y: 16, width: 320, height: 224 };
    assert.ok(pictureDifference(at(stamped), picture, { region: label }) > 20, "timestamp");
    assert.ok(pictureDifference(at(stamped), picture, { region: rest }) < CODING_NOISE, "beside");
  }
});

Deno.test("a user's processor that doubles the picture doubles the output", async () => {
  const { frames, ticks } = await runShort(userFile("double_size.ts"));
  assertEveryFrame(frames, ticks);
  for (const { picture: { width, height } } of frames) {
    assert.deepEqual({ width, height }, { width: 640, height: 480 });
  }
});

Deno.test("detect_out_resolution false keeps the size of the input", async () => {
  const { frames, ticks } = await runShort(userFile("double_size.ts"), {
    detect_out_resolution: false,
  });
  assertEveryFrame(frames, ticks);
  for (const { picture: { width, height } } of frames) {
    assert.deepEqual({ width, height }, { width: 320, height: 240 });
  }
});

Deno.test("frames that a processor refuses are left out and counted", async () => {
  const { frames, ticks, dropped } = await runShort(userFile("even_frames.ts"));
  assert.deepEqual(
    frames.map(({ stamp, ptsTicks }) => ({ stamp, ptsTicks })),
    ticks.map((ptsTicks, stamp) => ({ stamp, ptsTicks })).filter(({ stamp }) => stamp % 2 === 0),
  );
  assert.deepEqual(dropped, { processor: ticks.length / 2 });
});

interface ShortRun {
  readonly frames: OutputFrame[];
  readonly ticks: number[];
  readonly dropped: Readonly<Record<string, number>>;
  readonly processorMetrics: Readonly<Record<string, unknown>>;
}

async function runShort(processor: string, params = {}): Promise<ShortRun> {
  await using chain = await Chain.startHere(processor);
  const clip = await makeTestClip(SHORT);
  const { bytes } = await chain.run(clip, params);
  const metrics = await chain.metrics();
  return {
    frames: await decodeVideo(bytes),
    ticks: shownTicks(clip),
    dropped: metrics.frames_dropped_by_reason,
    processorMetrics: metrics.processor,
  };
}

function userFile(name: string): string {
  return new URL(`./processors/${name}`, import.meta.url).pathname;
}

function assertGray(picture: Picture): void {
  const { u, v } = yuvPlanes(picture);
  for (const plane of [u, v]) {
    const colored = plane.data.findIndex((value) => Math.abs(value - 128) > 1);
    assert.equal(colored, -1, `chroma of ${plane.data[colored]}`);
  }
}

function mirrorLuma(picture: Picture): Picture {
  const { width, height } = picture;
  const data = picture.data.slice();
  for (let y = 0; y < height; y++) data.subarray(y * width, (y + 1) * width).reverse();
  return { ...picture, data };
}
