/** Files of many kinds through a real ffmpeg. */

import assert from "node:assert/strict";
import { type MediaEvent, openMediaFile, type PacingClock } from "../../src/source/mod.ts";
import { inputAddress } from "../../src/source/input_address.ts";
import {
  ClipFolder,
  collect,
  complaints,
  packetsOf,
  PICTURE,
  replay,
  streamsOf,
  toBytes,
  TONE,
} from "./media.ts";

const H264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
const BOTH = `${PICTURE} ${TONE} -t 1`;

interface FileCase {
  readonly name: string;
  readonly words: string;
  /** Whether the file's own packets come out. */
  readonly copied: readonly [video: boolean | undefined, audio: boolean | undefined];
  readonly codecs: readonly [video: string | undefined, audio: string | undefined];
}

const CASES: readonly FileCase[] = [
  {
    name: "clip.mp4",
    words: `${BOTH} ${H264} -bf 2 -c:a aac`,
    copied: [true, true],
    codecs: ["h264", "aac"],
  },
  {
    name: "clip.mkv",
    words: `${BOTH} -c:v libx265 -x265-params log-level=none -c:a libopus`,
    copied: [true, true],
    codecs: ["hevc", "opus"],
  },
  {
    name: "clip.ts",
    words: `${BOTH} ${H264} -c:a libmp3lame`,
    copied: [true, true],
    codecs: ["h264", "mp3"],
  },
  {
    name: "clip.mov",
    words: `${BOTH} ${H264} -c:a ac3`,
    copied: [true, true],
    codecs: ["h264", "ac3"],
  },
  {
    name: "clip.webm",
    words: `${BOTH} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus`,
    copied: [false, true],
    codecs: ["h264", "opus"],
  },
  {
    name: "clip.avi",
    words: `${BOTH} ${H264} -bf 0 -c:a libmp3lame`,
    copied: [false, false],
    codecs: ["h264", "aac"],
  },
  {
    name: "sound.wav",
    words: `${TONE} -t 1`,
    copied: [undefined, false],
    codecs: [undefined, "aac"],
  },
];

for (const { name, words, copied, codecs } of CASES) {
  Deno.test(`${name} is read whole and decodes cleanly: ${describePlan(copied)}`, async () => {
    await using folder = await ClipFolder.open();
    const file = openMediaFile(await folder.make(name, words));
    const info = await file.describe();
    const plan = copied.map((isCopied) =>
      isCopied === undefined ? undefined : isCopied ? "copy" : "transcode"
    );
    assert.deepEqual([info?.video, info?.audio], plan);
    assert.ok(Math.abs(info!.durationSeconds! - 1) < 0.1, `${info!.durationSeconds} s`);

    const events = await collect(file);
    const { video, audio } = streamsOf(events);
    assert.deepEqual([video?.codec, audio?.codec], codecs);
    const pictures = packetsOf(events, "video");
    const seconds = packetsOf(events, "audio").length * audioFrameSeconds(audio!.codec);
    assert.ok(Math.abs(seconds - 1) < 0.12, `${seconds} s of sound`);
    if (video !== undefined) {
      assert.deepEqual([video.width, video.height], [160, 120]);
      assert.ok(Math.abs(pictures.length - 25) <= 1, `${pictures.length} pictures`);
      assert.ok(pictures[0]!.keyframe);
      assert.ok(Math.abs(info!.frameCount! - pictures.length) <= 2, `${info!.frameCount} counted`);
    }
    assert.equal(await complaints(await toBytes(replay(events))), "");
  });
}

function describePlan([video, audio]: FileCase["copied"]): string {
  const say = (what: string, copied: boolean | undefined): readonly string[] =>
    copied === undefined ? [] : [`${what} ${copied ? "as it is" : "transcoded"}`];
  return [...say("video", video), ...say("audio", audio)].join(", ");
}

function audioFrameSeconds(codec: string): number {
  const samples = { aac: 1024, opus: 960, mp3: 1152, ac3: 1536 }[codec];
  assert.ok(samples !== undefined);
  return samples / 48_000;
}

Deno.test("a file can be read again, from its beginning", async () => {
  await using folder = await ClipFolder.open();
  const file = openMediaFile(await folder.make("clip.mp4", `${PICTURE} -t 1 ${H264}`));
  const first = packetsOf(await collect(file));
  assert.equal(first.length, 25);
  assert.deepEqual(packetsOf(await collect(file)), first);
});

Deno.test("a name with spaces, colons and a dash in front is a file's name", async () => {
  await using folder = await ClipFolder.open();
  const bytes = await Deno.readFile(await folder.make("clip.ts", `${PICTURE} -t 1 ${H264}`));
  const path = await folder.write("-y http: a b.ts", bytes);
  assert.equal(packetsOf(await collect(openMediaFile(path))).length, 25);
});

Deno.test("a relative name that looks like a URL is a file's name where there is that file", async () => {
  const name = `http:${crypto.randomUUID()}.ts`;
  assert.equal(inputAddress(name).path, undefined);
  await Deno.writeFile(name, new Uint8Array(0));
  try {
    assert.deepEqual(inputAddress(name).args, ["-i", `file:${name}`]);
    assert.equal(inputAddress(`http://${name}`).path, undefined);
  } finally {
    await Deno.remove(name);
  }
});

