import assert from "node:assert/strict";
import {
  RestartBudget,
  VideoDecoder,
  type VideoDecoderOptions,
} from "../../../../src/media/codec/mod.ts";
import { FramePool } from "../../../../src/media/frame_pool.ts";
import type { ColorInfo } from "../../../../src/media/types.ts";
import { FfmpegBatch } from "../../ffmpeg_batch.ts";
import {
  collect,
  ffmpeg,
  joined,
  LATE_START,
  makeVideo,
  prepareVideos,
  psnr,
  shownPts,
  split,
  TIME_BASE,
  type VideoClip,
  type VideoClipOptions,
} from "../helper.ts";
import { delay, until } from "../../../waiting.ts";

const ZERO_LATENCY = "-c:v libx264 -preset superfast -tune zerolatency";
const X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none";

type Settings = Omit<VideoDecoderOptions, "stream" | "timeBase">;

async function decodeAll(clip: VideoClip, settings: Settings = {}) {
  await using decoder = new VideoDecoder({ ...settings, stream: clip.stream, timeBase: TIME_BASE });
  const { items, done } = collect(decoder.frames());
  for (const packet of clip.packets) await decoder.decode(packet);
  await decoder.flush();
  await done;
  return { frames: items, stats: decoder.stats };
}

const STREAMS: Readonly<Record<string, VideoClipOptions>> = {
  "H.264 without B-frames": { encode: ZERO_LATENCY },
  "H.264 with B-frames": { encode: "-c:v libx264 -bf 3 -b_strategy 0", reorderDepth: 2 },
  "H.264 with open GOPs": {
    encode: "-c:v libx264 -bf 2 -g 10 -x264-params open-gop=1",
    reorderDepth: 2,
    frames: 45,
  },
  "H.264 10 bits": { encode: `${ZERO_LATENCY} -pix_fmt yuv420p10le` },
  "H.264 4:2:2": { encode: `${ZERO_LATENCY} -pix_fmt yuv422p` },
  "H.264 4:4:4": { encode: `${ZERO_LATENCY} -pix_fmt yuv444p` },
  "H.264 full range": {
    encode: `${ZERO_LATENCY} -pix_fmt yuvj420p`,
    color: { matrix: "bt601", fullRange: true },
  },
  "H.264 BT.709": {
    encode: `${ZERO_LATENCY} -colorspace bt709 -color_primaries bt709 -color_trc bt709`,
    color: { matrix: "bt709", fullRange: false },
  },
  "HEVC without B-frames": { encode: `${X265}:bframes=0 -tune zerolatency`, codec: "hevc" },
  "HEVC with B-frames": { encode: `${X265}:bframes=3`, codec: "hevc", reorderDepth: 2 },
  "HEVC 10 bits": { encode: `${X265}:bframes=0 -pix_fmt yuv420p10le`, codec: "hevc" },
  "HEVC 4:4:4": { encode: `${X265}:bframes=0 -pix_fmt yuv444p`, codec: "hevc" },
  "odd size": { encode: `${ZERO_LATENCY} -pix_fmt yuv444p`, size: "161x91", source: "testsrc" },
  "1 frame a second": { encode: ZERO_LATENCY, rate: 1, frames: 5 },
  "60 frames a second": { encode: ZERO_LATENCY, rate: 60 },
  "30000/1001 frames a second": { encode: ZERO_LATENCY, rate: "30000/1001" },
  "variable frame rate": {
    encode: ZERO_LATENCY,
    filter: "setpts=PTS+floor(N/3)*0.37/TB+mod(N\\,4)*0.004/TB",
  },
};

/** The bytes of a clip as a decoder without a container takes them. */
async function annexB(options: VideoClipOptions): Promise<Uint8Array> {
  return joined((await makeVideo(options)).packets.map((packet) => packet.data));
}

prepareVideos(...Object.values(STREAMS));
const references = new FfmpegBatch();

for (const [name, options] of Object.entries(STREAMS)) {
  const { codec = "h264", color } = options;
  const raw = color?.fullRange === true ? "yuvj420p" : "yuv420p";
  const reference = references.add(
    split(`-f ${codec} -i pipe:0 -fps_mode passthrough -pix_fmt ${raw} -f rawvideo pipe:1`),
    () => annexB(options),
  );
  Deno.test(`VideoDecoder gives every picture at its pts: ${name}`, async () => {
    const clip = await makeVideo(options);
    const { frames, stats } = await decodeAll(clip);
    assert.deepEqual(frames.map((frame) => frame.ptsTicks), shownPts(clip.packets));
    assert.equal(stats.undecodedPackets, 0);
    const expected = await reference();
    assert.ok(psnr(joined(frames.map((frame) => frame.data)), expected) > 60);
    assert.deepEqual(frames[0]!.color, clip.stream.color);
    assert.equal(`${frames[0]!.width}x${frames[0]!.height}`, options.size ?? "320x180");
  });
}

