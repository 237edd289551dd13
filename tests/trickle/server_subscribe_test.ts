import assert from "node:assert/strict";
import { type ServerBench, withServer } from "./server_bench.ts";
import type { RawExchange } from "./raw_exchange.ts";
import { until } from "../waiting.ts";

async function postAll(bench: ServerBench, indices: readonly number[]): Promise<void> {
  for (const index of indices) assert.equal((await bench.post(index, `s${index}`)).status, 200);
}

async function waiting(bench: ServerBench, indices: readonly number[]): Promise<RawExchange[]> {
  const readers = [];
  for (const index of indices) readers.push(await bench.get(index));
  await Promise.all(readers.map((reader) => reader.waits()));
  return readers;
}

Deno.test("S07 a GET never creates the channel", () =>
  withServer(async (bench) => {
    for (const index of ["0", "-1", "next"]) assert.equal((await bench.read(index)).status, 404);
    assert.deepEqual(bench.server.channelNames, []);
  }));

Deno.test("S10 GET gives the segment with its index and NEXT", () =>
  withServer(async (bench) => {
    await bench.post(0, "hello");
    const answer = await bench.read(0);
    assert.equal(answer.status, 200);
    assert.equal(answer.body, "hello");
    assert.equal(answer.headers.get("lp-trickle-seq"), "0");
    assert.equal(answer.headers.get("lp-trickle-latest"), "1");
  }));

Deno.test("S11 /next is one past the last segment begun", () =>
  withServer(async (bench) => {
    await bench.post(0, "hello");
    const answer = await bench.read("next");
    assert.equal(answer.status, 200);
    assert.equal(answer.body, "1");
    assert.equal(answer.headers.get("lp-trickle-latest"), "1");
  }));

Deno.test("S12 /next of a fresh channel is 0", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c");
    const answer = await bench.read("next");
    assert.equal(answer.body, "0");
    assert.equal(answer.headers.get("lp-trickle-latest"), "0");
  }));

Deno.test("S13 on a fresh channel GET 0, 1, -1 and -2 wait", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c");
    await waiting(bench, [0, 1, -1, -2]);
  }));

Deno.test("S14 on a fresh channel GET 2 is 470", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c");
    const answer = await bench.read(2);
    assert.equal(answer.status, 470);
    assert.equal(answer.headers.get("lp-trickle-latest"), "0");
    assert.equal(answer.headers.get("lp-trickle-seq"), "2");
  }));

Deno.test("S15 the first segment frees those who wait for it, and only those", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c");
    const [zero, one, next, current] = await waiting(bench, [0, 1, -1, -2]);
    await bench.post(0, "z");
    for (const reader of [zero, next, current]) {
      const answer = await reader!.whole();
      assert.equal(answer.status, 200);
      assert.equal(answer.body, "z");
      assert.equal(answer.headers.get("lp-trickle-seq"), "0");
      assert.equal(answer.headers.has("lp-trickle-latest"), false);
    }
    await one!.waits();
  }));

Deno.test("S16 GET NEXT waits and GET NEXT+1 is 470", () =>
  withServer(async (bench) => {
    await postAll(bench, [0, 1]);
    await waiting(bench, [2]);
    const answer = await bench.read(3);
    assert.equal(answer.status, 470);
    assert.equal(answer.headers.get("lp-trickle-latest"), "2");
    assert.equal(answer.headers.get("lp-trickle-seq"), "3");
  }));

Deno.test("S17 GET -1 waits for the next segment", () =>
  withServer(async (bench) => {
    await bench.post(0, "zero");
    const [reader] = await waiting(bench, [-1]);
    await bench.post(1, "one");
    const answer = await reader!.whole();
    assert.equal(answer.body, "one");
    assert.equal(answer.headers.get("lp-trickle-seq"), "1");
  }));

Deno.test("S18 an index that is not a decimal integer is 400", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c");
    const bad = ["abc", "1.5", "1e3", "0x10", "99999999999999999999", "1_0", "%201", "%zz"];
    for (const index of bad) assert.equal((await bench.read(index)).status, 400, index);
  }));

Deno.test("S19 signs, leading zeros and percent-encoding are understood", () =>
  withServer(async (bench) => {
    await bench.post(0, "x");
    for (const index of ["+7", "007", "%37"]) {
      const answer = await bench.read(index);
      assert.equal(answer.status, 470, index);
      assert.equal(answer.headers.get("lp-trickle-seq"), "7");
    }
    assert.equal((await bench.read("%2D2")).body, "x");
    assert.equal((await bench.read("-0")).body, "x");
  }));

