/** A trickle server for more than one party: server, worker, publisher and subscriber as processes. */

import assert from "node:assert/strict";
import { CommandProcess, runToEnd } from "../cli/command_process.ts";
import { until, within } from "../waiting.ts";
import { assertDecodesCleanly, probeStreams } from "./ffmpeg.ts";

const READY = /(?:ready|Serving .*) on (http:\S+)/;
const KEY = "0123456789abcdef0123456789abcdef";
const TOKENS = {
  camera: "camera-token-0123456789",
  worker: "worker-token-0123456789",
  viewer: "viewer-token-0123456789",
} as const;
type Party = keyof typeof TOKENS;

const GRANTS = [
  { token: TOKENS.camera, rights: ["publish"], channels: ["camera"] },
  { token: TOKENS.worker, rights: ["read"], prefixes: ["camera"] },
  { token: TOKENS.viewer, rights: ["read"], channels: ["out"] },
];

/** Whatever shows a secret. */
const SECRETS = /-token-0123|sign=[^*]|0123456789abcdef/;

async function ask(
  url: string,
  { method = "GET", party, body }: {
    readonly method?: string;
    readonly party?: Party;
    readonly body?: Uint8Array<ArrayBuffer>;
  } = {},
): Promise<number> {
  const response = await fetch(url, {
    method,
    headers: party === undefined ? {} : { Authorization: `Bearer ${TOKENS[party]}` },
    ...(body === undefined ? {} : { body }),
  });
  await response.body?.cancel();
  return response.status;
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/grants.json`, JSON.stringify(GRANTS));
    await Deno.writeTextFile(`${folder}/key`, KEY);
    for (const [party, token] of Object.entries(TOKENS)) {
      await Deno.writeTextFile(`${folder}/${party}`, token);
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function startStream(worker: string, request: object): Promise<void> {
  const response = await fetch(`${worker}/stream/start`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ gateway_request_id: "shared", ...request }),
  });
  assert.equal(response.status, 200, await response.text());
}

Deno.test("a stream goes from publisher to subscriber, each of whom may do just its own part", () =>
  withFolder(async (folder) => {
    const server = new CommandProcess([
      ..."trickle-server --port 0 --log-level debug".split(" "),
      ...["--grants-file", `${folder}/grants.json`, "--sign-key-file", `${folder}/key`],
    ]);
    await using _server = server;
    const worker = new CommandProcess(
      "serve --port 0 --processor passthrough --warm-ffmpeg 0 --log-level debug".split(" "),
    );
    await using _worker = worker;
    const [[, url], [, api]] = await Promise.all([server.waitFor(READY), worker.waitFor(READY)]);
    const [camera, out] = [`${url}camera`, `${url}out`];
    const signing = await runToEnd([
      ...["trickle-url", out, "--sign-key-file", `${folder}/key`],
      ...["--rights", "publish", "--client", "worker"],
    ]);
    const signedOut = signing.stdout.trim();

    assert.equal(await ask(camera, { method: "POST", party: "camera" }), 200);
    assert.equal(await ask(signedOut, { method: "POST" }), 200);
    await until(
      async () => (await (await fetch(`${api}/health`)).json()).status === "IDLE",
      "IDLE",
    );
    await startStream(api!, {
      subscribe_url: camera.replace("//", `//${TOKENS.worker}@`),
      publish_url: signedOut,
    });
    await using subscriber = new CommandProcess(
      ["subscribe", out, `${folder}/out.ts`, "--start", "0", "--token-file", `${folder}/viewer`],
    );
    await subscriber.waitFor(/Subscribed to/);
    await using publisher = new CommandProcess([
      ...`publish test ${camera} --size 160x90 --fps 10 --loop`.split(" "),
      ...["--token-file", `${folder}/camera`],
    ]);
    await publisher.waitFor(/Publishing test to/);
    const outSize = async (): Promise<number> => (await Deno.stat(`${folder}/out.ts`)).size;
    await until(async () => await outSize() > 0, "something to view");

    // Nobody but the publisher ends a channel, and nobody reads or writes beside their own.
    const refused: [method: string, url: string, party: Party | undefined, status: number][] = [
      ["DELETE", camera, undefined, 401],
      ["DELETE", camera, "worker", 403],
      ["DELETE", `${camera}/0`, "worker", 403],
      ["DELETE", out, "viewer", 403],
      ["POST", `${out}/-1`, "viewer", 403],
      ["GET", `${camera}/-2`, "camera", 403],
      ["GET", `${camera}/-2`, "viewer", 403],
      ["DELETE", out, "camera", 403],
    ];
    for (const [method, target, party, expected] of refused) {
      const options = { method, ...(party === undefined ? {} : { party }) };
      assert.equal(await ask(target, options), expected, `${method} ${target} ${party}`);
    }
    const status = await (await fetch(`${api}/stream/status`)).text();
    assert.match(status, /\/camera"/);
    assert.doesNotMatch(status, SECRETS);

    if (Deno.build.os === "linux") {
      for (const { pid } of [server, worker, subscriber, publisher]) {
        assert.doesNotMatch(await Deno.readTextFile(`/proc/${pid}/cmdline`), SECRETS);
      }
    }
    publisher.kill("SIGINT");
    assert.equal((await publisher.result()).code, 0, publisher.stderr);
    // The end of the input ends the stream, which ends its output, which ends the subscriber.
    assert.equal((await subscriber.result()).code, 0, subscriber.stderr);
    assert.equal(await ask(`${camera}/next`, { party: "worker" }), 404);
    const bytes = await Deno.readFile(`${folder}/out.ts`);
    await assertDecodesCleanly(bytes, "what was viewed");
    assert.deepEqual(
      (await probeStreams(bytes)).map(({ codec_type }) => codec_type).sort(),
      ["audio", "video"],
    );
    for (const { stderr } of [server, worker, subscriber, publisher]) {
      assert.doesNotMatch(stderr, SECRETS);
    }
  }));

