import assert from "node:assert/strict";
import { type ServerBench, withServer } from "./server_bench.ts";
import { ManualClock } from "./manual_clock.ts";
import type { RawExchange } from "./raw_exchange.ts";
import { until } from "../waiting.ts";

const RESET = { "Lp-Trickle-Reset": "1" };

async function showing(bench: ServerBench, index: number, text: string): Promise<RawExchange> {
  const reader = await bench.get(index);
  await reader.shows(text);
  return reader;
}

async function released(post: RawExchange, seq: number): Promise<ReadonlyMap<string, string>> {
  const answer = await post.response();
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("connection"), "close");
  assert.equal(answer.headers.get("lp-trickle-seq"), String(seq));
  return answer.headers;
}

Deno.test("S45 DELETE of a segment frees the reader that waits for it", () =>
  withServer(async (bench) => {
    await bench.post(0, "x");
    const reader = await bench.get(1);
    await reader.waits();
    assert.equal((await bench.ask("DELETE", "/c/1")).status, 200);
    const answer = await reader.whole();
    assert.equal(answer.status, 200);
    assert.equal(answer.body, "");
    assert.equal(answer.headers.get("lp-trickle-seq"), "1");
    assert.equal(answer.headers.has("lp-trickle-closed"), false);
  }));

Deno.test("S46 DELETE of a preconnected segment releases its POST", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0);
    const reader = await bench.get(0);
    await bench.ask("DELETE", "/c/0");
    const headers = await released(post, 0);
    assert.equal(headers.has("lp-trickle-closed"), false);
    assert.equal((await reader.whole()).body, "");
    assert.equal(await bench.next(), "1");
  }));

Deno.test("S47 DELETE of a live segment ends its readers but not its POST", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0, ["Hello"]);
    const reader = await showing(bench, 0, "Hello");
    await bench.ask("DELETE", "/c/0");
    assert.equal((await reader.whole()).body, "Hello");
    await post.waits();
    await post.end();
    assert.equal((await post.response()).status, 200);
  }));

Deno.test("S48 DELETE of what does not exist is an error", () =>
  withServer(async (bench) => {
    await bench.post(0, "x");
    assert.equal((await bench.ask("DELETE", "/c/3")).status, 400);
    assert.equal((await bench.ask("DELETE", "/c/abc")).status, 400);
    assert.equal((await bench.ask("DELETE", "/missing/0")).status, 404);
  }));

Deno.test("S49 DELETE of the channel tells everyone who waits that it is closed", () =>
  withServer(async (bench) => {
    await bench.post(0, "x");
    const post = await bench.begin(1);
    const reader = await bench.get(1);
    assert.equal((await bench.ask("DELETE", "/c")).status, 200);
    assert.equal((await released(post, 1)).get("lp-trickle-closed"), "terminated");
    const answer = await reader.whole();
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("lp-trickle-closed"), "terminated");
    assert.equal(answer.headers.get("lp-trickle-seq"), "1");
    assert.equal(answer.body, "");
  }));

Deno.test("S50 a deleted channel is gone", () =>
  withServer(async (bench) => {
    await bench.post(0, "x");
    await bench.ask("DELETE", "/c");
    assert.equal((await bench.read(0)).status, 404);
    assert.equal((await bench.read("next")).status, 404);
    assert.equal((await bench.ask("DELETE", "/c")).status, 400);
  }));

Deno.test("S51 DELETE of the channel ends a live body cleanly, without a byte more", () =>
  withServer(async (bench) => {
    const post = await bench.begin(0, ["Hello"]);
    const reader = await showing(bench, 0, "Hello");
    const ahead = await bench.get(1);
    await bench.ask("DELETE", "/c");
    assert.equal((await reader.whole()).body, "Hello");
    assert.equal((await ahead.whole()).headers.get("lp-trickle-closed"), "terminated");
    await post.waits();
    await post.end();
    assert.equal((await post.response()).status, 200);
  }));

Deno.test("S52 a deleted name can be used anew", () =>
  withServer(async (bench) => {
    await bench.post(0, "old");
    await bench.post(1, "old");
    await bench.ask("DELETE", "/c");
    await bench.post(0, "new");
    assert.equal((await bench.read(0)).body, "new");
    assert.equal(await bench.next(), "1");
  }));

Deno.test("S53 a reset ends all segments below it and none above", () =>
  withServer(async (bench) => {
    await bench.begin(0, ["Hello"]);
    const reader = await showing(bench, 0, "Hello");
    const above = await bench.begin(2);
    await bench.post(1, "x", RESET);
    assert.equal((await reader.whole()).body, "Hello");
    await above.waits();
    assert.equal((await bench.read(0)).body, "Hello");
    assert.equal(await bench.next(), "2");
  }));

Deno.test("S54 any value but the empty one resets, as soon as the head arrives", () =>
  withServer(async (bench) => {
    await bench.begin(0, ["z"]);
    const reader = await showing(bench, 0, "z");
    const idle = await bench.begin(1);
    await bench.begin(2, [], { "Lp-Trickle-Reset": "" });
    await reader.staysOpen();
    await idle.waits();
    await bench.begin(2, [], { "Lp-Trickle-Reset": "false" });
    assert.equal((await reader.whole()).body, "z");
    await released(idle, 1);
  }));

Deno.test("S55 a reset leaves higher segments alone", () =>
  withServer(async (bench) => {
    await bench.begin(6, ["six"]);
    const reader = await showing(bench, 6, "six");
    await bench.post(0, "z", RESET);
    await reader.staysOpen();
  }));

