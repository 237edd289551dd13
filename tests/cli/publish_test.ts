import assert from "node:assert/strict";
import { type TrickleHandler, TrickleServer } from "../../src/trickle/mod.ts";
import { unusedPort } from "../unused_port.ts";
import { until } from "../waiting.ts";
import { CommandHere, PassingTime, runHere, startTrickle } from "./command_here.ts";
import { CommandProcess } from "./command_process.ts";

/** Runs ffmpeg or ffprobe and gives its output; fails with its words when it fails. */
async function run(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function countFrames(path: string): Promise<number> {
  const text = await run("ffprobe", [
    ..."-v error -count_frames -select_streams v:0".split(" "),
    ..."-show_entries stream=nb_read_frames -of csv=p=0".split(" "),
    path,
  ]);
  return Number(/\d+/.exec(text)?.[0]);
}

/** A trickle server that ends channels only when a file holds all that they carried. */
class HoldingServer extends TrickleServer {
  declare readonly handler: TrickleHandler;
  /** Whether it was asked to end the channel. */
  isEnded = false;

  constructor(path: string) {
    super();
    const answer = this.handler;
    this.handler = async (request) => {
      if (request.method === "DELETE") {
        await until(
          async () => (await Deno.stat(path)).size === this.stats.receivedBytes,
          `${this.stats.receivedBytes} bytes in ${path}`,
        );
        this.isEnded = true;
      }
      return await answer(request);
    };
  }
}

/**
 * Publishes, and writes what the channel carries to a file. Resolves to how long the publisher waited, in
 * milliseconds.
 */
async function publishInto(
  path: string,
  [input, ...more]: readonly [input: string, ...options: string[]],
): Promise<number> {
  await using server = new HoldingServer(path);
  server.listen();
  const url = server.channelUrl("a");
  await using subscriber = new CommandHere(
    ["subscribe", url, path, "--start", "0", "--wait", "600"],
  );
  await subscriber.waitFor(/Subscribed to/);
  const pacing = new PassingTime();
  const { code, stderr } = await runHere(["publish", input, url, ...more], { pacing });
  assert.equal(code, 0, stderr);
  assert.ok(server.isEnded, "the channel goes on after its publisher");
  assert.equal((await subscriber.result()).code, 0, subscriber.stderr);
  return pacing.now();
}

/** Has ffmpeg write a test clip with a tone. */
async function makeClip(path: string, video: string, coding: string): Promise<void> {
  await run("ffmpeg", [
    ...`-v error -f lavfi -i testsrc=${video} -f lavfi -i sine=d=2`.split(" "),
    ...`-c:v libx264 -pix_fmt yuv420p ${coding} -c:a aac -shortest`.split(" "),
    path,
  ]);
}

Deno.test("what publish sends, subscribe receives whole and playable", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/out.ts`;
    await publishInto(path, ["test", ..."--size 160x90 --fps 25 --seconds 3".split(" ")]);
    assert.equal(await countFrames(path), 75);
    const streams = await run("ffprobe", [
      ..."-v error -show_entries stream=codec_name,width,height -of csv=p=0".split(" "),
      path,
    ]);
    assert.match(streams, /h264,160,90/);
    assert.match(streams, /aac/);
  });
});

Deno.test("publish --no-audio sends no audio, and SIGINT ends the channel cleanly", async () => {
  await using server = startTrickle();
  await withFolder(async (folder) => {
    const url = server.channelUrl("silent");
    await using publisher = new CommandProcess([
      "publish",
      "test",
      url,
      ..."--size 160x90 --fps 15 --no-audio".split(" "),
    ]);
    await publisher.waitFor(/Publishing test/);
    const path = `${folder}/out.ts`;
    await using subscriber = new CommandHere(["subscribe", url, path, "--wait", "600"]);
    await until(
      async () => ((await Deno.stat(path).catch(() => undefined))?.size ?? 0) >= 20_000,
      () => subscriber.stderr,
    );
    publisher.kill("SIGINT");
    assert.equal((await publisher.result()).code, 0, publisher.stderr);
    assert.equal((await subscriber.result()).code, 0, subscriber.stderr);
    const streams = await run("ffprobe", [
      ..."-v error -show_entries stream=codec_name -of csv=p=0".split(" "),
      path,
    ]);
    assert.match(streams, /h264/);
    assert.doesNotMatch(streams, /aac|opus/);
  });
});

Deno.test("publish takes the time of its media, and keeps a file's own streams", async () => {
  await withFolder(async (folder) => {
    const input = `${folder}/in.mp4`;
    await makeClip(input, "s=160x120:r=24:d=2", "-g 24");
    const path = `${folder}/out.ts`;
    const waitedMs = await publishInto(path, [input]);
    assert.ok(waitedMs > 1_800, "two seconds of media were sent at once");
    assert.equal(await countFrames(path), 48);
  });
});

Deno.test("publish --loop begins a file anew without a gap or a repeated time", async () => {
  await withFolder(async (folder) => {
    const input = `${folder}/in.mp4`;
    await makeClip(input, "s=160x120:r=20:d=1", "-bf 0");
    const path = `${folder}/out.ts`;
    await publishInto(path, [input, "--loop", "--seconds", "3"]);
    const times = (await run("ffprobe", [
      ..."-v error -select_streams v -show_entries packet=pts -of csv=p=0".split(" "),
      path,
    ])).match(/\d+/g)!.map(Number);
    assert.equal(times.length, 60);
    assert.deepEqual([...new Set(times.slice(1).map((pts, i) => pts - times[i]!))], [4_500]);
  });
});

Deno.test("publish names what is wrong with its input or its channel", async () => {
  await using server = startTrickle();
  await withFolder(async (folder) => {
    const garbage = `${folder}/garbage.ts`;
    await Deno.writeTextFile(garbage, "this is no media");
    for (const input of [`${folder}/missing.mp4`, garbage]) {
      const { code, stderr } = await runHere(["publish", input, server.channelUrl("a")]);
      assert.equal(code, 1, input);
      assert.match(stderr, /^error: Cannot .*(missing\.mp4|garbage\.ts)/m);
    }
  });
  const { code, stderr } = await runHere([
    "publish",
    "test",
    `http://127.0.0.1:${unusedPort()}/a`,
    ..."--size 160x90 --seconds 1".split(" "),
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /^error: Cannot .*127\.0\.0\.1/m);
  assert.doesNotMatch(stderr, /delete/i, "what is not there needs no deleting");
});

