import assert from "node:assert/strict";
import { until } from "../waiting.ts";
import { CommandHere, type HereOptions, runHere } from "./command_here.ts";
import { CommandProcess } from "./command_process.ts";

const READY = /ready on (http:\S+)/;

/** A server on a free port, in this process. */
async function startHere(
  args: readonly string[] = [],
  options: HereOptions = {},
): Promise<{ readonly command: CommandHere; readonly url: string } & AsyncDisposable> {
  const command = new CommandHere(["trickle-server", "--port", "0", ...args], options);
  const [, url] = await command.waitFor(READY);
  return { command, url: url!, [Symbol.asyncDispose]: () => command[Symbol.asyncDispose]() };
}

async function status(url: string, init?: RequestInit): Promise<number> {
  const response = await fetch(url, init);
  await response.body?.cancel();
  return response.status;
}

Deno.test("trickle-server says where it listens, serves, and ends cleanly on SIGINT", async () => {
  await using command = new CommandProcess(["trickle-server", "--port", "0"]);
  const [, url] = await command.waitFor(READY);
  assert.match(url!, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  assert.equal(await status(`${url}a/0`, { method: "POST", body: "hello" }), 200);
  const response = await fetch(`${url}a/0`);
  assert.equal(await response.text(), "hello");
  command.kill("SIGINT");
  const { code, stdout } = await command.result();
  assert.equal(code, 0);
  assert.equal(stdout, "");
});

Deno.test("trickle-server ends cleanly on SIGTERM while a reader waits", async () => {
  await using command = new CommandProcess(["trickle-server", "--port", "0"]);
  const [, url] = await command.waitFor(READY);
  const pipe = new TransformStream<Uint8Array, Uint8Array>();
  const writer = pipe.writable.getWriter();
  const writing = fetch(`${url}a/0`, { method: "POST", body: pipe.readable });
  await writer.write(new TextEncoder().encode("x"));
  const body = (await fetch(`${url}a/0`)).body!.getReader();
  assert.equal((await body.read()).value?.length, 1);
  const rest = body.read();
  command.kill("SIGTERM");
  assert.equal((await command.result()).code, 0);
  assert.equal((await rest).done, true);
  await (await writing).body?.cancel();
  await writer.close().catch(() => {}); // the server no longer reads
});

Deno.test("trickle-server --path, --no-autocreate and --changefeed", async () => {
  await using server = await startHere([
    "--path",
    "/ai/trickle",
    "--no-autocreate",
    "--changefeed",
  ]);
  assert.match(server.url, /\/ai\/trickle\/$/);
  assert.equal(await status(`${server.url}a/0`, { method: "POST", body: "x" }), 404);
  assert.equal(await status(`${server.url}_changes/next`), 200);
});

Deno.test("a flag's variable set to 0 leaves the flag off, set to 1 turns it on", async () => {
  for (const [value, expected] of [["0", 200], ["false", 200], ["1", 404]] as const) {
    await using server = await startHere([], { env: { RUNNEL_TRICKLE_NO_AUTOCREATE: value } });
    assert.equal(await status(`${server.url}a/0`, { method: "POST", body: "x" }), expected, value);
  }
});

Deno.test("trickle-server --idle-timeout closes channels that nobody writes to", async () => {
  await using server = await startHere(["--idle-timeout", "0.2"]);
  assert.equal(await status(`${server.url}a`, { method: "POST" }), 200);
  await until(async () => await status(`${server.url}a/next`) === 404, "the end of the channel");
});

Deno.test("trickle-server on a port in use is one readable line and exit code 1", async () => {
  await using server = await startHere();
  const { port } = new URL(server.url);
  const { code, stderr } = await runHere(["trickle-server", "--port", port]);
  assert.equal(code, 1);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
  assert.match(
    stderr,
    new RegExp(`^error: Cannot listen on 127\\.0\\.0\\.1:${port}: .*another port`),
  );
});

Deno.test("log lines and the ready line are JSON with --log-format json", async () => {
  const { command } = await startHere([], {
    env: { RUNNEL_LOG_FORMAT: "json", RUNNEL_LOG_LEVEL: "debug" },
  });
  command.interrupt();
  const { stderr } = await command.result();
  const records = stderr.trim().split("\n").map((line) => JSON.parse(line));
  const ready = records.find((record) => record.url !== undefined);
  assert.equal(ready.message, `Trickle server ready on ${ready.url}`);
  for (const record of records) {
    for (const field of ["time", "level", "logger", "message"]) {
      assert.equal(typeof record[field], "string", `${field} of ${JSON.stringify(record)}`);
    }
  }
});
