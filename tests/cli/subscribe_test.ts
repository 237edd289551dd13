import assert from "node:assert/strict";
import { unusedPort } from "../unused_port.ts";
import { until } from "../waiting.ts";
import { CommandHere, runHere, startTrickle } from "./command_here.ts";
import { CommandProcess } from "./command_process.ts";

async function post(url: string, body: string): Promise<void> {
  const response = await fetch(url, { method: "POST", body });
  await response.body?.cancel();
  assert.equal(response.status, 200);
}

async function closeChannel(url: string): Promise<void> {
  const response = await fetch(url, { method: "DELETE" });
  await response.body?.cancel();
}

Deno.test("subscribe writes every segment to standard output and ends with the channel", async () => {
  await using server = startTrickle();
  const url = server.channelUrl("a");
  await post(`${url}/0`, "zero ");
  await post(`${url}/1`, "one ");
  await using command = new CommandProcess(["subscribe", url, "-", "--start", "0"]);
  await command.waitFor(/Subscribed to/);
  await post(`${url}/2`, "two");
  await command.until(() => command.stdoutBytes.length === "zero one two".length || undefined);
  await closeChannel(url);
  const { code, stdout } = await command.result();
  assert.equal(code, 0);
  assert.equal(stdout, "zero one two");
});

Deno.test("subscribe writes to a file, which it replaces", async () => {
  await using server = startTrickle();
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/out.bin`;
    await Deno.writeTextFile(path, "something older and longer");
    const url = server.channelUrl("a");
    await post(`${url}/0`, "fresh");
    await using command = new CommandHere(["subscribe", url, path]);
    await until(async () => await Deno.readTextFile(path) === "fresh", () => command.stderr);
    await closeChannel(url);
    assert.equal((await command.result()).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("subscribe to a channel that does not exist is exit code 1 and says so", async () => {
  await using server = startTrickle();
  const { code, stderr } = await runHere(["subscribe", server.channelUrl("nobody"), "-"]);
  assert.equal(code, 1);
  assert.match(stderr, /error: Cannot subscribe to .*nobody: there is no such channel/);
});

Deno.test("subscribe --wait waits for a channel that comes later", async () => {
  await using server = startTrickle();
  const url = server.channelUrl("late");
  await using command = new CommandProcess(["subscribe", url, "-", "--wait", "600"]);
  await until(() => server.stats.requests > 0, () => command.stderr);
  await post(`${url}/0`, "here");
  await command.until(() => command.stdoutBytes.length === "here".length || undefined);
  command.kill("SIGINT");
  const { code, stdout } = await command.result();
  assert.equal(code, 0);
  assert.equal(stdout, "here");
});

Deno.test("subscribe to a server that is not there is exit code 1 and says so", async () => {
  const url = `http://127.0.0.1:${unusedPort()}/a`;
  const { code, stderr } = await runHere(["subscribe", url, "-"]);
  assert.equal(code, 1);
  assert.match(stderr, /^error: Cannot .*127\.0\.0\.1/m);
});

Deno.test("subscribe refuses a file that cannot be written", async () => {
  await using server = startTrickle();
  const { code, stderr } = await runHere([
    "subscribe",
    server.channelUrl("a"),
    "/no/such/folder/x.ts",
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /error: Cannot write \/no\/such\/folder\/x\.ts/);
});

Deno.test("subscribe refuses wrong arguments with exit code 2", async () => {
  const cases: [string[], RegExp][] = [
    [[], /missing required argument 'url'/],
    [["http://127.0.0.1:1/a"], /missing required argument 'out'/],
    [["not-a-url", "-"], /Use an absolute URL/],
    [["http://127.0.0.1:1/a", "-", "--start", "later"], /Use current, next/],
    [["http://127.0.0.1:1/a", "-", "--tls", "maybe"], /Allowed choices are system, insecure/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runHere(["subscribe", ...args]);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
  }
});