Deno.test("publish --wait waits for a server that comes later, and SIGINT ends that", async () => {
  const port = unusedPort();
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const args = ["publish", "test", `http://127.0.0.1:${port}/a`, "--wait", "600"];
  await using waiting = new CommandProcess(args);
  // It has asked, and got no answer.
  for (let i = 0; i < 2; i++) (await listener.accept()).close();
  waiting.kill("SIGINT");
  assert.equal((await waiting.result()).code, 130, waiting.stderr);
  assert.equal(waiting.stderr.includes("error"), false, waiting.stderr);
  await using publisher = new CommandHere([...args, "--size", "160x90", "--seconds", "1"]);
  for (let i = 0; i < 2; i++) (await listener.accept()).close();
  listener.close();
  await using server = new TrickleServer();
  server.listen({ port });
  assert.equal((await publisher.result()).code, 0, publisher.stderr);
});

Deno.test("publish refuses wrong options with exit code 2", async () => {
  const cases: [string[], RegExp][] = [
    [["--size", "640"], /Use WIDTHxHEIGHT/],
    [["--size", "641x360"], /Use WIDTHxHEIGHT/],
    [["--fps", "0"], /Use a whole number from 1 to 60/],
    [["--fps", "61"], /Use a whole number from 1 to 60/],
    [["--seconds", "0"], /Use a number above 0/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runHere(["publish", "test", "http://127.0.0.1:1/a", ...args]);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
  }
});
