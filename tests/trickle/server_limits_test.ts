import assert from "node:assert/strict";
import { TrickleServer } from "../../src/trickle/mod.ts";
import { ServerBench, withServer } from "./server_bench.ts";
import { unusedPort } from "../unused_port.ts";
import { delay, until } from "../waiting.ts";

Deno.test("a segment beyond the limit is 413 and ends", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0, ["12345678"]);
    const reader = await bench.get(0);
    await reader.shows("12345678");
    await post.chunk("9");
    const answer = await post.response();
    assert.equal(answer.status, 413);
    assert.equal(answer.headers.get("connection"), "close");
    assert.equal((await reader.whole()).body, "12345678");
    assert.equal((await bench.post(1, "fine")).status, 200);
  }, { limits: { maxSegmentBytes: 8 } }));

Deno.test("a first piece beyond the limit leaves an empty segment behind", () =>
  withServer(async (bench) => {
    assert.equal((await bench.post(0, "123456789")).status, 413);
    assert.equal((await bench.read(0)).body, "");
    assert.equal(await bench.next(), "1");
  }, { limits: { maxSegmentBytes: 8 } }));

Deno.test("a channel too many is 429, until one goes", () =>
  withServer(async (bench) => {
    assert.equal((await bench.ask("POST", "/a")).status, 200);
    assert.equal((await bench.ask("POST", "/b")).status, 200);
    assert.equal((await bench.ask("POST", "/c")).status, 429);
    assert.equal((await bench.post(0, "x")).status, 429);
    assert.throws(() => bench.server.createChannel("c"), RangeError);
    await bench.ask("DELETE", "/a");
    assert.equal((await bench.ask("POST", "/c")).status, 200);
  }, { limits: { maxChannels: 2, maxChannelsPerClient: 2 }, changeFeed: true }));

Deno.test("a name too long is 400", () =>
  withServer(async (bench) => {
    assert.equal((await bench.ask("POST", "/12345")).status, 400);
    assert.equal((await bench.ask("POST", "/1234")).status, 200);
  }, { limits: { maxNameLength: 4 } }));

Deno.test("limits that make no sense are refused", () => {
  for (const maxSegmentBytes of [0, -1, 1.5, NaN]) {
    assert.throws(() => new TrickleServer({ limits: { maxSegmentBytes } }), RangeError);
  }
  assert.throws(() => new TrickleServer({ basePath: "trickle" }), TypeError);
});

const KIB = 1024;

Deno.test("a channel's memory is bounded: old segments go first", () =>
  withServer(async (bench) => {
    const limit = 512 * KIB;
    for (let index = 0; index < 10; index++) {
      const answer = await bench.post(index, new Uint8Array(128 * KIB).fill(65));
      assert.equal(answer.status, 200);
      assert.equal(bench.server.stats.heldBytes <= limit, true);
    }
    const last = await bench.send({ method: "GET", path: "/c/9" });
    await last.whole();
    assert.equal(last.bodyBytes, 128 * KIB);
    assert.equal((await bench.read(5)).status, 470);
  }, { limits: { maxChannelBytes: 512 * KIB } }));

Deno.test("slow readers of many segments cost bounded memory, and are cut in the end", () =>
  withServer(async (bench) => {
    const never = new Promise<void>(() => {});
    const size = 8 * KIB * KIB;
    const block = new Uint8Array(size).fill(65);
    for (let index = 0; index < 9; index++) {
      await bench.send({ method: "GET", path: `/c/${index}` }, index === 0 ? undefined : never);
      assert.equal((await bench.post(index, block)).status, 200);
      assert.equal(bench.server.stats.heldBytes <= 48 * KIB * KIB, true);
    }
    assert.equal(bench.server.stats.cutReaders > 0, true);
  }, { limits: { maxChannelBytes: 48 * KIB * KIB } }));

Deno.test("the memory of all channels together is bounded: large channels lose old segments", () =>
  withServer(async (bench) => {
    const block = new Uint8Array(64 * KIB).fill(65);
    for (const name of ["a", "b", "c", "d", "e"]) {
      const post = await bench.send({ method: "POST", path: `/${name}/0`, body: block });
      assert.equal((await post.whole()).status, 200);
      assert.equal(bench.server.stats.heldBytes <= 256 * KIB, true);
    }
    assert.equal((await bench.ask("GET", "/e/0")).status, 200);
    assert.equal((await bench.ask("GET", "/a/0")).status, 470);
    const tooMuch = new Uint8Array(300 * KIB);
    const post = await bench.send({ method: "POST", path: "/f/0", body: tooMuch });
    assert.equal((await post.whole()).status, 413);
  }, { limits: { maxTotalBytes: 256 * KIB, maxBytesPerClient: 256 * KIB } }));