Deno.test("a worker whose URL has no right says so, without the token", () =>
  withFolder(async (folder) => {
    await using server = new CommandProcess(
      ["trickle-server", "--port", "0", "--grants-file", `${folder}/grants.json`],
    );
    await using worker = new CommandProcess(
      "serve --port 0 --processor passthrough --warm-ffmpeg 0".split(" "),
    );
    const [[, url], [, api]] = await Promise.all([server.waitFor(READY), worker.waitFor(READY)]);
    assert.equal(await ask(`${url}camera`, { method: "POST", party: "camera" }), 200);
    await until(
      async () => (await (await fetch(`${api}/health`)).json()).status === "IDLE",
      "IDLE",
    );
    await startStream(api!, {
      subscribe_url: `${url}camera`.replace("//", `//${TOKENS.viewer}@`),
    });
    await worker.waitFor(/the server answered 403: the URL's token or signature does not allow it/);
    assert.doesNotMatch(worker.stderr, SECRETS);
  }));

const GREEDY = [
  { token: TOKENS.camera, rights: ["publish", "read"] },
  { token: TOKENS.viewer, rights: ["publish", "read"] },
];

Deno.test("one client with all that it may have refuses nobody else", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/greedy.json`, JSON.stringify(GREEDY));
    await using server = new CommandProcess([
      ...["trickle-server", "--port", "0", "--grants-file", `${folder}/greedy.json`],
      ..."--max-memory 64 --max-segment-size 4".split(" "),
    ]);
    const [, url] = await server.waitFor(READY);
    const MIB = 1024 * 1024;
    // A sixteenth of 16 idle channels of 63 MiB, with a sixteenth of the memory.
    const body = new Uint8Array(63 * MIB / 16);
    for (let i = 0; i < 16; i++) {
      assert.equal(await ask(`${url}idle${i}/0`, { method: "POST", party: "camera", body }), 200);
    }
    for (let i = 0; i < 8; i++) {
      assert.equal(await ask(`${url}live/${i}`, { method: "POST", party: "viewer", body }), 200);
    }
    for (let i = 4; i < 8; i++) {
      assert.equal(await ask(`${url}live/${i}`, { party: "viewer" }), 200, `segment ${i}`);
    }
    for (let i = 16; i < 1_000; i++) {
      assert.equal(await ask(`${url}idle${i}`, { method: "POST", party: "camera" }), 200);
    }
    assert.equal(await ask(`${url}idle1000`, { method: "POST", party: "camera" }), 429);
    assert.equal(await ask(`${url}another`, { method: "POST", party: "viewer" }), 200);
    assert.equal(await ask(`${url}idle0`, { method: "DELETE", party: "camera" }), 200);
    assert.equal(await ask(`${url}idle1000`, { method: "POST", party: "camera" }), 200);
  }));

Deno.test({
  name: "one address with all the connections that it may have refuses no other",
  ignore: Deno.build.os !== "linux" || !hasIpv6(),
  fn: async () => {
    await using server = new CommandProcess(
      "trickle-server --port 0 --host :: --max-connections 8 --max-connections-per-client 4"
        .split(" "),
    );
    const [, url] = await server.waitFor(READY);
    const port = Number(new URL(url!).port);
    using stack = new DisposableStack();
    const head = new TextEncoder().encode("GET /nobody/next HTTP/1.1\r\nHost: x\r\n\r\n");
    /** The status of one request on a connection of its own, which stays open. */
    const statusFrom = async (hostname: string): Promise<number> => {
      const connection = stack.use(await Deno.connect({ hostname, port }));
      await connection.write(head);
      const answer = new Uint8Array(64);
      const read = await within(connection.read(answer), "an answer");
      return Number(new TextDecoder().decode(answer.subarray(0, read ?? 0)).slice(9, 12));
    };
    for (let i = 0; i < 4; i++) assert.equal(await statusFrom("127.0.0.1"), 404);
    assert.equal(await statusFrom("127.0.0.1"), 503);
    assert.equal(await statusFrom("::1"), 404);
  },
});

function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}