Deno.test("S20 unsupported methods are 405 and other paths 404", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c");
    const put = await bench.ask("PUT", "/c/0");
    assert.equal(put.status, 405);
    assert.equal(put.headers.get("allow"), "DELETE, GET, HEAD, POST");
    const get = await bench.ask("GET", "/c");
    assert.equal(get.status, 405);
    assert.equal(get.headers.get("allow"), "DELETE, POST");
    assert.equal((await bench.read("0/x")).status, 404);
    assert.equal((await bench.ask("POST", "/c/next")).status, 400);
    assert.equal((await bench.ask("DELETE", "/c/next")).status, 400);
  }));

Deno.test("S21 an encoded slash is part of the channel's name", () =>
  withServer(async (bench) => {
    const post = await bench.send({ method: "POST", path: "/a%2Fb/0", body: "hi" });
    assert.equal((await post.response()).status, 200);
    assert.equal((await bench.ask("GET", "/a%2fb/0")).body, "hi");
    assert.equal((await bench.ask("GET", "/a/b/0")).status, 404);
    assert.deepEqual(bench.server.channelNames, ["a/b"]);
  }));

Deno.test("S22 the last five segments are kept", () =>
  withServer(async (bench) => {
    await postAll(bench, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (const index of [0, 1, 2, 3]) {
      const answer = await bench.read(index);
      assert.equal(answer.status, 470);
      assert.equal(answer.headers.get("lp-trickle-latest"), "9");
    }
    for (const index of [4, 5, 6, 7, 8]) assert.equal((await bench.read(index)).body, `s${index}`);
  }));

Deno.test("S23 a reader that waits ahead takes the slot of the oldest segment", () =>
  withServer(async (bench) => {
    await postAll(bench, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    await waiting(bench, [9]);
    for (const index of [5, 6, 7, 8]) assert.equal((await bench.read(index)).body, `s${index}`);
    assert.equal((await bench.read(4)).status, 470);
  }));

Deno.test("S24 a preconnected segment is the next one, not the current one", () =>
  withServer(async (bench) => {
    await bench.post(0, "a");
    await bench.begin(1);
    const [next] = await waiting(bench, [-1]);
    const current = await bench.read(-2);
    assert.equal(current.body, "a");
    assert.equal(current.headers.get("lp-trickle-seq"), "0");
    await bench.post(1, "b");
    assert.equal((await next!.whole()).headers.get("lp-trickle-seq"), "1");
  }));

Deno.test("S25 a segment with a byte is the current one", () =>
  withServer(async (bench) => {
    await bench.post(0, "a");
    await bench.begin(1, ["b"]);
    const [next] = await waiting(bench, [-1]);
    const current = await bench.get(-2);
    await current.shows("b");
    assert.equal((await current.response()).headers.get("lp-trickle-seq"), "1");
    await current.staysOpen();
    await bench.post(2, "c");
    assert.equal((await next!.whole()).headers.get("lp-trickle-seq"), "2");
  }));

Deno.test("S26 a preconnected segment beyond NEXT can be waited for", () =>
  withServer(async (bench) => {
    await bench.post(0, "a");
    await bench.begin(1);
    await bench.begin(2);
    assert.equal(await bench.next(), "1");
    await waiting(bench, [2]);
    assert.equal((await bench.read(3)).status, 470);
  }));

Deno.test("S27 bytes reach a waiting reader as they come, and late ones from the start", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0, ["AAA", "BBB"]);
    const reader = await bench.get(0);
    await reader.shows("AAABBB");
    await post.chunk("CCC");
    await reader.shows("AAABBBCCC");
    await reader.staysOpen();
    await post.end();
    assert.equal((await reader.whole()).body, "AAABBBCCC");
  }));

Deno.test("S28 NEXT moves at the first byte", () =>
  withServer(async (bench) => {
    await bench.begin(0, ["A"]);
    assert.equal(await bench.next(), "1");
  }));

Deno.test("S29 NEXT does not move before the first byte", () =>
  withServer(async (bench) => {
    await bench.begin(0);
    assert.equal(await bench.next(), "0");
  }));

