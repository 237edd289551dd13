import assert from "node:assert/strict";
import { TricklePublisher, TrickleServer } from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { unusedPort } from "../unused_port.ts";
import { begin, bytes, CLOSED, EARLY, scripted, store } from "./publisher_stage.ts";

scripted("C24 it begins where the channel stands, with a reset", {}, async (stage) => {
  const { server, publisher } = stage;
  const taken = publisher.next();
  const next = await server.next("GET /c/next");
  await next.answer({ headers: { "Lp-Trickle-Latest": 12 }, body: "12" });
  const writer = await taken;
  assert.equal(writer.seq, 12);
  const [first, second] = await server.some("POST /c/12", "POST /c/13");
  assert.equal(first!.headers.get("lp-trickle-reset"), "1");
  assert.equal(second!.headers.has("lp-trickle-reset"), false);
  assert.equal(first!.headers.get("content-type"), "video/MP2T");
  await writer.write(bytes("x"));
  const closed = writer.close();
  await store(first!, 12);
  await closed;
  await publisher.next();
  assert.equal((await server.next("POST /c/14")).headers.has("lp-trickle-reset"), false);
});

scripted("C24 the body of /next will do where the header is missing", {}, async (stage) => {
  const taken = stage.publisher.next();
  await (await stage.server.next("GET /c/next")).answer({ body: "7\n" });
  assert.equal((await taken).seq, 7);
});

scripted("C25 a server without /next is begun at 0, with a reset", {}, async (stage) => {
  const taken = stage.publisher.next();
  await (await stage.server.next("GET /c/next")).answer({ status: 400, body: "Invalid idx\n" });
  assert.equal((await taken).seq, 0);
  const [first] = await stage.server.some("POST /c/0", "POST /c/1");
  assert.equal(first!.headers.get("lp-trickle-reset"), "1");
});

scripted("C26 a missing channel is the end", {}, async ({ server, publisher }) => {
  const taken = assert.rejects(publisher.next(), { code: "TRICKLE_NOT_FOUND" });
  await (await server.next("GET /c/next")).answer({ status: 404 });
  await taken;
  await assert.rejects(publisher.next(), { code: "TRICKLE_NOT_FOUND" });
  await server.quiet();
});

scripted(
  "C26 a missing channel is created at 0 where that was asked for",
  { autocreate: true },
  async (
    { server, publisher },
  ) => {
    const taken = publisher.next();
    await (await server.next("GET /c/next")).answer({ status: 404 });
    assert.equal((await taken).seq, 0);
  },
);

scripted("C26 a 404 that says where to begin is followed", {}, async ({ server, publisher }) => {
  const taken = publisher.next();
  const headers = { "Lp-Trickle-Latest": 0 };
  await (await server.next("GET /c/next")).answer({ status: 404, headers });
  assert.equal((await taken).seq, 0);
});

scripted("C27 one segment is opened ahead, and only one", { start: 4 }, async (stage) => {
  const [writer, post] = await begin(stage, 4);
  await writer.write(bytes("x"));
  await post.shows("x");
  await stage.server.quiet();
  assert.equal(post.ended, false);
});

scripted(
  "it connects before the first segment, and uses these requests for it",
  {},
  async (stage) => {
    const { server, publisher } = stage;
    const opened = publisher.open();
    await (await server.next("GET /c/next")).answer({ headers: { "Lp-Trickle-Latest": 3 } });
    await opened;
    const [post] = await server.some("POST /c/3", "POST /c/4");
    assert.equal(post!.headers.get("lp-trickle-reset"), "1");
    await publisher.open();
    const writer = await publisher.next();
    await server.quiet();
    await writer.write(bytes("x"));
    const closed = writer.close();
    await post!.shows("x");
    await store(post!, 3);
    await closed;
    await publisher.open();
    await server.quiet();
  },
);

scripted("a channel that ends while nothing is written is gone", { start: 0 }, async (stage) => {
  const { server, publisher } = stage;
  await publisher.open();
  const [post] = await server.some("POST /c/0", "POST /c/1");
  await post!.answer({ headers: CLOSED });
  assert.match((await publisher.gone).message, /the channel has ended/);
  await assert.rejects(publisher.next(), { code: "TRICKLE_CLOSED" });
});

scripted(
  "a channel that was not there when it connected is looked for again",
  { autocreate: true },
  async (stage) => {
    const { server, publisher } = stage;
    const opened = publisher.open();
    await (await server.next("GET /c/next")).answer({ status: 404 });
    await opened;
    const [early] = await server.some("POST /c/0", "POST /c/1");
    await early!.answer({ status: 404, headers: EARLY });
    assert.match((await publisher.gone).message, /does not exist/);
    const taken = publisher.next();
    await (await server.next("GET /c/next")).answer({ headers: { "Lp-Trickle-Latest": 0 } });
    const writer = await taken;
    const [post] = await server.some("POST /c/0", "POST /c/1");
    await writer.write(bytes("x"));
    const closed = writer.close();
    await post!.shows("x");
    await store(post!, 0);
    await closed;
  },
);

