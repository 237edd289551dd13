import assert from "node:assert/strict";
import { CommandProcess, runToEnd, startTrickleServer } from "./command_process.ts";
import { delay } from "../waiting.ts";

async function status(url: string, init?: RequestInit): Promise<number> {
  const response = await fetch(url, init);
  await response.body?.cancel();
  return response.status;
}

Deno.test("trickle-server says where it listens, serves, and ends cleanly on SIGINT", async () => {
  await using server = await startTrickleServer();
  assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  assert.equal(await status(`${server.url}a/0`, { method: "POST", body: "hello" }), 200);
  const response = await fetch(`${server.url}a/0`);
  assert.equal(await response.text(), "hello");
  server.command.kill("SIGINT");
  const { code, stdout } = await server.command.result();
  assert.equal(code, 0);
  assert.equal(stdout, "");
});

Deno.test("trickle-server ends cleanly on SIGTERM while a reader waits", async () => {
  await using server = await startTrickleServer();
  assert.equal(await status(`${server.url}a`, { method: "POST" }), 200);
  // The reader may lose the race against the signal; either way it does not hang.
  const waiting = status(`${server.url}a/0`).catch(() => 0);
  server.command.kill("SIGTERM");
  assert.equal((await server.command.result()).code, 0);
  await waiting;
});

Deno.test("trickle-server --path, --no-autocreate and --changefeed", async () => {
  await using server = await startTrickleServer([
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
    await using command = new CommandProcess(["trickle-server", "--port", "0"], {
      env: { RUNNEL_TRICKLE_NO_AUTOCREATE: value },
    });
    const [, url] = await command.waitFor(/ready on (http:\S+)/);
    assert.equal(await status(`${url}a/0`, { method: "POST", body: "x" }), expected, value);
  }
});

Deno.test("trickle-server --idle-timeout closes channels that nobody writes to", async () => {
  await using server = await startTrickleServer(["--idle-timeout", "0.2"]);
  assert.equal(await status(`${server.url}a`, { method: "POST" }), 200);
  const deadline = Date.now() + 20_000;
  while (await status(`${server.url}a/next`) !== 404) {
    assert.ok(Date.now() < deadline, "the channel was not closed");
    await delay(20);
  }
});

Deno.test("trickle-server on a port in use is one readable line and exit code 1", async () => {
  await using server = await startTrickleServer();
  const { port } = new URL(server.url);
  const { code, stderr } = await runToEnd(["trickle-server", "--port", port]);
  assert.equal(code, 1);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
  assert.match(
    stderr,
    new RegExp(`^error: Cannot listen on 127\\.0\\.0\\.1:${port}: .*another port`),
  );
});

Deno.test("log lines and the ready line are JSON with --log-format json", async () => {
  await using command = new CommandProcess(["trickle-server", "--port", "0"], {
    env: { RUNNEL_LOG_FORMAT: "json", RUNNEL_LOG_LEVEL: "debug" },
  });
  await command.waitFor(/ready on/);
  command.kill("SIGINT");
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