/** A clip of each matrix and range. */
const COLOURED: readonly (VideoClipOptions & { readonly color: ColorInfo })[] =
  (["bt601", "bt709"] as const).flatMap((matrix) =>
    [false, true].map((fullRange) => {
      const space = matrix === "bt601" ? "smpte170m" : "bt709";
      const raw = fullRange ? "yuvj420p" : "yuv420p";
      const encode = `${ZERO_LATENCY} -pix_fmt ${raw} -colorspace ${space}`;
      return { encode, frames: 2, color: { matrix, fullRange } };
    })
  );

Deno.test("VideoDecoder converts to RGB with the stream's matrix and range", async () => {
  prepareVideos(...COLOURED);
  const batch = new FfmpegBatch();
  const cases = (["rgb24", "rgba"] as const).flatMap((pixelFormat) =>
    COLOURED.map((options) => {
      // ffmpeg reads the matrix and the range from the stream itself.
      const args = `-f h264 -i pipe:0 -vf scale=flags=bilinear+accurate_rnd+full_chroma_int
        -pix_fmt ${pixelFormat} -f rawvideo pipe:1`;
      return { pixelFormat, options, reference: batch.add(split(args), () => annexB(options)) };
    })
  );
  for (const { pixelFormat, options, reference } of cases) {
    const { frames } = await decodeAll(await makeVideo(options), { pixelFormat });
    const db = psnr(joined(frames.map((frame) => frame.data)), await reference());
    assert.ok(db > 45, `${pixelFormat} ${JSON.stringify(options.color)}: ${db} dB`);
  }
});

for (const kind of ["H.264 without B-frames", "HEVC without B-frames"]) {
  for (const transport of ["pipe", "tcp", "unix"] as const) {
    Deno.test(`VideoDecoder holds no picture back: ${kind}, ${transport}`, async () => {
      const clip = await makeVideo(STREAMS[kind]);
      const { stream } = clip;
      await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE, transport });
      const { items } = collect(decoder.frames());
      // The input stays open: each picture must come without the next packet.
      for (const [i, packet] of clip.packets.entries()) {
        await decoder.decode(packet);
        await until(() => items.length === i + 1, `picture ${i + 1}`);
      }
    });
  }
}

Deno.test("VideoDecoder scales to cover and crops to the centre", async () => {
  const clip = await makeVideo({ size: "320x180", frames: 2 });
  const { frames } = await decodeAll(clip, { scale: { width: 64, height: 64 } });
  assert.equal(frames.length, 2);
  assert.equal(`${frames[0]!.width}x${frames[0]!.height}`, "64x64");
  const expected = await ffmpeg(
    `-f h264 -i pipe:0 -vf scale=-2:64:flags=bilinear,crop=64:64 -f rawvideo pipe:1`,
    joined(clip.packets.map((packet) => packet.data)),
  );
  assert.ok(psnr(joined(frames.map((frame) => frame.data)), expected) > 30);
});

Deno.test("VideoDecoder follows changes of the resolution without losing a picture", async () => {
  const sizes = ["320x180", "160x120", "640x360"];
  const clips = await Promise.all(
    sizes.map((size, i) => makeVideo({ size, frames: 10, startTicks: LATE_START + i * 30_000 })),
  );
  const packets = clips.flatMap((clip) => clip.packets);
  const { frames, stats } = await decodeAll({ stream: clips[0]!.stream, packets });
  assert.deepEqual(frames.map((frame) => frame.ptsTicks), shownPts(packets));
  const seen = frames.map((frame) => `${frame.width}x${frame.height}`);
  assert.deepEqual(seen, sizes.flatMap((size) => Array(10).fill(size)));
  assert.equal(stats.reconfigurations, 2);
  assert.equal(stats.restarts, 0);
});

Deno.test("VideoDecoder scales to another size from the next keyframe on, without loss", async () => {
  const clip = await makeVideo({ encode: `${ZERO_LATENCY} -g 10`, frames: 30 });
  await using decoder = new VideoDecoder({ stream: clip.stream, timeBase: TIME_BASE });
  const { items, done } = collect(decoder.frames());
  for (const packet of clip.packets.slice(0, 13)) await decoder.decode(packet);
  await decoder.rescale({ width: 64, height: 64 });
  for (const packet of clip.packets.slice(13, 25)) await decoder.decode(packet);
  // The same again is no change.
  await decoder.rescale({ width: 64, height: 64 });
  for (const packet of clip.packets.slice(25)) await decoder.decode(packet);
  await decoder.flush();
  await done;
  assert.deepEqual(items.map((frame) => frame.ptsTicks), shownPts(clip.packets));
  const sizes = items.map(({ width, height }) => `${width}x${height}`);
  assert.deepEqual(sizes, [...Array(20).fill("320x180"), ...Array(10).fill("64x64")]);
  assert.equal(decoder.stats.reconfigurations, 1);
});