scripted("a channel that is not there is gone", {}, async ({ server, publisher }) => {
  const opened = assert.rejects(publisher.open(), { code: "TRICKLE_NOT_FOUND" });
  await (await server.next("GET /c/next")).answer({ status: 404 });
  await opened;
  assert.match((await publisher.gone).message, /does not exist/);
});

scripted("C28 the head of a request is sent before the first byte", { start: 0 }, async (stage) => {
  const [, post, ahead] = await begin(stage, 0);
  assert.equal(post.isChunked, true);
  assert.equal(post.body + ahead.body, "");
});

scripted("C29 any number of interim answers is ignored", { start: 0 }, async (stage) => {
  const [writer, post, ahead] = await begin(stage, 0);
  for (const request of [post, ahead]) {
    for (let count = 0; count < 8; count++) await request.send("HTTP/1.1 100 Continue\r\n\r\n");
  }
  await writer.write(bytes("data"));
  const closed = writer.close();
  await post.shows("data");
  await store(post, 0);
  await closed;
});

scripted(
  "C29 an idle request is renewed after 45 seconds, aborted and not ended",
  { start: 0 },
  async (stage) => {
    const [writer, post, ahead] = await begin(stage, 0);
    await stage.clock.passDelay(45_000, 45_000);
    const [again] = await stage.server.some("POST /c/0", "POST /c/1");
    await post.aborted();
    await ahead.aborted();
    await writer.write(bytes("data"));
    const closed = writer.close();
    await again!.shows("data");
    await store(again!, 0);
    await closed;
  },
);

scripted("C30 an early 404 is the end", { start: 0 }, async (stage) => {
  const [writer, post, ahead] = await begin(stage, 0);
  await writer.write(bytes("x"));
  await post.shows("x");
  await post.answer({ status: 404, headers: EARLY });
  await post.aborted();
  await ahead.aborted();
  await assert.rejects(writer.write(bytes("y")), { code: "TRICKLE_NOT_FOUND" });
  await assert.rejects(writer.close(), { code: "TRICKLE_NOT_FOUND" });
  await assert.rejects(stage.publisher.next(), { code: "TRICKLE_NOT_FOUND" });
  await stage.server.quiet();
});

scripted("C31 Closed on the preconnected request is the end", { start: 0 }, async (stage) => {
  const [writer, post, ahead] = await begin(stage, 0);
  await ahead.answer({ headers: CLOSED });
  await post.aborted();
  await assert.rejects(writer.write(bytes("x")), { code: "TRICKLE_CLOSED" });
  await assert.rejects(stage.publisher.next(), { code: "TRICKLE_CLOSED" });
  await stage.server.quiet();
});

scripted("C32 a segment that is finished already moves to the next index", { start: 0 }, async (
  stage,
) => {
  const [writer, post, ahead] = await begin(stage, 0);
  await post.answer({ headers: { ...EARLY, "Lp-Trickle-Seq": 0 } });
  await ahead.aborted();
  const [moved] = await stage.server.some("POST /c/1", "POST /c/2");
  assert.equal(writer.seq, 1);
  await writer.write(bytes("kept"));
  const closed = writer.close();
  await moved!.shows("kept");
  await store(moved!, 1);
  await closed;
  assert.equal(stage.publisher.stats.segments, 1);
});

scripted("C32 a preconnected segment moves likewise, without a hot loop", { start: 0 }, async (
  stage,
) => {
  const [, , ahead] = await begin(stage, 0);
  await ahead.answer({ headers: { ...EARLY, "Lp-Trickle-Seq": 1 } });
  await (await stage.server.next("POST /c/2")).answer({ headers: EARLY });
  await stage.clock.passDelay(250, 250);
  await stage.server.next("POST /c/3");
});

scripted("C33 a connection that drops before a byte is replaced", { start: 0 }, async (stage) => {
  const [writer, post] = await begin(stage, 0);
  post.drop();
  const again = await stage.server.next("POST /c/0");
  assert.notEqual(again.connection, post.connection);
  await writer.write(bytes("whole"));
  const closed = writer.close();
  await again.shows("whole");
  await store(again, 0);
  await closed;
  assert.equal(stage.publisher.stats.retries, 1);
});

Deno.test("C33 a server that comes up late gets everything", async () => {
  const port = unusedPort();
  const clock = new ManualClock();
  const url = `http://127.0.0.1:${port}/c`;
  const publisher = new TricklePublisher(url, { start: 0, clock, ownsChannel: false });
  const writer = await publisher.next();
  await writer.write(bytes("patience"));
  const closed = writer.close();
  await clock.passDelay(250, 250);
  await using server = new TrickleServer();
  server.listen({ port });
  await clock.passUntil(closed);
  assert.equal(publisher.stats.segments, 1);
  await publisher.close();
  const answer = await server.handler(new Request(`${url}/0`));
  assert.equal(await answer.text(), "patience");
});
