import assert from "node:assert/strict";
import { CommandProcess, runToEnd, startTrickleServer } from "./command_process.ts";
import { delay } from "../waiting.ts";

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

Deno.test("what publish sends, subscribe receives whole and playable", async () => {
  await using server = await startTrickleServer();
  await withFolder(async (folder) => {
    const url = `${server.url}camera`;
    const path = `${folder}/out.ts`;
    await using subscriber = new CommandProcess([
      "subscribe",
      url,
      path,
      "--start",
      "0",
      "--wait",
      "60",
    ]);
    await subscriber.waitFor(/Subscribed to/);
    const published = await runToEnd([
      "publish",
      "test",
      url,
      ..."--size 320x180 --fps 25 --seconds 3".split(" "),
    ]);
    assert.equal(published.code, 0, published.stderr);
    assert.equal((await subscriber.result()).code, 0);
    assert.equal(await countFrames(path), 75);
    const streams = await run("ffprobe", [
      ..."-v error -show_entries stream=codec_name,width,height -of csv=p=0".split(" "),
      path,
    ]);
    assert.match(streams, /h264,320,180/);
    assert.match(streams, /aac/);
  });
});

Deno.test("publish --no-audio sends no audio, and SIGINT ends the channel cleanly", async () => {
  await using server = await startTrickleServer();
  await withFolder(async (folder) => {
    const url = `${server.url}silent`;
    await using publisher = new CommandProcess([
      "publish",
      "test",
      url,
      ..."--size 160x90 --fps 15 --no-audio".split(" "),
    ]);
    await publisher.waitFor(/Publishing test/);
    const path = `${folder}/out.ts`;
    await using subscriber = new CommandProcess(["subscribe", url, path, "--wait", "60"]);
    const deadline = Date.now() + 60_000;
    while (((await Deno.stat(path).catch(() => undefined))?.size ?? 0) < 20_000) {
      assert.ok(Date.now() < deadline, subscriber.stderr);
      await delay(50);
    }
    publisher.kill("SIGINT");
    assert.equal((await publisher.result()).code, 0, publisher.stderr);
    assert.equal((await subscriber.result()).code, 0, subscriber.stderr);
    const streams = await run("ffprobe", [
      ..."-v error -show_entries stream=codec_name -of csv=p=0".split(" "),
      path,
    ]);
    assert.doesNotMatch(streams, /aac|opus/);
  });
});

Deno.test("publish takes real time, and keeps a file's own streams", async () => {
  await using server = await startTrickleServer();
  await withFolder(async (folder) => {
    const input = `${folder}/in.mp4`;
    await run("ffmpeg", [
      ..."-v error -f lavfi -i testsrc=s=320x240:r=24:d=2 -f lavfi -i sine=d=2".split(" "),
      ..."-c:v libx264 -pix_fmt yuv420p -g 24 -c:a aac".split(" "),
      input,
    ]);
    const url = `${server.url}file`;
    const path = `${folder}/out.ts`;
    await using subscriber = new CommandProcess(
      ["subscribe", url, path, "--start", "0", "--wait", "60"],
    );
    await subscriber.waitFor(/Subscribed to/);
    const startedMs = performance.now();
    const { code, stderr } = await runToEnd(["publish", input, url]);
    assert.equal(code, 0, stderr);
    assert.ok(performance.now() - startedMs > 1_800, "two seconds of media were sent at once");
    assert.equal((await subscriber.result()).code, 0);
    assert.equal(await countFrames(path), 48);
  });
});

Deno.test("publish --loop begins a file anew without a gap or a repeated time", async () => {
  await using server = await startTrickleServer();
  await withFolder(async (folder) => {
    const input = `${folder}/in.mp4`;
    await run("ffmpeg", [
      ..."-v error -f lavfi -i testsrc=s=160x120:r=20:d=1 -f lavfi -i sine=d=1".split(" "),
      ..."-c:v libx264 -pix_fmt yuv420p -bf 0 -c:a aac".split(" "),
      input,
    ]);
    const url = `${server.url}loop`;
    const path = `${folder}/out.ts`;
    await using subscriber = new CommandProcess(
      ["subscribe", url, path, "--start", "0", "--wait", "60"],
    );
    await subscriber.waitFor(/Subscribed to/);
    const { code, stderr } = await runToEnd(
      ["publish", input, url, "--loop", "--seconds", "3"],
    );
    assert.equal(code, 0, stderr);
    assert.equal((await subscriber.result()).code, 0);
    const times = (await run("ffprobe", [
      ..."-v error -select_streams v -show_entries packet=pts -of csv=p=0".split(" "),
      path,
    ])).match(/\d+/g)!.map(Number);
    assert.equal(times.length, 60);
    assert.deepEqual([...new Set(times.slice(1).map((pts, i) => pts - times[i]!))], [4_500]);
  });
});

Deno.test("publish names what is wrong with its input or its channel", async () => {
  await using server = await startTrickleServer();
  await withFolder(async (folder) => {
    const garbage = `${folder}/garbage.ts`;
    await Deno.writeTextFile(garbage, "this is no media");
    for (const input of [`${folder}/missing.mp4`, garbage]) {
      const { code, stderr } = await runToEnd(["publish", input, `${server.url}a`]);
      assert.equal(code, 1, input);
      assert.match(stderr, /^error: Cannot .*(missing\.mp4|garbage\.ts)/m);
    }
  });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { code, stderr } = await runToEnd([
    "publish",
    "test",
    `http://127.0.0.1:${port}/a`,
    ..."--size 160x90 --seconds 1".split(" "),
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /^error: Cannot .*127\.0\.0\.1/m);
  assert.doesNotMatch(stderr, /delete/i, "what is not there needs no deleting");
});

Deno.test("publish --wait waits for a server that comes later, and SIGINT ends that", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const args = ["publish", "test", `http://127.0.0.1:${port}/a`, "--wait", "60"];
  await using waiting = new CommandProcess(args);
  await using publisher = new CommandProcess([...args, "--size", "160x90", "--seconds", "1"]);
  // Both have asked, and get no answer.
  for (let i = 0; i < 4; i++) (await listener.accept()).close();
  waiting.kill("SIGINT");
  assert.equal((await waiting.result()).code, 130, waiting.stderr);
  assert.equal(waiting.stderr.includes("error"), false, waiting.stderr);
  listener.close();
  await using _server = await startTrickleServer(["--port", String(port)]);
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
    const { code, stderr } = await runToEnd(["publish", "test", "http://127.0.0.1:1/a", ...args]);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
  }
});