Deno.test("S30 three readers get identical bytes of a large segment", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c");
    const readers = [await bench.get(0), await bench.get(0), await bench.get(0)];
    const bytes = new Uint8Array(300 * 1000 + 3).map((_, at) => 33 + at % 89);
    await bench.post(0, bytes);
    const expected = new TextDecoder().decode(bytes);
    for (const reader of readers) assert.equal((await reader.whole()).body === expected, true);
  }));

Deno.test("S32 an empty segment is 200 without a body", () =>
  withServer(async (bench) => {
    await bench.post(0, "");
    const answer = await bench.read(0);
    assert.equal(answer.status, 200);
    assert.equal(answer.body, "");
    assert.equal(answer.headers.get("lp-trickle-seq"), "0");
    assert.equal(answer.headers.get("lp-trickle-latest"), "1");
    assert.equal(answer.headers.get("content-length"), "0");
    assert.equal(answer.headers.has("content-type"), false);
    assert.equal(answer.headers.has("lp-trickle-closed"), false);
  }));

Deno.test("S59 a publisher that restarts at 0 moves NEXT down", () =>
  withServer(async (bench) => {
    await postAll(bench, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    await bench.post(0, "r0");
    assert.equal(await bench.next(), "1");
    assert.equal((await bench.read(0)).body, "r0");
  }));

Deno.test("S60 a reader that does not read slows nobody and still gets its segment", () =>
  withServer(async (bench) => {
    // More than the sockets between them hold.
    const size = 4 * 1024 * 1024;
    const go = Promise.withResolvers<void>();
    const slow = await bench.send({ method: "POST", path: "/c" });
    assert.equal((await slow.response()).status, 200);
    const reader = await bench.send({ method: "GET", path: "/c/0" }, go.promise);
    assert.equal((await bench.post(0, new Uint8Array(size).fill(65))).status, 200);
    await postAll(bench, [1, 2, 3, 4, 5, 6, 7, 8]);
    go.resolve();
    await reader.whole();
    assert.equal(reader.bodyBytes, size);
    const after = await bench.read(1);
    assert.equal(after.status, 470);
    assert.equal(after.headers.get("lp-trickle-latest"), "9");
  }));

Deno.test("S61 a reader that leaves disturbs nobody", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0);
    const reader = await bench.get(0);
    reader.drop();
    await post.chunk("data");
    await post.end();
    assert.equal((await post.response()).status, 200);
    assert.equal((await bench.read(0)).body, "data");
  }));

Deno.test("S71 HEAD is GET without the body, and waits likewise", () =>
  withServer(async (bench) => {
    await bench.post(0, "x");
    const head = await bench.send({ method: "HEAD", path: "/c/0" });
    const answer = await head.response();
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("lp-trickle-seq"), "0");
    assert.equal(head.body, "");
    const ahead = await bench.send({ method: "HEAD", path: "/c/1" });
    await ahead.waits();
    await bench.post(1, "y");
    assert.equal((await ahead.response()).headers.get("lp-trickle-seq"), "1");
  }));

Deno.test("S72 Connection: close is answered and then done", () =>
  withServer(async (bench) => {
    const close = { "Connection": "close" };
    const post = await bench.send({ method: "POST", path: "/c/0", body: "x", headers: close });
    assert.equal((await post.whole()).status, 200);
    const get = await bench.get(0, close);
    assert.equal((await get.whole()).body, "x");
    const missing = await bench.get(9, close);
    assert.equal((await missing.whole()).status, 470);
    for (const exchange of [post, get, missing]) {
      await until(() => exchange.ended, "the connection to be closed");
    }
  }));

Deno.test("an HTTP/1.0 GET gets a body that ends with the connection", () =>
  withServer(async (bench) => {
    await bench.post(0, "old");
    const get = await bench.send({ method: "GET", path: "/c/0", version: "1.0" });
    assert.equal((await get.whole()).body, "old");
  }));

Deno.test("a query string and Accept-Encoding are ignored", () =>
  withServer(async (bench) => {
    const text = "compressible ".repeat(1000);
    await bench.post(0, text, { "Content-Type": "application/json" });
    const headers = { "Accept-Encoding": "gzip, br" };
    const answer = await bench.ask("GET", "/c/0?x=1", headers);
    assert.equal(answer.headers.has("content-encoding"), false);
    assert.equal(answer.body, text);
  }));
