import assert from "node:assert/strict";
import {
  type RawVideo,
  RestartBudget,
  VideoDecoder,
  VideoEncoder,
  type VideoEncoderOptions,
} from "../../../src/media/codec/mod.ts";
import type { ColorInfo, Packet } from "../../../src/media/types.ts";
import {
  collect,
  ffmpeg,
  ffprobe,
  joined,
  LATE_START,
  psnr,
  shownPts,
  TIME_BASE,
} from "./helper.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";
import { until } from "../../waiting.ts";

interface PictureOptions {
  readonly size?: string;
  readonly frames?: number;
  readonly pixelFormat?: RawVideo["pixelFormat"];
  readonly pts?: (index: number) => number;
}

const every3000 = (index: number): number => LATE_START + index * 3000;

async function makePictures(options: PictureOptions = {}): Promise<RawVideo[]> {
  const { size = "320x180", frames = 20, pixelFormat = "i420", pts = every3000 } = options;
  const [width = 0, height = 0] = size.split("x").map(Number);
  const { bytes, length } = await testPictures(size, frames, pixelFormat);
  return Array.from({ length: frames }, (_, i) => ({
    ...{ width, height, pixelFormat, ptsTicks: pts(i) },
    data: bytes.subarray(i * length, (i + 1) * length),
  }));
}

/** The bytes of the pictures, one after the other; made once, unless more are needed. */
const pictureCache = new Map<string, { readonly bytes: Uint8Array; readonly length: number }>();

async function testPictures(
  size: string,
  frames: number,
  pixelFormat: RawVideo["pixelFormat"],
): Promise<{ readonly bytes: Uint8Array; readonly length: number }> {
  const key = `${size} ${pixelFormat}`;
  const cached = pictureCache.get(key);
  if (cached !== undefined && cached.bytes.length >= frames * cached.length) return cached;
  const raw = pixelFormat === "i420" ? "yuv420p" : pixelFormat;
  const count = Math.max(frames, 30);
  const bytes = await ffmpeg(
    `-f lavfi -i testsrc=s=${size}:r=30 -frames:v ${count} -vf scale=out_color_matrix=bt709
     -pix_fmt ${raw} -f rawvideo pipe:1`,
  );
  const made = { bytes, length: bytes.length / count };
  pictureCache.set(key, made);
  return made;
}

async function encodeAll(
  pictures: readonly RawVideo[],
  settings: Partial<VideoEncoderOptions> = {},
): Promise<Packet[]> {
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE, ...settings });
  const { items, done } = collect(encoder.packets());
  for (const picture of pictures) await encoder.encode(picture);
  await encoder.flush();
  await done;
  return items;
}

async function decode(packets: readonly Packet[]): Promise<Uint8Array> {
  const annexB = joined(packets.map((packet) => packet.data));
  return await ffmpeg("-f h264 -i pipe:0 -fps_mode passthrough -f rawvideo pipe:1", annexB);
}

function keyframes(packets: readonly Packet[]): number[] {
  return packets.filter((packet) => packet.keyframe).map((packet) => packet.ptsTicks - LATE_START);
}

Deno.test("VideoEncoder makes packets that decode to the pictures, at their pts", async () => {
  const pictures = await makePictures();
  const packets = await encodeAll(pictures);
  assert.deepEqual(packets.map((packet) => packet.ptsTicks), pictures.map((p) => p.ptsTicks));
  assert.deepEqual(packets.map((packet) => packet.dtsTicks), pictures.map((p) => p.ptsTicks));
  assert.ok(psnr(await decode(packets), joined(pictures.map((p) => p.data))) > 33);
});

const CLOCKS: Readonly<Record<string, (index: number) => number>> = {
  "from 0": (i) => i * 3000,
  "variable": (i) => LATE_START + i * 3003 + (i % 3) * 700,
  "1 frame a second": (i) => LATE_START + i * 90_000,
  "60 frames a second": (i) => LATE_START + i * 1500,
  "next to each other": (i) => LATE_START + i,
  "with gaps": (i) => LATE_START + i * 3000 + Math.floor(i / 5) * 9_000_000,
  "with steps back": (i) => LATE_START + (i % 7) * 3000 - Math.floor(i / 7),
};
for (const [name, pts] of Object.entries(CLOCKS)) {
  Deno.test(`VideoEncoder keeps every pts: ${name}`, async () => {
    const pictures = await makePictures({ pts });
    const packets = await encodeAll(pictures);
    assert.deepEqual(packets.map((packet) => packet.ptsTicks), pictures.map((p) => p.ptsTicks));
  });
}

