/** The script that the container and `deno task serve:safe` run. */

import assert from "node:assert/strict";
import { linesOf } from "../../bench/text_lines.ts";

const SCRIPT = new URL("../../docker/serve_safe.sh", import.meta.url).pathname;
const onUnix = { ignore: Deno.build.os === "windows" };

function start(args: string[], stderr: "piped" | "null"): Deno.ChildProcess {
  return new Deno.Command(SCRIPT, {
    args,
    env: { RUNNEL_STREAM_HOSTS: "127.0.0.1", RUNNEL_WARM_FFMPEG: "0" },
    stdin: "null",
    stdout: stderr === "null" ? "piped" : "null",
    stderr,
  }).spawn();
}

for (const command of [[], ["serve"]]) {
  Deno.test(`serve_safe.sh ${command.join(" ")} serves, and ends on SIGTERM`, onUnix, async () => {
    const worker = start([...command, "--host", "127.0.0.1", "--port", "0"], "piped");
    let answered = 0;
    for await (const line of linesOf(worker.stderr)) {
      const url = /https?:\/\/\S+/.exec(line)?.[0];
      if (url === undefined || answered > 0) continue;
      const response = await fetch(`${url.replace(/\/$/, "")}/livez`);
      await response.body?.cancel();
      answered = response.status;
      worker.kill("SIGTERM");
    }
    assert.equal(answered, 200);
    assert.deepEqual((await worker.status).code, 0);
  });
}

Deno.test("serve_safe.sh runs other commands, and help, as they are", onUnix, async () => {
  for (
    const [args, found] of [[["--version"], /^\d+\.\d+/], [["doctor", "--help"], /doctor/]] as const
  ) {
    const { stdout, code } = await start([...args], "null").output();
    assert.equal(code, 0);
    assert.match(new TextDecoder().decode(stdout), found);
  }
});