Deno.test("VideoDecoder goes from B-frames to another codec with reconfigure()", async () => {
  const first = await makeVideo({ ...STREAMS["H.264 with B-frames"], frames: 10 });
  const second = await makeVideo({
    ...STREAMS["HEVC without B-frames"],
    frames: 10,
    startTicks: LATE_START + 90_000,
  });
  await using decoder = new VideoDecoder({ stream: first.stream, timeBase: TIME_BASE });
  const { items, done } = collect(decoder.frames());
  for (const packet of first.packets) await decoder.decode(packet);
  await decoder.reconfigure(second.stream);
  for (const packet of second.packets) await decoder.decode(packet);
  await decoder.flush();
  await done;
  const all = [...first.packets, ...second.packets];
  assert.deepEqual(items.map((frame) => frame.ptsTicks), shownPts(all));
});

Deno.test("VideoDecoder keeps the pts across jumps of the clock", async () => {
  const starts = [LATE_START, 5_000, LATE_START * 10, 90_000];
  const clips = await Promise.all(
    starts.map((startTicks) => makeVideo({ frames: 5, startTicks })),
  );
  const packets = clips.flatMap((clip) => clip.packets);
  const { frames } = await decodeAll({ stream: clips[0]!.stream, packets });
  assert.deepEqual(
    frames.map((frame) => frame.ptsTicks),
    packets.map((packet) => packet.ptsTicks),
  );
});

Deno.test("VideoDecoder leaves out what comes before the first keyframe", async () => {
  const clip = await makeVideo({ encode: `${ZERO_LATENCY} -g 10`, frames: 20 });
  const packets = clip.packets.slice(4);
  const { frames, stats } = await decodeAll({ ...clip, packets });
  assert.equal(stats.droppedPackets, 6);
  assert.deepEqual(frames.map((frame) => frame.ptsTicks), shownPts(packets.slice(6)));
});

Deno.test("VideoDecoder goes on at the next keyframe when its child is killed", async () => {
  const clip = await makeVideo({ encode: `${ZERO_LATENCY} -g 10`, frames: 40 });
  await using decoder = new VideoDecoder({ stream: clip.stream, timeBase: TIME_BASE });
  const { items, done } = collect(decoder.frames());
  for (const packet of clip.packets.slice(0, 13)) await decoder.decode(packet);
  await until(() => items.length === 13, "13 pictures");
  const pid = decoder.pid!;
  Deno.kill(pid, "SIGKILL");
  await until(() => decoder.pid !== pid, "the child's end");
  for (const packet of clip.packets.slice(13)) await decoder.decode(packet);
  await decoder.flush();
  await done;
  const expected = [...clip.packets.slice(0, 13), ...clip.packets.slice(20)];
  assert.deepEqual(items.map((frame) => frame.ptsTicks), shownPts(expected));
  assert.equal(decoder.stats.restarts, 1);
  assert.equal(decoder.stats.droppedPackets, 7);
});

Deno.test("VideoDecoder gives up when its child dies too often", async () => {
  const clip = await makeVideo({ encode: `${ZERO_LATENCY} -g 1`, frames: 10 });
  const { stream } = clip;
  const restartBudget = new RestartBudget({ tries: 2 });
  await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE, restartBudget });
  const { items, done } = collect(decoder.frames());
  const failed = assert.rejects(done, { code: "FFMPEG_RESTART_LIMIT" });
  for (let i = 0; i < 3; i++) {
    await decoder.decode(clip.packets[i]!);
    await until(() => items.length === i + 1, `picture ${i + 1}`);
    const pid = decoder.pid!;
    Deno.kill(pid, "SIGKILL");
    await until(() => decoder.pid === undefined, "the child's end");
  }
  await failed;
  await assert.rejects(decoder.decode(clip.packets[3]!), { code: "FFMPEG_RESTART_LIMIT" });
  await assert.rejects(decoder.flush(), { code: "FFMPEG_RESTART_LIMIT" });
});