Deno.test("S56 eviction ends the readers of the segment", () =>
  withServer(async (bench) => {
    await bench.begin(0, ["z"]);
    const reader = await showing(bench, 0, "z");
    for (const index of [1, 2, 3, 4]) await bench.post(index, "x");
    await reader.staysOpen();
    await bench.post(5, "x");
    assert.equal((await reader.whole()).body, "z");
  }));

Deno.test("S57 a reader of a skipped index waits until a reset frees it", () =>
  withServer(async (bench) => {
    await bench.post(0, "x");
    const reader = await bench.get(1);
    await bench.post(2, "x");
    await reader.waits();
    await bench.post(3, "x", RESET);
    const answer = await reader.whole();
    assert.equal(answer.status, 200);
    assert.equal(answer.body, "");
    assert.equal(answer.headers.get("lp-trickle-seq"), "1");
    assert.equal(answer.headers.get("lp-trickle-latest"), "4");
  }));

Deno.test("S58 a skipped index that nobody asked for is 470", () =>
  withServer(async (bench) => {
    await bench.post(0, "x");
    await bench.post(2, "x");
    const answer = await bench.read(1);
    assert.equal(answer.status, 470);
    assert.equal(answer.headers.get("lp-trickle-latest"), "3");
    await (await bench.get(3)).waits();
  }));

Deno.test("S63 an idle channel is swept, however many wait on it", () => {
  const clock = new ManualClock();
  return withServer(async (bench) => {
    await bench.ask("POST", "/c");
    const reader = await bench.get(0);
    const post = await bench.begin(0);
    clock.advance(2001);
    assert.equal((await reader.whole()).headers.get("lp-trickle-closed"), "terminated");
    assert.equal((await released(post, 0)).get("lp-trickle-closed"), "terminated");
    assert.equal((await bench.read(0)).status, 404);
  }, { clock, idleTimeoutMs: 1000, sweepIntervalMs: 500 });
});

Deno.test("S64 a segment that receives bytes keeps its channel", () => {
  const clock = new ManualClock();
  return withServer(async (bench) => {
    const post = await bench.begin(0, ["x"]);
    for (let quarter = 0; quarter < 12; quarter++) {
      clock.advance(250);
      await bench.chunk(post, "x");
    }
    assert.equal(await bench.next(), "1");
    clock.advance(2000);
    assert.equal((await bench.read("next")).status, 404);
  }, { clock, idleTimeoutMs: 1000, sweepIntervalMs: 100 });
});

Deno.test("S65 the change feed announces channels that come and go", () =>
  withServer(async (bench) => {
    const added = await bench.send({ method: "GET", path: "/_changes/-1" });
    await added.waits();
    await bench.ask("POST", "/c");
    const answer = await added.whole();
    assert.equal(answer.body, '{"added":["c"]}');
    assert.equal(answer.headers.get("content-type"), "application/json");
    const removed = await bench.send({ method: "GET", path: "/_changes/-1" });
    await bench.ask("DELETE", "/c");
    assert.equal((await removed.whole()).body, '{"removed":["c"]}');
    assert.equal((await bench.ask("GET", "/_changes/0")).body, '{"added":["_changes"]}');
  }, { changeFeed: true }));

Deno.test("S66 reserved names are not for publishers", () =>
  withServer(async (bench) => {
    const post = await bench.send({ method: "POST", path: "/_changes/-1", body: "x" });
    assert.equal((await post.response()).status, 403);
    assert.equal((await bench.ask("DELETE", "/_changes")).status, 403);
    assert.equal((await bench.ask("POST", "/_mine")).status, 403);
  }, { changeFeed: true }));

Deno.test("S67 negative indices without a meaning are 400 and do no harm", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c");
    assert.equal((await bench.read(-3)).status, 400);
    assert.equal((await bench.post(-2, "x")).status, 400);
    assert.equal((await bench.ask("DELETE", "/c/-1")).status, 400);
    await bench.post(0, "fine");
    assert.equal((await bench.read(0)).body, "fine");
  }));

Deno.test("S69 a waiting reader that evicts a live segment frees its readers", () =>
  withServer(async (bench) => {
    await bench.begin(0, ["z"]);
    const reader = await showing(bench, 0, "z");
    for (const index of [1, 2, 3, 4]) await bench.post(index, "x");
    await bench.get(5);
    await bench.ask("DELETE", "/c");
    assert.equal((await reader.whole()).body, "z");
  }));

Deno.test("S70 DELETE of the waiting edge moves NEXT past it", () =>
  withServer(async (bench) => {
    await bench.post(0, "x");
    await bench.get(1);
    await bench.ask("DELETE", "/c/1");
    assert.equal(await bench.next(), "2");
  }));

Deno.test("DELETE of an edge that nobody has come to moves NEXT past it, and of no other index", () =>
  withServer(async (bench) => {
    await bench.post(0, "x");
    assert.equal((await bench.ask("DELETE", "/c/2")).status, 400);
    assert.equal(await bench.next(), "1");
    assert.equal((await bench.ask("DELETE", "/c/1")).status, 200);
    assert.equal(await bench.next(), "2");
  }));

Deno.test("a channel called next is a channel", () =>
  withServer(async (bench) => {
    assert.equal((await bench.ask("POST", "/next")).status, 200);
    assert.equal((await bench.ask("GET", "/next/next")).body, "0");
  }));

Deno.test("a base path is part of every path", () =>
  withServer(async (bench) => {
    assert.equal((await bench.ask("POST", "/c")).status, 404);
    assert.equal((await bench.ask("POST", "/ai/trickle/c")).status, 200);
    assert.equal(bench.server.channelUrl("c").endsWith("/ai/trickle/c"), true);
    await until(() => bench.server.channelNames.length === 1, "the channel");
  }, { basePath: "/ai/trickle" }));
