/** Attempts to get more of a trickle server than a token or a signature allows. */

import assert from "node:assert/strict";
import { signChannelUrl, type TrickleGrant, TrickleServer } from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { type Headers, type ServerBench, withServer } from "./server_bench.ts";
import { until } from "../waiting.ts";

const MIB = 1024 * 1024;
const KEY = "0123456789abcdef0123456789abcdef";
const GRANTS: readonly TrickleGrant[] = [
  { token: "first", rights: ["read", "publish"] },
  { token: "second", rights: ["read", "publish"] },
];

function as(token: string): Headers {
  return { Authorization: `Bearer ${token}` };
}

/** The query of a signed URL. */
function queryFor(name: string, rights: "read" | "publish" = "read"): string {
  const url = signChannelUrl(`http://host/${encodeURIComponent(name)}`, {
    key: KEY,
    rights: [rights],
    expiresAt: new Date(2_000_000_000_000),
  });
  return new URL(url).search;
}

type Case = readonly [method: string, path: string, status: number];

async function expectAll(bench: ServerBench, cases: readonly Case[]): Promise<void> {
  for (const [method, path, status] of cases) {
    assert.equal((await bench.ask(method, path)).status, status, `${method} ${path}`);
  }
}

Deno.test("a field of a signature that is there twice counts as no signature", () =>
  withServer(async (bench) => {
    bench.server.createChannel("c");
    const read = queryFor("c");
    const rest = read.slice(1);
    await expectAll(bench, [
      ["GET", `/c/next${read}`, 200],
      ["GET", `/c/next${read}&rights=read`, 403],
      ["DELETE", `/c${read}&rights=publish`, 403],
      ["DELETE", `/c?rights=publish&${rest}`, 403],
      ["GET", `/c/next${read}&sign=x`, 403],
      ["GET", `/c/next?sign=x&${rest}`, 403],
      ["GET", `/c/next${read}&expires=9999999999`, 403],
      ["GET", `/c/next${read}&client=a&client=b`, 403],
      ["GET", `/c/next${read}&other=1&other=2`, 200],
    ]);
  }, { signKeys: [KEY], unixTime: () => 0 }));

Deno.test("a signature holds for its channel however the path is written, and for no other", () =>
  withServer(async (bench) => {
    for (const name of ["c", "C", "%63", "a/b", "a"]) bench.server.createChannel(name);
    const own = queryFor("c");
    await expectAll(bench, [
      ["GET", `/t/%63/next${own}`, 200],
      ["GET", `/t/x/../c/next${own}`, 200],
      ["GET", `/t/c/%6eext${own}`, 200],
      ["GET", `http://elsewhere/t/c/next${own}`, 200],
      ["GET", `/t/C/next${own}`, 403],
      ["GET", `/t/%2563/next${own}`, 403],
      ["GET", `/t/c%00/next${own}`, 403],
      ["GET", `/t/c%0A/next${own}`, 403],
      ["GET", `/t/..%2Fc/next${own}`, 403],
      ["GET", `/t/a/../C/next${own}`, 403],
      ["GET", `/t/c/../C/next${own}`, 403],
      ["GET", `/t/c/${own}`, 404],
      ["GET", `/t//c/next${own}`, 404],
      ["GET", `/c/next${own}`, 404],
      ["GET", `/tt/../c/next${own}`, 404],
      ["GET", `/t/c/next?${own.slice(1).replaceAll("&", ";")}`, 401],
      ["GET", `/t/c/next#${own}`, 401],
      ["GET", `/t/c/next${own.replace("sign=", "SIGN=")}`, 401],
      ["GET", `/t/c/next${own.replace("rights=", "Rights=")}`, 403],
      ["GET", `/t/c/next${own.replace("expires=", "expires=%20")}`, 403],
      ["GET", `/t/a%2Fb/next${queryFor("a/b")}`, 200],
      ["GET", `/t/a%2Fb/next${queryFor("a")}`, 403],
      ["GET", `/t/a%2Fb/next${queryFor("b")}`, 403],
      ["GET", `/t/a/next${queryFor("a/b")}`, 403],
    ]);
  }, { signKeys: [KEY], basePath: "/t/", unixTime: () => 0 }));

