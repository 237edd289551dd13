import assert from "node:assert/strict";
import { existsSync } from "node:fs";

const RUNNEL = new URL("../../runnel", import.meta.url).pathname;
const onUnix = { ignore: Deno.build.os === "windows" };

/** Where Deno keeps what it has downloaded. */
async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

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
            DENO_DIR: await denoDir(), // nothing is downloaded for this
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

/** What ./runnel needs of a machine without Deno and npm. */
const TOOLS =
  "sh dirname uname curl tar gzip cut sha512sum shasum mktemp mkdir rm mv chmod cat ffmpeg";

Deno.test("./runnel takes no other Deno than the one that was published", onUnix, async () => {
  const folder = await Deno.makeTempDir();
  let asked = "";
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      asked = new URL(request.url).pathname;
      return new Response("something else");
    },
  );
  try {
    const bin = `${folder}/bin`;
    await Deno.mkdir(bin);
    for (const tool of TOOLS.split(" ")) {
      const found = Deno.env.get("PATH")!.split(":").map((path) => `${path}/${tool}`)
        .find((path) => existsSync(path));
      if (found !== undefined) await Deno.symlink(found, `${bin}/${tool}`);
    }
    const { code, stderr } = await new Deno.Command(RUNNEL, {
      args: ["--version"],
      clearEnv: true,
      env: {
        PATH: bin,
        HOME: folder,
        RUNNEL_HOME: `${folder}/home`,
        NPM_CONFIG_REGISTRY: `http://127.0.0.1:${server.addr.port}/`,
      },
    }).output();
    const said = new TextDecoder().decode(stderr);
    assert.equal(code, 1, said);
    assert.match(asked, /^\/@deno\/[a-z0-9-]+\/-\/[a-z0-9-]+-\d+\.\d+\.\d+\.tgz$/);
    assert.match(said, /what was downloaded is not @deno\/\S+: its SHA-512 is [0-9a-f]{128}/);
    assert.deepEqual([...Deno.readDirSync(`${folder}/home`)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