Deno.test("a stream over HTTP is read like a file", async () => {
  await using folder = await ClipFolder.open();
  const bytes = await Deno.readFile(await folder.make("clip.ts", `${PICTURE} -t 1 ${H264}`));
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(bytes),
  );
  const url = `http://127.0.0.1:${server.addr.port}/clip.ts`;
  assert.equal(packetsOf(await collect(openMediaFile(url))).length, 25);
  const error = await failure("http://127.0.0.1:1/clip.ts");
  assert.equal(error.code, "FFMPEG_EXIT");
  assert.match(error.message, /http:\/\/127\.0\.0\.1:1\/clip\.ts: Connection refused/);
});

/** The error of an input that cannot be read. */
async function failure(input: string): Promise<Error & { code: string; context: object }> {
  let error: unknown;
  await assert.rejects(async () => {
    try {
      await collect(openMediaFile(input));
    } catch (thrown) {
      error = thrown;
      throw thrown;
    }
  });
  return error as Error & { code: string; context: object };
}

Deno.test("a file that is not there, or a folder, is named in the error", async () => {
  await using folder = await ClipFolder.open();
  const missing = await failure(`${folder.path}/nope.mp4`);
  assert.equal(missing.code, "CONFIG_INVALID");
  assert.match(missing.message, /nope\.mp4: there is no such file/);
  const directory = await failure(folder.path);
  assert.equal(directory.code, "CONFIG_INVALID");
  assert.match(directory.message, /it is a folder/);
});

Deno.test("what is no media, and what is cut off in its header, is a bad container", async () => {
  await using folder = await ClipFolder.open();
  const whole = await Deno.readFile(await folder.make("clip.mp4", `${PICTURE} -t 1 ${H264}`));
  const noise = Uint8Array.from({ length: 5000 }, (_, index) => index * 7919 >> 3 & 255);
  for (
    const [name, bytes] of [
      ["garbage.mp4", noise],
      ["empty.ts", new Uint8Array(0)],
      ["cut.mp4", whole.subarray(0, whole.length / 2)],
    ] as const
  ) {
    const path = await folder.write(name, bytes);
    const error = await failure(path);
    assert.equal(error.code, "MEDIA_BAD_CONTAINER", name);
    assert.ok(error.message.startsWith(`Cannot read ${path}: `), error.message);
    assert.ok("stderr" in error.context);
  }
});

Deno.test("a file with nothing but subtitles has nothing to play", async () => {
  await using folder = await ClipFolder.open();
  const text = "1\n00:00:00,000 --> 00:00:01,000\nHello\n";
  const path = await folder.write("only.srt", new TextEncoder().encode(text));
  assert.equal((await failure(path)).code, "MEDIA_NO_STREAM");
});

Deno.test("a file that breaks off is read to where it breaks", async () => {
  await using folder = await ClipFolder.open();
  const whole = await Deno.readFile(await folder.make("clip.ts", `${PICTURE} -t 2 ${H264}`));
  const path = await folder.write("cut.ts", whole.subarray(0, whole.length / 2));
  const packets = packetsOf(await collect(openMediaFile(path)));
  assert.ok(packets.length > 10 && packets.length < 50, `${packets.length} packets`);
});

Deno.test("without ffmpeg the error says so; without ffprobe all is transcoded", async () => {
  await using folder = await ClipFolder.open();
  const path = await folder.make("clip.mp4", `${BOTH} ${H264} -c:a aac`);
  const missing = openMediaFile(path, { ffmpegPath: "/nonexistent/ffmpeg" });
  await assert.rejects(collect(missing), { code: "FFMPEG_MISSING" });
  const spawn = (command: string, options: Deno.CommandOptions): Deno.ChildProcess => {
    if (command.endsWith("ffprobe")) throw new Deno.errors.NotFound("no ffprobe");
    return new Deno.Command(command, options).spawn();
  };
  const file = openMediaFile(path, { spawn });
  assert.deepEqual((await file.describe())?.video, "transcode");
  const events = await collect(file);
  assert.equal(packetsOf(events, "video").length, 25);
  assert.equal(streamsOf(events).audio?.codec, "aac");
});

Deno.test("leaving the loop and the signal end the child", async () => {
  await using folder = await ClipFolder.open();
  const path = await folder.make("clip.ts", `${PICTURE} -t 20 ${H264} -crf 1`);
  for await (const event of openMediaFile(path)) {
    if (event.kind === "packet") break;
  }
  const stop = new AbortController();
  const events: MediaEvent[] = [];
  for await (const event of openMediaFile(path, { signal: stop.signal })) {
    events.push(event);
    if (events.length === 5) stop.abort();
  }
  assert.equal(events.length, 5);
  assert.deepEqual(await collect(openMediaFile(path, { signal: stop.signal })), []);
});

Deno.test("a file in real time takes as long as it plays", async () => {
  await using folder = await ClipFolder.open();
  const path = await folder.make("clip.ts", `${PICTURE} -t 0.4 ${H264}`);
  const times: number[] = [];
  let nowMs = 0;
  const clock: PacingClock = {
    now: () => nowMs,
    wait: (delayMs) => Promise.resolve(void (nowMs += delayMs)),
  };
  for await (const event of openMediaFile(path, { realtime: true, clock })) {
    if (event.kind === "packet") times.push(Math.round(nowMs));
  }
  assert.deepEqual(times, Array.from({ length: 10 }, (_, n) => n * 40));
});
