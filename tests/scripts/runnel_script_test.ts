import assert from "node:assert/strict";

const RUNNEL = new URL("../../runnel", import.meta.url).pathname;
const onUnix = { ignore: Deno.build.os === "windows" };

Deno.test(
  "./runnel asks deno and ffmpeg for their versions once, until they change",
  onUnix,
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const calls = `${folder}/calls`;
      const write = async (name: string, then: string): Promise<void> => {
        const path = `${folder}/${name}`;
        await Deno.writeTextFile(path, `#!/bin/sh\necho "${name} $*" >>"${calls}"\n${then}\n`);
        await Deno.chmod(path, 0o755);
      };
      const run = async (): Promise<{ code: number; stderr: string; calls: string[] }> => {
        await Deno.writeTextFile(calls, "");
        const { code, stderr } = await new Deno.Command(RUNNEL, {
          args: ["--version"],
          env: {
            PATH: `${folder}:${Deno.env.get("PATH")}`,
            XDG_CACHE_HOME: `${folder}/cache`,
            FFMPEG_PATH: "",
            RUNNEL_NO_INSTALL: "1",
          },
        }).output();
        const lines = (await Deno.readTextFile(calls)).trim().split("\n");
        return { code, stderr: new TextDecoder().decode(stderr), calls: lines };
      };
      await write("deno", `exec "${Deno.execPath()}" "$@"`);
      await write("ffmpeg", `echo "ffmpeg version 5.1.9"`);

      const first = await run();
      assert.equal(first.code, 0, first.stderr);
      assert.deepEqual(first.calls.slice(0, 2), ["deno --version", "ffmpeg -version"]);
      const second = await run();
      assert.equal(second.code, 0, second.stderr);
      assert.equal(second.calls.length, 1);
      assert.match(second.calls[0]!, /^deno run .*--version$/);

      await write("ffmpeg", `echo "ffmpeg version 4.4.2-0ubuntu0.22.04.1"`);
      const old = await run();
      assert.equal(old.code, 1);
      assert.match(old.stderr, /ffmpeg 4\.4\.2 is too old/);
      assert.equal((await run()).code, 1, "what does not fit is not remembered");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
