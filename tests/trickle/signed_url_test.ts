import assert from "node:assert/strict";
import {
  signChannelUrl,
  type SignedUrlOptions,
  TricklePublisher,
  TrickleServer,
  TrickleSubscriber,
} from "../../src/trickle/mod.ts";
import { type ServerBench, withServer } from "./server_bench.ts";
import { within } from "../waiting.ts";

const KEY = "0123456789abcdef0123456789abcdef";
const OLD_KEY = "fedcba9876543210fedcba9876543210";
const EXPIRES_MS = 2_000_000_000_000;

/** The path and query of a signed URL. */
function signed(path: string, options: Partial<SignedUrlOptions> = {}): string {
  const url = signChannelUrl(`http://trickle.example${path}`, {
    key: KEY,
    rights: ["read"],
    expiresAt: new Date(EXPIRES_MS),
    ...options,
  });
  return url.slice("http://trickle.example".length);
}

/** Adds a part to the path of what {@linkcode signed} gives. */
function below(target: string, part: string): string {
  return target.replace("?", `/${part}?`);
}

async function statusOf(bench: ServerBench, method: string, path: string): Promise<number> {
  return (await bench.ask(method, path)).status;
}

Deno.test("a signed URL opens its channel for its rights", () =>
  withServer(async (bench) => {
    const write = signed("/c", { rights: ["publish"] });
    const read = signed("/c/");
    assert.equal(await statusOf(bench, "POST", write), 200);
    assert.equal(await statusOf(bench, "POST", below(write, "0")), 200);
    assert.equal(await statusOf(bench, "GET", below(write, "0")), 403);
    assert.equal(await statusOf(bench, "GET", below(read, "0")), 200);
    assert.equal(await statusOf(bench, "GET", below(read, "next")), 200);
    for (const [method, part] of [["POST", "1"], ["DELETE", "0"]] as const) {
      assert.equal(await statusOf(bench, method, below(read, part)), 403);
    }
    assert.equal(await statusOf(bench, "DELETE", read), 403);
    assert.equal(await statusOf(bench, "DELETE", write), 200);
    assert.equal(await statusOf(bench, "GET", "/c/next"), 401);
    const old = signed("/c", { key: OLD_KEY, rights: ["read", "publish"] });
    assert.equal(await statusOf(bench, "POST", below(old, "0")), 200);
    assert.equal(await statusOf(bench, "GET", below(old, "0")), 200);
  }, { signKeys: [KEY, OLD_KEY], unixTime: () => EXPIRES_MS - 1 }));

Deno.test("a signature that was changed, is of another key or for another channel is 403", () =>
  withServer(async (bench) => {
    bench.server.createChannel("c");
    const target = below(signed("/c", { client: "a" }), "next");
    assert.equal(await statusOf(bench, "GET", target), 200);
    assert.equal(await statusOf(bench, "GET", target.replace("/c/", "/%63/")), 200);
    const wrong = [
      target.replace("/c/", "/d/"),
      target.replace("/c/", "/c%2F/"),
      target.replace("/c/", "/_changes/"),
      target.replace("rights=read", "rights=publish"),
      target.replace("rights=read", "rights=read%2Cpublish"),
      target.replace("rights=read", "rights="),
      target.replace("expires=2", "expires=3"),
      target.replace("expires=", "expires=0"),
      target.replace(/expires=\d+/, "expires=1e99"),
      target.replace("client=a", "client=b"),
      target.replace("&client=a", ""),
      target.replace(/sign=[^&]+/, "sign="),
      target.replace(/sign=(.)/, (_, first) => `sign=${first === "A" ? "B" : "A"}`),
      target.replace(/sign=/, "sign=%00"),
      `${target}x`,
      `${target}%3D`,
      `${target}${"x".repeat(2000)}`,
      below(signed("/c", { key: OLD_KEY, client: "a" }), "next"),
      below(signed("/other/d"), "next").replace("/other/d", "/c"),
    ];
    for (const path of wrong) assert.equal(await statusOf(bench, "GET", path), 403, path);
    const twice = target.replace("rights=read", "rights=publish&rights=read");
    assert.equal(await statusOf(bench, "GET", twice), 403);
  }, { signKeys: [KEY], changeFeed: true, unixTime: () => 0 }));

Deno.test("a signed URL expires, and what has begun goes on", async () => {
  let nowMs = EXPIRES_MS - 1;
  await withServer(async (bench) => {
    const path = below(signed("/c", { rights: ["read", "publish"] }), "0");
    const post = await bench.send({ method: "POST", path, open: true });
    await bench.chunk(post, "x");
    nowMs = EXPIRES_MS;
    await bench.chunk(post, "y");
    await post.end();
    assert.equal((await post.whole()).status, 200);
    const answer = await bench.ask("GET", path);
    assert.equal(answer.status, 403);
    assert.match(answer.body, /expired/);
    nowMs--;
    assert.equal((await bench.ask("GET", path)).body, "xy");
  }, { signKeys: [KEY], unixTime: () => nowMs });
});