Deno.test("an index that a client adds to the end of a signed URL is that of a segment, and nothing else is", () =>
  withServer(async (bench) => {
    const write = `/c${queryFor("c", "publish")}`;
    const read = `/c${queryFor("c")}`;
    assert.equal((await bench.ask("POST", write)).status, 200);
    const post = await bench.send({ method: "POST", path: `${write}/0`, body: "hello" });
    assert.equal((await post.whole()).status, 200);
    for (const index of ["0", "-2", "%30"]) {
      assert.equal((await bench.ask("GET", `${read}/${index}`)).body, "hello", index);
    }
    assert.equal((await bench.ask("GET", `${read}/next`)).body, "1");
    await expectAll(bench, [
      ["GET", `${write}/0`, 403],
      ["POST", `${read}/1`, 403],
      ["DELETE", `${read}/0`, 403],
      ["GET", `${read}/`, 403],
      ["GET", `${read}/0/1`, 403],
      ["GET", `${read}/../d/0`, 403],
      ["GET", `${read}/0&x=1`, 403],
      ["GET", `${read}%2F0`, 403],
      ["GET", `${read}/%`, 400],
      ["GET", `${read}/x`, 400],
      ["GET", `${read.replace("/c", "/c/0")}/0`, 403],
      ["GET", `${read.replace("/c", "/d")}/0`, 403],
      ["GET", `${read.replace("rights=read", "rights=publish")}/0`, 403],
      ["DELETE", `${write}/0`, 200],
      ["DELETE", write, 200],
    ]);
  }, { signKeys: [KEY], unixTime: () => 0 }));

Deno.test("no method and no header makes a reader a publisher", () =>
  withServer(async (bench) => {
    bench.server.createChannel("c");
    const own = queryFor("c");
    for (const method of ["POST", "DELETE", "PUT", "PATCH", "TRACE", "get", "delete"]) {
      assert.equal((await bench.ask(method, `/c${own}`)).status, 403, method);
      assert.equal((await bench.ask(method, `/c/0${own}`)).status, 403, method);
    }
    for (const name of ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]) {
      assert.equal((await bench.ask("GET", `/c${own}`, { [name]: "DELETE" })).status, 405, name);
    }
    for (const name of ["X-Original-URL", "X-Rewrite-URL"]) {
      assert.equal((await bench.ask("GET", `/d/next${own}`, { [name]: "/c/next" })).status, 403);
    }
    assert.deepEqual(bench.server.channelNames, ["c"]);
  }, { signKeys: [KEY], unixTime: () => 0 }));

Deno.test("a token counts as Bearer or in either part of Basic, whole and alone", () =>
  withServer(async (bench) => {
    const token = "token:with:colons";
    const cases: [authorization: string, status: number][] = [
      [`Bearer ${token}`, 200],
      [`bearer   ${token} `, 200],
      [`Basic ${btoa(`user:${token}`)}`, 200],
      [`Basic ${btoa(`:${token}`)}`, 200],
      [`Basic ${btoa(`${token}:`)}`, 200],
      [`Basic ${btoa(token)}`, 401],
      [`Basic ${btoa(`${token}:password`)}`, 401],
      [`Basic ${btoa("plain:")}`, 200],
      [`Basic ${btoa("plain")}`, 200],
      [`Basic ${btoa("plain:wrong")}`, 401],
      [`Bearer ${token}x`, 401],
      [`Bearer ${token.slice(0, -1)}`, 401],
      [`Bearer ${token.toUpperCase()}`, 401],
      [`Bearer x, Bearer ${token}`, 401],
      [`Bearer ${token}, Bearer x`, 401],
      [`Bearer ${token} ${token}`, 401],
      [`Bearer`, 401],
      [`Bearer `, 401],
      [`Basic ${btoa(":")}`, 401],
      [`Basic !!!`, 401],
      [`Basic ${btoa("\xff\xfe:\xff")}`, 401],
      [`Token ${token}`, 401],
      [token, 401],
    ];
    for (const [Authorization, status] of cases) {
      const answer = await bench.ask("GET", "/c/next", { Authorization });
      assert.equal(answer.status, status === 200 ? 404 : status, Authorization);
    }
  }, {
    grants: [
      { token: "token:with:colons", rights: ["read"] },
      { token: "plain", rights: ["read"] },
    ],
  }));