Deno.test("deleted channels hold no memory", () =>
  withServer(async (bench) => {
    for (let index = 0; index < 5; index++) await bench.post(index, "x".repeat(1000));
    assert.equal(bench.server.stats.heldBytes > 0, true);
    await bench.ask("DELETE", "/c");
    await until(() => bench.server.stats.heldBytes === 0, "the memory to be free");
  }));

Deno.test("a reader that leaves while it waits holds no segment", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c");
    const reader = await bench.send({ method: "GET", path: "/c/0" }, new Promise<void>(() => {}));
    // More than the sockets between server and reader hold.
    const large = new Uint8Array(16 * KIB * KIB);
    await (await bench.send({ method: "POST", path: "/c/0", body: large })).whole();
    for (let index = 1; index < 8; index++) await bench.post(index, "x".repeat(1000));
    assert.ok(bench.server.stats.heldBytes > large.length, "the reader does not read");
    reader.drop();
    await until(() => bench.server.stats.heldBytes < large.length, "the memory to be free");
  }));

Deno.test("a port in use is TRICKLE_ADDRESS_IN_USE", async () => {
  await using first = new TrickleServer();
  first.listen();
  await using second = new TrickleServer();
  assert.throws(() => second.listen({ port: first.address!.port }), {
    name: "TrickleError",
    code: "TRICKLE_ADDRESS_IN_USE",
  });
});

Deno.test("disposing ends everything that is pending, and never hangs", async () => {
  const server = new TrickleServer();
  server.listen({ port: unusedPort() });
  using bench = new ServerBench(server);
  const never = new Promise<void>(() => {});
  const live = await bench.begin(0, ["x".repeat(100)]);
  const idle = await bench.begin(1);
  const reader = await bench.get(0);
  const ahead = await bench.get(1);
  await bench.send({ method: "POST", path: "/big/0", body: new Uint8Array(16 * KIB * KIB) });
  await bench.send({ method: "GET", path: "/big/0" }, never);
  const halfHead = await Deno.connect({ port: server.address!.port });
  await halfHead.write(new TextEncoder().encode("GET /c/0 HT"));
  await reader.shows("x".repeat(100));
  const disposed = server[Symbol.asyncDispose]();
  assert.equal((await reader.whole()).body, "x".repeat(100));
  for (const exchange of [live, idle, ahead]) {
    const answer = await exchange.response();
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("lp-trickle-closed"), "terminated");
  }
  await disposed;
  await server[Symbol.asyncDispose]();
  await assert.rejects(Deno.connect({ port: bench.server.address!.port }));
  halfHead.close();
});

Deno.test("a stopping server takes no new requests", async () => {
  const server = new TrickleServer();
  const disposed = server[Symbol.asyncDispose]();
  const answer = await server.handler(new Request("http://x/c", { method: "POST" }));
  assert.equal(answer.status, 503);
  await disposed;
  await delay(0);
});

Deno.test("an index beyond 2^31-1 is 400, and a channel at its end takes no more", () =>
  withServer(async (bench) => {
    const last = 2 ** 31 - 1;
    for (const beyond of [last + 1, 2 ** 53 - 1, "9223372036854775807"]) {
      assert.equal((await bench.ask("POST", `/c/${beyond}`)).status, 400);
      assert.equal((await bench.ask("GET", `/c/${beyond}`)).status, 404);
    }
    assert.equal((await bench.post(last, "")).status, 200);
    assert.equal(await bench.next(), String(last + 1));
    const refused = await bench.post(-1, "x");
    assert.equal(refused.status, 400);
    assert.equal((await bench.ask("GET", `/c/${last + 1}`)).status, 400);
    assert.equal((await bench.ask("DELETE", "/c")).status, 200);
    assert.equal((await bench.post(-1, "x")).status, 200);
    assert.equal((await bench.read(0)).body, "x");
  }));