Deno.test("VideoEncoder makes a keyframe every two seconds and where it is asked to", async () => {
  const pictures = await makePictures({ frames: 140, size: "64x64" });
  pictures[100] = { ...pictures[100]!, forceKeyframe: true };
  const packets = await encodeAll(pictures);
  assert.deepEqual(keyframes(packets), [0, 180_000, 300_000]);
});

Deno.test("VideoEncoder makes a keyframe after a gap and after a step back", async () => {
  const pts = (i: number) => LATE_START + (i < 5 ? i * 3000 : i < 10 ? 400_000 + i * 3000 : i - 50);
  const packets = await encodeAll(await makePictures({ frames: 12, size: "64x64", pts }));
  assert.deepEqual(keyframes(packets), [0, 415_000, -40]);
});

Deno.test("VideoEncoder makes each GOP decodable alone", async () => {
  const pictures = await makePictures({ frames: 45 });
  const packets = await encodeAll(pictures, { gopSeconds: 0.5 });
  const starts = packets.flatMap((packet, i) => packet.keyframe ? [i] : []);
  assert.deepEqual(starts, [0, 15, 30]);
  const second = await decode(packets.slice(15, 30));
  assert.ok(psnr(second, joined(pictures.slice(15, 30).map((p) => p.data))) > 33);
});

Deno.test("VideoEncoder tags its stream: format, level, colours, no B-frames", async () => {
  const colors: ColorInfo[] = [
    { matrix: "bt709", fullRange: false },
    { matrix: "bt601", fullRange: true },
  ];
  for (const color of colors) {
    const packets = await encodeAll(await makePictures({ size: "1280x720" }), { color });
    const entries = "pix_fmt,level,color_range,color_space,color_primaries,has_b_frames,profile";
    const shown = await ffprobe(
      `-f h264 -show_entries stream=${entries} -of default=nw=1`,
      joined(packets.map((packet) => packet.data)),
    );
    const tag = color.matrix === "bt709" ? "bt709" : "smpte170m";
    const expected = [
      `pix_fmt=${color.fullRange ? "yuvj420p" : "yuv420p"}`,
      "level=31",
      `color_range=${color.fullRange ? "pc" : "tv"}`,
      `color_space=${tag}`,
      `color_primaries=${tag}`,
      "has_b_frames=0",
    ];
    for (const line of expected) assert.ok(shown.split("\n").includes(line), `${line}:\n${shown}`);
  }
});

Deno.test("VideoEncoder converts RGB with its matrix", async () => {
  for (const pixelFormat of ["rgb24", "rgba"] as const) {
    const pictures = await makePictures({ pixelFormat, frames: 5 });
    const packets = await encodeAll(pictures, { crf: 5 });
    const expected = await ffmpeg(
      `-f rawvideo -pix_fmt ${pixelFormat} -s 320x180 -i pipe:0
       -vf scale=out_color_matrix=bt709:flags=bilinear+accurate_rnd+full_chroma_inp
       -pix_fmt yuv420p -f rawvideo pipe:1`,
      joined(pictures.map((p) => p.data)),
    );
    const db = psnr(await decode(packets), expected);
    assert.ok(db > 40, `${pixelFormat}: ${db} dB`);
  }
});

Deno.test("VideoEncoder crops odd sizes to even ones", async () => {
  for (const pixelFormat of ["i420", "rgb24"] as const) {
    const packets = await encodeAll(await makePictures({ size: "161x91", pixelFormat }));
    assert.equal(packets.length, 20);
    const shown = await ffprobe(
      "-f h264 -show_entries stream=width,height -of csv=p=0",
      joined(packets.map((packet) => packet.data)),
    );
    assert.equal(shown, "160,90");
  }
});

Deno.test("VideoEncoder refuses pictures that cannot be, and goes on", async () => {
  const [picture] = await makePictures({ frames: 1 });
  assert.ok(picture !== undefined);
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE });
  const { items, done } = collect(encoder.packets());
  const thin = { ...picture, width: 1, data: new Uint8Array(180 + 2 * 90) };
  await assert.rejects(encoder.encode(thin), { code: "MEDIA_BAD_FRAME", message: /1x180/ });
  const short = { ...picture, data: picture.data.subarray(1) };
  await assert.rejects(encoder.encode(short), { code: "MEDIA_BAD_FRAME", message: /has 86400/ });
  await encoder.encode(picture);
  await encoder.flush();
  await done;
  assert.equal(items.length, 1);
});