Deno.test("a token counts beside a signature that does not suffice, and the reverse", () =>
  withServer(async (bench) => {
    const read = signed("/c");
    const headers = { Authorization: "Bearer token" };
    assert.equal((await bench.ask("POST", read, headers)).status, 200);
    assert.equal((await bench.ask("GET", below(read, "next"), headers)).status, 200);
    assert.equal((await bench.ask("POST", read, { Authorization: "Bearer x" })).status, 403);
    assert.equal(
      (await bench.ask("GET", below(read, "next"), { Authorization: "Bearer x" })).status,
      200,
    );
  }, {
    signKeys: [KEY],
    grants: [{ token: "token", rights: ["publish"], channels: ["c"] }],
    unixTime: () => 0,
  }));

Deno.test("publishers and subscribers use signed URLs as they are", async () => {
  await using server = new TrickleServer({ signKeys: [KEY], basePath: "/ai/trickle/" });
  server.listen();
  const expiresAt = new Date(Date.now() + 3_600_000);
  const url = server.channelUrl("a b/ä");
  const sign = (rights: SignedUrlOptions["rights"]): string =>
    signChannelUrl(url, { key: KEY, rights, expiresAt });
  const publisher = new TricklePublisher(sign(["publish"]), { autocreate: true });
  const writer = await publisher.next();
  await writer.write(new TextEncoder().encode("hello"));
  await writer.close();
  await using subscriber = new TrickleSubscriber(sign(["read"]), { start: 0 });
  const segment = await within(subscriber[Symbol.asyncIterator]().next(), "the segment");
  assert.ok(!segment.done);
  assert.equal(await new Response(segment.value.body).text(), "hello");
  assert.deepEqual(server.channelNames, ["a b/ä"]);
  await publisher.close();
  assert.deepEqual(server.channelNames, []);
});

Deno.test("what cannot be signed is refused, and the key is not shown", () => {
  const options = { key: KEY, rights: ["read"], expiresAt: new Date(EXPIRES_MS) } as const;
  const cases: [string, Partial<SignedUrlOptions>][] = [
    ["not a url", {}],
    ["ftp://host/c", {}],
    ["http://host/", {}],
    ["http://host/%", {}],
    ["http://host/c", { key: "secret-but-short" }],
    ["http://host/c", { rights: [] }],
    ["http://host/c", { expiresAt: new Date(NaN) }],
    ["http://host/c", { client: "x".repeat(300) }],
  ];
  for (const [url, change] of cases) {
    assert.throws(() => signChannelUrl(url, { ...options, ...change }), (error) => {
      assert.ok(error instanceof TypeError || error instanceof RangeError);
      assert.doesNotMatch(error.message, /secret-but/);
      return true;
    });
  }
  assert.throws(() => new TrickleServer({ signKeys: ["short"] }), TypeError);
});

Deno.test("signing keeps the rest of a URL and replaces an older signature", () => {
  const options = { key: KEY, expiresAt: new Date(EXPIRES_MS) };
  const first = signChannelUrl("https://u:p@host/base/c/?x=1#y", {
    ...options,
    rights: ["publish"],
  });
  const second = new URL(signChannelUrl(first, { ...options, rights: ["read"], client: "a" }));
  assert.equal(second.username, "u");
  assert.equal(second.pathname, "/base/c");
  assert.equal(second.hash, "");
  const names = [...second.searchParams.keys()];
  assert.deepEqual(names, ["x", "rights", "expires", "client", "sign"]);
  assert.equal(second.searchParams.get("rights"), "read");
});

Deno.test("a URL that another program signs as the documentation says is taken", async () => {
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(KEY),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const lines = ["runnel-trickle-1", '"publish"', '"2000000000"', '"tv \\"ä\\""', '"c/ü"'];
  const text = new TextEncoder().encode(lines.join("\n"));
  const bytes = new Uint8Array(await crypto.subtle.sign("HMAC", key, text));
  const sign = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  const query = new URLSearchParams({
    rights: "publish",
    expires: "2000000000",
    client: 'tv "ä"',
    sign,
  });
  await withServer(async (bench) => {
    assert.equal(await statusOf(bench, "POST", `/c%2F%C3%BC?${query}`), 200);
    assert.equal(await statusOf(bench, "POST", `/c%2Fu?${query}`), 403);
    assert.deepEqual(bench.server.channelNames, ["c/ü"]);
  }, { signKeys: [KEY], unixTime: () => 0 });
});
