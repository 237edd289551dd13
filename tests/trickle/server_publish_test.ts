import assert from "node:assert/strict";
import { withServer } from "./server_bench.ts";
import { ManualClock } from "./manual_clock.ts";
import { until } from "../waiting.ts";

const AUTOCREATE_OFF = { autocreate: false };

Deno.test("S01 POST channel creates it", () =>
  withServer(async (bench) => {
    const answer = await bench.ask("POST", "/c", { "Expect-Content": "text/x-a" });
    assert.equal(answer.status, 200);
    assert.equal(answer.body, "");
    assert.deepEqual(bench.server.channelNames, ["c"]);
  }));

Deno.test("S02 the media type of a channel never changes", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c", { "Expect-Content": "text/x-a" });
    assert.equal((await bench.ask("POST", "/c", { "Expect-Content": "text/x-b" })).status, 200);
    await bench.post(0, "d");
    assert.equal((await bench.read(0)).headers.get("content-type"), "text/x-a");
  }));

Deno.test("S03 Content-Type of a POST to an existing channel is not the channel's", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c", { "Content-Type": "a/b" });
    await bench.post(0, "x", { "Content-Type": "c/d" });
    assert.equal((await bench.read(0)).headers.get("content-type") ?? "", "");
  }));

Deno.test("S04 without autocreate POST channel is 404", () =>
  withServer(async (bench) => {
    assert.equal((await bench.ask("POST", "/c")).status, 404);
  }, AUTOCREATE_OFF));

Deno.test("S05 without autocreate a segment POST is 404 before its body ends", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0);
    const answer = await post.response();
    assert.equal(answer.status, 404);
    assert.equal(answer.headers.get("connection"), "close");
  }, AUTOCREATE_OFF));

Deno.test("S06 the channel is looked up before the index is parsed", () =>
  withServer(async (bench) => {
    assert.equal((await bench.post("abc", "")).status, 404);
  }, AUTOCREATE_OFF));

Deno.test("S08 a segment POST creates the channel with its Content-Type", () =>
  withServer(async (bench) => {
    await bench.post(0, "x", { "Content-Type": "video/mp2t; a=b" });
    await bench.post(1, "y", { "Content-Type": "c/d" });
    assert.equal((await bench.read(1)).headers.get("content-type"), "video/mp2t; a=b");
  }));

Deno.test("S09 a complete segment POST is 200 with its index", () =>
  withServer(async (bench) => {
    const answer = await bench.post(0, "hello");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("lp-trickle-seq"), "0");
    assert.equal(answer.body, "");
    assert.equal(answer.headers.has("lp-trickle-closed"), false);
  }));

Deno.test("S31 a POST without a byte is 200 and moves NEXT", () =>
  withServer(async (bench) => {
    const answer = await bench.post(0, "");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("lp-trickle-seq"), "0");
    assert.equal(answer.headers.get("connection"), "close");
    assert.equal(await bench.next(), "1");
  }));

Deno.test("S33 a POST that ends without a byte frees the waiting reader", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c");
    const reader = await bench.get(0);
    const post = await bench.begin(0);
    await post.end();
    const read = await reader.whole();
    assert.equal(read.status, 200);
    assert.equal(read.body, "");
    assert.equal(read.headers.get("lp-trickle-seq"), "0");
    assert.equal(read.headers.get("lp-trickle-latest"), "1");
    assert.equal((await post.response()).status, 200);
  }));

Deno.test("S34 readers keep waiting when the publisher's connection drops", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0, ["part1-"]);
    const reader = await bench.get(0);
    await reader.shows("part1-");
    post.drop();
    await reader.staysOpen();
    assert.equal(await bench.next(), "1");
  }));

Deno.test("S35 a POST of the same index goes on where the dropped one stopped", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0, ["part1-"]);
    const reader = await bench.get(0);
    await reader.shows("part1-");
    post.drop();
    await bench.post(0, "part2");
    assert.equal((await reader.whole()).body, "part1-part2");
    assert.equal((await bench.read(0)).body, "part1-part2");
  }));

Deno.test("S36 a preconnected POST that drops leaves no trace", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0);
    const reader = await bench.get(0);
    post.drop();
    await reader.waits();
    assert.equal(await bench.next(), "0");
    await bench.post(0, "hey");
    assert.equal((await reader.whole()).body, "hey");
  }));

Deno.test("S37 a body cut short of its Content-Length is 500 and leaves the segment open", () =>
  withServer(async (bench) => {
    const post = await bench.send({ method: "POST", path: "/c/0", contentLength: 100 });
    await post.send("abc");
    await post.halfClose();
    assert.equal((await post.response()).status, 500);
    const reader = await bench.get(0);
    await reader.shows("abc");
    await reader.staysOpen();
  }));

