/** What a processor in a process of its own can get hold of: its stream, and what it was allowed. */

import assert from "node:assert/strict";
import { StreamServer } from "../../../src/server/mod.ts";
import type { ProcessorPermissions } from "../../../src/worker/mod.ts";
import { ADMIT_ALL } from "../../server/fake_session.ts";

const ESCAPING = import.meta.resolve("./processors/escaping.ts");

/** Tries everything, and returns how each attempt went and what it left behind. */
async function tryAll(
  permissionsFor: (folder: string) => ProcessorPermissions,
): Promise<{ outcomes: Record<string, string>; files: string[]; visits: number }> {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/secret.json`;
  await Deno.writeTextFile(file, '{"secret": 1}');
  let visits = 0;
  await using visited = Deno.serve({ port: 0, onListen() {} }, () => {
    visits++;
    return new Response("x");
  });
  Deno.env.set("ORCH_SECRET", "xyzzy");
  try {
    const options = { file, folder, url: `http://127.0.0.1:${visited.addr.port}` };
    await using server = new StreamServer({
      processor: { module: ESCAPING, options, permissions: permissionsFor(folder) },
      isolate: "process",
      host: "127.0.0.1",
      port: 0,
      admit: ADMIT_ALL,
      warmFfmpeg: 0,
    });
    await server.start();
    await server.initialized;
    const started = await fetch(`${server.url}/stream/start`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ gateway_request_id: "a" }),
    });
    assert.equal(started.status, 200, await started.text());
    const status = await (await fetch(`${server.url}/stream/status`)).json();
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    return { outcomes: status.metrics.processor, files, visits };
  } finally {
    Deno.env.delete("ORCH_SECRET");
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a processor in a process gets hold of nothing that it was not allowed", async () => {
  const { outcomes, files, visits } = await tryAll(() => ({}));
  assert.ok(Object.keys(outcomes).length >= 28, JSON.stringify(outcomes));
  const got = Object.entries(outcomes).filter(([, outcome]) =>
    !/NotCapable|permission|Requires|--cached-only|not in cache/i.test(outcome)
  );
  assert.deepEqual(got, []);
  assert.deepEqual(files, ["secret.json"]);
  assert.equal(visits, 0);
});

Deno.test("a processor in a process gets hold of what it was allowed, and no more", async () => {
  const { outcomes, files } = await tryAll((folder) => ({
    read: [folder],
    write: [folder],
    env: ["ORCH_SECRET"],
  }));
  const got = Object.entries(outcomes).filter(([, outcome]) => /^(GOT IT|nothing)$/.test(outcome));
  assert.deepEqual(got.map(([name]) => name).sort(), [
    "import a file",
    "read a file",
    "read a file by node",
    "see a secret",
    "see a secret by node",
    "start a thread that reads a file",
    "write a file",
  ]);
  assert.deepEqual(files, ["secret.json", "written"]);
});