Deno.test("VideoDecoder survives damaged packets", async () => {
  const clip = await makeVideo({ encode: `${ZERO_LATENCY} -g 10`, frames: 40 });
  const packets = clip.packets.map((packet, i) => {
    if (i % 10 !== 5) return packet;
    const data = packet.data.slice();
    for (let at = 6; at < data.length; at += 3) data[at] = (data[at]! * 7 + i) % 256;
    return { ...packet, data };
  });
  const { frames, stats } = await decodeAll({ ...clip, packets });
  assert.equal(frames.length + stats.undecodedPackets, 40);
  assert.ok(frames.length >= 36, `${frames.length} pictures`);
  assert.equal(stats.restarts, 0);
  const sent = new Set(packets.map((packet) => packet.ptsTicks));
  assert.ok(frames.every((frame) => sent.has(frame.ptsTicks)));
});

Deno.test("VideoDecoder says clearly when nothing can be decoded", async () => {
  const clip = await makeVideo({ frames: 5 });
  const packets = clip.packets.map((packet) => ({
    ...packet,
    data: new Uint8Array(500).fill(0x55),
  }));
  await assert.rejects(decodeAll({ ...clip, packets }), {
    name: "MediaError",
    code: "MEDIA_BAD_FRAME",
    message: /Cannot decode h264: ffmpeg made nothing of 5 packets/,
  });
});

Deno.test("VideoDecoder says how to get a missing ffmpeg", async () => {
  const { stream, packets } = await makeVideo({ frames: 1 });
  const ffmpegPath = "/nonexistent/ffmpeg";
  await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE, ffmpegPath });
  await assert.rejects(decoder.decode(packets[0]!), {
    code: "FFMPEG_MISSING",
    message: /nonexistent.*apt-get install ffmpeg.*FFMPEG_PATH/,
  });
  assert.throws(() => decoder.prewarm(), { code: "FFMPEG_MISSING" });
});

Deno.test("VideoDecoder reuses the memory of released pictures", async () => {
  const clip = await makeVideo({ frames: 40 });
  const pool = new FramePool();
  const { stream } = clip;
  await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE, pool });
  const reading = (async () => {
    for await (const frame of decoder.frames()) {
      frame.release();
      frame.release();
    }
  })();
  for (const packet of clip.packets) await decoder.decode(packet);
  await decoder.flush();
  await reading;
  assert.equal(pool.stats.inUse, 0);
  assert.ok(pool.stats.created < 15, `${pool.stats.created} buffers`);
});

/** Starts a child whose output can be read when all of it is there, without waiting for a process. */
function spawnAndGather(command: string, options: Deno.CommandOptions): Deno.ChildProcess {
  const child = new Deno.Command(command, options).spawn();
  const output = new Response(child.stdout).bytes();
  let at = 0;
  const gathered = new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const piece = (await output).slice(at, at += 65_536);
      if (piece.length > 0) controller.enqueue(piece);
      else {
        controller.close();
        controller.byobRequest?.respond(0);
      }
    },
  });
  return Object.defineProperty(child, "stdout", { value: gathered });
}

Deno.test("VideoDecoder waits for its reader instead of piling pictures up", async () => {
  const clip = await makeVideo({ frames: 30 });
  const { stream } = clip;
  const pool = new FramePool();
  const settings = { pool, transport: "pipe", spawn: spawnAndGather } as const;
  await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE, ...settings });
  for (const packet of clip.packets) await decoder.decode(packet);
  const flushed = decoder.flush();
  await until(() => pool.stats.inUse >= 5, "a full queue");
  // Each picture is two pieces: all of them could be taken in these turns.
  for (let turn = 0; turn < 200; turn++) await delay(0);
  assert.ok(pool.stats.inUse <= 6, `${pool.stats.inUse} pictures held`);
  const { items, done } = collect(decoder.frames());
  await Promise.all([flushed, done]);
  assert.equal(items.length, 30);
});

Deno.test("VideoDecoder ends its child when disposed or aborted in the middle", async () => {
  const clip = await makeVideo({ size: "640x360", frames: 60 });
  for (const how of ["dispose", "abort"]) {
    const abort = new AbortController();
    const { signal } = abort;
    const { stream } = clip;
    const pool = new FramePool();
    await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE, signal, pool });
    const feeding = (async () => {
      for (const packet of clip.packets) await decoder.decode(packet);
    })().catch(() => {});
    await until(() => decoder.stats.frames > 2, "pictures");
    const pid = decoder.pid!;
    if (how === "abort") abort.abort();
    await decoder[Symbol.asyncDispose]();
    await decoder[Symbol.asyncDispose]();
    await feeding;
    assert.throws(() => Deno.kill(pid, "SIGCONT"), Deno.errors.NotFound);
    assert.equal(pool.stats.inUse, 0, "all memory came back");
    await assert.rejects(decoder.decode(clip.packets[0]!), /it was closed/);
  }
});
