import assert from "node:assert/strict";
import { until } from "../waiting.ts";
import { runHere } from "./command_here.ts";
import { CommandProcess } from "./command_process.ts";

const SERVING = /Serving .* on (http:\S+)/;

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return "";
  }
}

Deno.test({
  name: "ffmpeg sees no secret of the worker, and its command line has none from files",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      const seen = `${folder}/environment`;
      const ffmpeg = `${folder}/ffmpeg`;
      await Deno.writeTextFile(
        ffmpeg,
        `#!/bin/sh\nenv >> ${seen}.$$ && mv ${seen}.$$ ${seen}\nexec ffmpeg "$@"\n`,
        { mode: 0o755 },
      );
      await Deno.writeTextFile(`${folder}/token`, "t0ken-of-file\n");
      await using command = new CommandProcess(
        ["serve", "--host", "127.0.0.1", "--port", "0", "--token-file", `${folder}/token`],
        {
          env: {
            FFMPEG_PATH: ffmpeg,
            ORCH_SECRET: "s3cret-of-orchestrator",
            APPLICATION_KEY: "s3cret-of-application",
          },
        },
      );
      const [, url] = await command.waitFor(SERVING);
      await until(async () => (await readIfThere(seen)) !== "", "the start of an ffmpeg");
      const environment = await Deno.readTextFile(seen);
      assert.match(environment, /^PATH=/m);
      assert.doesNotMatch(environment, /t0ken|s3cret|APPLICATION_KEY|ORCH_/);
      const commandLine = await Deno.readTextFile(`/proc/${command.pid}/cmdline`);
      assert.doesNotMatch(commandLine, /t0ken/);
      assert.equal(await fetchStatus(`${url}/stream/status`), 401);
      assert.equal(await fetchStatus(`${url}/stream/status`, "t0ken-of-file"), 200);
      assert.doesNotMatch(command.stderr, /t0ken|s3cret|Anyone who reaches/);
    }),
});

async function fetchStatus(url: string, token?: string): Promise<number> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers });
  await response.body?.cancel();
  return response.status;
}

Deno.test("a token file that is missing or empty, or a token beside it, is an error in words", () =>
  withFolder(async (folder) => {
    const empty = `${folder}/empty`;
    await Deno.writeTextFile(empty, " \n");
    const cases: [string[], number, RegExp][] = [
      [["--token-file", `${folder}/none`], 1, /Cannot read the secret of --token-file from .*none/],
      [["--token-file", empty], 1, /from .*empty: it is empty/],
      [["--token-file", empty, "--token", "x"], 2, /cannot be used with/],
    ];
    for (const [args, expected, message] of cases) {
      const { code, stderr } = await runHere(["serve", "--port", "0", ...args]);
      assert.equal(code, expected, args.join(" "));
      assert.match(stderr, message);
    }
  }));

Deno.test("a worker that its orchestrator cannot reach says so", async () => {
  await using worker = new CommandProcess(["serve", "--port", "0", "--registration", "byoc"], {
    env: {
      ORCH_URL: "http://127.0.0.1:9",
      ORCH_SECRET: "s3cret",
      CAPABILITY_URL: "http://worker.example:8000",
    },
  });
  await worker.waitFor(
    /The orchestrator is to call http:\/\/worker\.example:8000, but .* set HOST/,
  );
});

Deno.test("a host that others reach is warned of without a token, and a token that others see", async () => {
  await using open = new CommandProcess(["serve", "--host", "0.0.0.0", "--port", "0"]);
  await open.waitFor(SERVING);
  await open.waitFor(/WARN +server: Anyone who reaches 0\.0\.0\.0:\d+ may start, change and stop/);
  await using visible = new CommandProcess(["serve", "--port", "0", "--token", "t0ken"]);
  await visible.waitFor(/WARN +cli: --token is in the list of processes/);
  const [line] = await visible.waitFor(SERVING);
  assert.doesNotMatch(line, /t0ken/);
  assert.doesNotMatch(visible.stderr, /Anyone who reaches/);
});