for (const transport of ["pipe", "tcp", "unix"] as const) {
  Deno.test(`VideoEncoder holds no picture back: ${transport}`, async () => {
    const pictures = await makePictures();
    await using encoder = new VideoEncoder({ timeBase: TIME_BASE, transport });
    const { items } = collect(encoder.packets());
    for (const [i, picture] of pictures.entries()) {
      await encoder.encode(picture);
      await until(() => items.length === i + 1, `packet ${i + 1}`);
    }
  });
}

Deno.test("VideoEncoder follows changes of size and format without losing a picture", async () => {
  const shapes = [{ size: "320x180" }, { size: "160x90" }, {
    size: "160x90",
    pixelFormat: "rgb24",
  }];
  const groups = await Promise.all(
    shapes.map((shape, group) =>
      makePictures({ ...shape as PictureOptions, frames: 8, pts: (i) => every3000(group * 8 + i) })
    ),
  );
  const pictures = groups.flat();
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE });
  const { items, done } = collect(encoder.packets());
  // Not waiting for each other must make no difference.
  await Promise.all(pictures.map((picture) => encoder.encode(picture)));
  await encoder.flush();
  await done;
  assert.deepEqual(items.map((packet) => packet.ptsTicks), pictures.map((p) => p.ptsTicks));
  assert.deepEqual(keyframes(items), [0, 24_000, 48_000]);
  assert.equal(encoder.stats.reconfigurations, 2);
});

Deno.test("VideoEncoder goes on with a keyframe when its child is killed", async () => {
  const pictures = await makePictures({ frames: 30 });
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE });
  const { items, done } = collect(encoder.packets());
  for (const picture of pictures.slice(0, 10)) await encoder.encode(picture);
  await until(() => items.length === 10, "10 packets");
  const pid = encoder.pid!;
  Deno.kill(pid, "SIGKILL");
  await until(() => encoder.pid === undefined, "the child's end");
  for (const picture of pictures.slice(10)) await encoder.encode(picture);
  await encoder.flush();
  await done;
  assert.equal(encoder.stats.restarts, 1);
  assert.deepEqual(items.map((packet) => packet.ptsTicks), shownPts(pictures));
  assert.ok(items[10]!.keyframe);
});

Deno.test("VideoEncoder counts the pictures that were inside a child when it died", async () => {
  const pictures = await makePictures({ frames: 60 });
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE });
  const { items, done } = collect(encoder.packets());
  for (const [i, picture] of pictures.entries()) {
    await encoder.encode(picture);
    if (i === 20) Deno.kill(encoder.pid!, "SIGKILL");
  }
  await encoder.flush();
  await done;
  assert.equal(items.length + encoder.stats.lostFrames, 60);
  const sent = new Set(shownPts(pictures));
  assert.ok(items.every((packet) => sent.has(packet.ptsTicks)));
});

Deno.test("VideoEncoder gives up when its child dies too often", async () => {
  const pictures = await makePictures({ frames: 5 });
  const restartBudget = new RestartBudget({ tries: 1 });
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE, restartBudget });
  const { items, done } = collect(encoder.packets());
  const failed = assert.rejects(done, { code: "FFMPEG_RESTART_LIMIT" });
  for (let i = 0; i < 2; i++) {
    await encoder.encode(pictures[i]!);
    await until(() => items.length === i + 1, `packet ${i + 1}`);
    Deno.kill(encoder.pid!, "SIGKILL");
    await until(() => encoder.pid === undefined, "the child's end");
  }
  await failed;
  await assert.rejects(encoder.encode(pictures[2]!), { code: "FFMPEG_RESTART_LIMIT" });
});

Deno.test("VideoEncoder fails when no child ever works", async () => {
  const [picture] = await makePictures({ frames: 1 });
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE, preset: "nonsense" as "fast" });
  const { done } = collect(encoder.packets());
  const failed = assert.rejects(done, {
    code: "FFMPEG_RESTART_LIMIT",
    message: /died too often/,
  });
  let refused = false;
  let pts = 0;
  // FFmpeg 7 and later only notice that their encoder failed when more input comes.
  const feed = setInterval(() => {
    encoder.encode({ ...picture!, ptsTicks: pts++ }).catch(() => refused = true);
  }, 10);
  await until(() => refused, "the failure");
  clearInterval(feed);
  await failed;
});