Deno.test("an answer without a right tells nothing of channels, tokens and keys", () =>
  withServer(async (bench) => {
    bench.server.createChannel("there");
    const answers = new Set<string>();
    for (const name of ["there", "none"]) {
      for (const path of [`/${name}/next`, `/${name}/0`, `/${name}/-1`]) {
        const { status, body, headers } = await bench.ask("GET", path, as("s3cret-guess"));
        const shown = [...headers].filter(([header]) => header !== "date");
        answers.add(
          JSON.stringify([status, body.replace(path, ""), shown]).replaceAll(/\d+/g, "n"),
        );
        assert.doesNotMatch(body, /s3cret/);
      }
    }
    assert.equal(answers.size, 1);
  }, { grants: GRANTS, signKeys: [KEY] }));

Deno.test("no header gives a client behind a proxy another share", async () => {
  await using server = new TrickleServer({ limits: { maxChannelsPerClient: 1 } });
  server.listen();
  const create = async (name: string, headers: Headers): Promise<number> => {
    const response = await fetch(server.channelUrl(name), { method: "POST", headers });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await create("a", {}), 200);
  for (
    const headers of [
      { "X-Forwarded-For": "192.0.2.1" },
      { "Forwarded": "for=192.0.2.1" },
      { "X-Real-IP": "192.0.2.1" },
      { "CF-Connecting-IP": "192.0.2.1" },
    ]
  ) {
    assert.equal(await create("b", headers), 429);
  }
});

Deno.test("what goes on in a channel that was deleted does not reach its successor of another party", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0, ["old"], as("first"));
    const reader = await bench.get(0, as("first"));
    await reader.shows("old");
    assert.equal((await bench.ask("DELETE", "/c", as("second"))).status, 200);
    assert.equal((await bench.post(0, "new", as("second"))).status, 200);
    await bench.chunk(post, " goes on");
    await post.end();
    assert.equal((await post.whole()).status, 200);
    assert.equal((await reader.whole()).body, "old");
    assert.equal((await bench.ask("GET", "/c/0", as("first"))).body, "new");
    assert.equal((await bench.ask("GET", "/c/next", as("first"))).body, "1");
    // The first has its channel back, the second has used its only one.
    assert.equal((await bench.ask("POST", "/d", as("first"))).status, 200);
    assert.equal((await bench.ask("POST", "/e", as("first"))).status, 429);
    assert.equal((await bench.ask("POST", "/e", as("second"))).status, 429);
  }, { grants: GRANTS, limits: { maxChannelsPerClient: 1 } }));

Deno.test("memory of a POST that broke comes back with the end of its channel, by hand or by time", async () => {
  const clock = new ManualClock();
  await withServer(async (bench) => {
    for (const end of ["DELETE", "idle"]) {
      const post = await bench.begin(0, ["x".repeat(3 * MIB)], as("first"));
      post.drop();
      assert.ok(bench.server.stats.heldBytes >= 3 * MIB);
      if (end === "idle") clock.advance(200_000);
      else assert.equal((await bench.ask("DELETE", "/c", as("first"))).status, 200);
      await until(() => bench.server.stats.heldBytes === 0, `what is held after ${end}`);
      assert.deepEqual(bench.server.channelNames, []);
    }
  }, {
    grants: GRANTS,
    clock,
    idleTimeoutMs: 60_000,
    limits: { maxBytesPerClient: 4 * MIB, maxChannelsPerClient: 1 },
  });
});