Deno.test("S38 a finished index keeps what it has", () =>
  withServer(async (bench) => {
    await bench.post(0, "first");
    const again = await bench.post(0, "again");
    assert.equal(again.status, 200);
    assert.equal(again.headers.get("connection"), "close");
    assert.equal((await bench.read(0)).body, "first");
  }));

Deno.test("S39 a POST of a finished index does not lower NEXT", () =>
  withServer(async (bench) => {
    for (const index of [0, 1, 2]) await bench.post(index, "x");
    await bench.post(0, "again");
    assert.equal(await bench.next(), "3");
  }));

Deno.test("S40 of two POSTs to one segment the first to end closes it", () =>
  withServer(async (bench) => {
    const a = await bench.begin(0, ["a1."]);
    const b = await bench.begin(0, ["b1."]);
    const reader = await bench.get(0);
    await reader.shows("a1.b1.");
    await a.end();
    assert.equal((await a.response()).status, 200);
    assert.equal((await reader.whole()).body, "a1.b1.");
    await b.waits();
    await b.end();
    assert.equal((await b.response()).status, 200);
  }));

Deno.test("S41 bytes after the close go nowhere", () =>
  withServer(async (bench) => {
    const a = await bench.begin(0, ["a1."]);
    const b = await bench.begin(0, ["b1."]);
    await a.end();
    await a.response();
    await bench.chunk(b, "b2.");
    await b.end();
    assert.equal((await b.response()).status, 200);
    assert.equal((await bench.read(0)).body, "a1.b1.");
  }));

Deno.test("S42 an idle POST is released when another one fills its segment", () =>
  withServer(async (bench) => {
    const idle = await bench.begin(0);
    await bench.post(0, "data");
    const answer = await idle.response();
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("connection"), "close");
    assert.equal(answer.headers.get("lp-trickle-seq"), "0");
    assert.equal(answer.headers.has("lp-trickle-closed"), false);
    assert.equal((await bench.read(0)).body, "data");
  }));

Deno.test("S43 POST -1 is the next segment", () =>
  withServer(async (bench) => {
    assert.equal((await bench.post(-1, "a")).headers.get("lp-trickle-seq"), "0");
    assert.equal((await bench.post(-1, "b")).headers.get("lp-trickle-seq"), "1");
  }));

Deno.test("S44 POST -1 reserves nothing: two at once share a segment", () =>
  withServer(async (bench) => {
    const posts = [await bench.begin(-1), await bench.begin(-1)];
    for (const post of posts) await bench.chunk(post, "x");
    for (const post of posts) await post.end();
    const answers = await Promise.all(posts.map((post) => post.response()));
    assert.deepEqual(answers.map((answer) => answer.status), [200, 200]);
    assert.deepEqual(answers.map((answer) => answer.headers.get("lp-trickle-seq")), ["0", "0"]);
  }));

Deno.test("S62 a preconnected POST may idle for 35 seconds", () => {
  const clock = new ManualClock();
  return withServer(async (bench) => {
    const post = await bench.begin(0);
    clock.advance(35_000);
    await post.waits();
    await post.chunk("x");
    await post.end();
    assert.equal((await post.response()).status, 200);
    assert.equal((await bench.read(0)).body, "x");
  }, { clock });
});

Deno.test("S68 a bad index is 400 before the body ends, and creates nothing", () =>
  withServer(async (bench) => {
    const post = await bench.begin("abc");
    assert.equal((await post.response()).status, 400);
    assert.deepEqual(bench.server.channelNames, []);
  }));

Deno.test("S73 first bytes in reverse order do not lower NEXT", () =>
  withServer(async (bench) => {
    const first = await bench.begin(0);
    const second = await bench.begin(1);
    await bench.chunk(second, "1");
    await bench.chunk(first, "0");
    assert.equal(await bench.next(), "2");
  }));

Deno.test("S74 silence after the first byte has no interim answers", () => {
  const clock = new ManualClock();
  return withServer(async (bench) => {
    const post = await bench.begin(0, ["a"]);
    clock.advance(12_000);
    await post.waits();
    await post.end();
    const answer = await post.response();
    assert.equal(answer.status, 200);
    assert.equal(answer.interims, 0);
    assert.equal((await bench.read(0)).body, "a");
  }, { clock });
});

Deno.test("S75 Expect: 100-continue is answered before the body", () =>
  withServer(async (bench) => {
    const headers = { "Expect": "100-continue" };
    const post = await bench.send({ method: "POST", path: "/c/0", contentLength: 3, headers });
    await until(() => post.interims === 1, "the interim answer");
    await post.waits();
    await post.send("abc");
    const answer = await post.response();
    assert.equal(answer.status, 200);
    assert.equal(answer.interims, 1);
    assert.equal((await bench.read(0)).body, "abc");
  }));