Deno.test("VideoEncoder starts ahead with prewarm(), even with a wrong guess", async () => {
  for (const size of ["320x180", "160x90"]) {
    const pictures = await makePictures({ size, frames: 3 });
    const shape = { width: 320, height: 180, pixelFormat: "i420" } as const;
    await using encoder = new VideoEncoder({ timeBase: TIME_BASE, shape });
    encoder.prewarm();
    assert.ok(encoder.pid !== undefined);
    const { items, done } = collect(encoder.packets());
    for (const picture of pictures) await encoder.encode(picture);
    await encoder.flush();
    await done;
    assert.equal(items.length, 3);
    assert.deepEqual(encoder.stats.restarts, 0);
  }
});

Deno.test("what VideoEncoder makes goes through VideoDecoder with every pts", async () => {
  const pictures = await makePictures({ frames: 30, pts: CLOCKS["variable"]! });
  const packets = await encodeAll(pictures);
  const color: ColorInfo = { matrix: "bt709", fullRange: false };
  const size = { width: 320, height: 180, reorderDepth: 0, color } as const;
  const stream = { kind: "video", codec: "h264", ...size } as const;
  await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE });
  const { items, done } = collect(decoder.frames());
  for (const packet of packets) await decoder.decode(packet);
  await decoder.flush();
  await done;
  assert.deepEqual(items.map((frame) => frame.ptsTicks), pictures.map((p) => p.ptsTicks));
});

Deno.test("VideoEncoder scales pictures of any size and format to its output size", async () => {
  const outputSize = { width: 161, height: 90 };
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE, outputSize });
  const { items, done } = collect(encoder.packets());
  let ptsTicks = 0;
  for (const size of ["320x180", "160x90", "161x90"]) {
    for (const picture of await makePictures({ size, frames: 2 })) {
      await encoder.encode({ ...picture, ptsTicks: ptsTicks += 3000 });
    }
  }
  await encoder.flush();
  await done;
  assert.equal(items.length, 6);
  const color: ColorInfo = { matrix: "bt709", fullRange: false };
  const size = { width: 160, height: 90, reorderDepth: 0, color } as const;
  const stream = { kind: "video", codec: "h264", ...size } as const;
  await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE });
  const decoded = collect(decoder.frames());
  for (const packet of items) await decoder.decode(packet);
  await decoder.flush();
  await decoded.done;
  assert.deepEqual(decoded.items.map(({ width, height }) => `${width}x${height}`), [
    ...new Array<string>(6).fill("160x90"),
  ]);
});

Deno.test("VideoEncoder scales each picture to the size given with it, and begins with a keyframe", async () => {
  const pictures = await makePictures({ size: "320x180", frames: 6 });
  const outputSizes = [undefined, undefined, { width: 96, height: 64 }, { width: 96, height: 64 }, {
    width: 320,
    height: 180,
  }, undefined];
  const shape = { width: 320, height: 180, pixelFormat: "i420" } as const;
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE, shape });
  encoder.prewarm();
  const { items, done } = collect(encoder.packets());
  for (const [index, picture] of pictures.entries()) {
    const outputSize = outputSizes[index];
    const ptsTicks = index * 3000;
    await encoder.encode({ ...picture, ptsTicks, ...(outputSize && { outputSize }) });
  }
  await encoder.flush();
  await done;
  const keys = items.filter(({ keyframe }) => keyframe).map(({ ptsTicks }) => ptsTicks);
  assert.deepEqual(keys, [0, 6_000, 12_000]);
  // Being scaled to its own size is no change.
  assert.equal(encoder.stats.reconfigurations, 2);
});

for (const end of ["SIGCONT", "SIGKILL"] as const) {
  Deno.test(`VideoEncoder lets no more pictures in than may be inside, up to ${end}`, async () => {
    const pictures = await makePictures({ frames: 10 });
    const watch = { clock: new ManualClock() }; // it stands still: nothing hangs
    await using encoder = new VideoEncoder({ timeBase: TIME_BASE, maxInside: 3, watch });
    const { items, done } = collect(encoder.packets());
    await encoder.encode(pictures[0]!);
    await until(() => items.length === 1, "the first packet");
    Deno.kill(encoder.pid!, "SIGSTOP");
    let taken = 1;
    for (const picture of pictures.slice(1)) void encoder.encode(picture).then(() => taken++);
    await until(() => taken === 4, "three pictures inside");
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(taken, 4);
    Deno.kill(encoder.pid!, end);
    await encoder.flush();
    await done;
    assert.equal(taken, 10);
    const lost = end === "SIGKILL" ? 3 : 0;
    assert.deepEqual([items.length, encoder.stats.lostFrames], [10 - lost, lost]);
  });
}
