import assert from "node:assert/strict";
import { type SegmentWriter, TricklePublisher, TrickleServer } from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { begin, bytes, CLOSED, EARLY, scripted, type Stage, store } from "./publisher_stage.ts";
import { type ScriptedRequest, withScript } from "./scripted_server.ts";
import { unusedPort } from "../unused_port.ts";

scripted(
  "C34 a connection that drops after bytes loses the segment, and only it",
  { start: 0 },
  async (
    stage,
  ) => {
    const [writer, post, ahead] = await begin(stage, 0);
    await writer.write(bytes("lost"));
    await post.shows("lost");
    post.drop();
    await stage.server.next("DELETE /c/0");
    await assert.rejects(writer.write(bytes("more")), { code: "TRICKLE_SEGMENT_FAILED" });
    await assert.rejects(writer.close(), { code: "TRICKLE_SEGMENT_FAILED" });
    const second = await stage.publisher.next();
    assert.equal(second.seq, 1);
    await second.write(bytes("fine"));
    const closed = second.close();
    await ahead.shows("fine");
    await store(ahead, 1);
    await closed;
    assert.equal(stage.publisher.stats.failedSegments, 1);
  },
);

scripted("a segment that was lost is closed once its server is in reach again", {
  start: 0,
}, async ({ server, publisher, clock }) => {
  const [writer, post] = await begin({ server, publisher, clock }, 0);
  await writer.write(bytes("lost"));
  await post.shows("lost");
  post.drop();
  for (let dropped = 0; dropped < 2; dropped++) {
    (await server.next("DELETE /c/0")).drop();
    await clock.passDelay(400, 400);
  }
  await (await server.next("DELETE /c/0")).answer();
  await server.quiet();
});

async function fail(
  stage: Stage,
  seq: number,
  post: ScriptedRequest,
  writer: SegmentWriter,
): Promise<void> {
  await writer.write(bytes("x"));
  const closed = assert.rejects(writer.close(), { code: "TRICKLE_SEGMENT_FAILED" });
  await post.finished();
  await post.answer({ status: 500 });
  await closed;
  await (await stage.server.next(`DELETE /c/${seq}`)).answer();
}

scripted("C35 three failed segments in a row are the end, without time to reconnect", {
  start: 0,
  reconnectMs: 0,
}, async (stage) => {
  const [first, post, ahead] = await begin(stage, 0);
  await fail(stage, 0, post, first);
  const second = await stage.publisher.next();
  const two = await stage.server.next("POST /c/2");
  await fail(stage, 1, ahead, second);
  const third = await stage.publisher.next();
  await stage.server.next("POST /c/3");
  await fail(stage, 2, two, third);
  await assert.rejects(stage.publisher.next(), { code: "TRICKLE_SEGMENT_FAILED" });
  await stage.server.quiet();
});

scripted("C35 a stored segment in between starts the count anew", { start: 0 }, async (stage) => {
  const [first, post, ahead] = await begin(stage, 0);
  let waiting = ahead;
  await fail(stage, 0, post, first);
  for (let seq = 1; seq < 6; seq++) {
    const writer = await stage.publisher.next();
    const following = await stage.server.next(`POST /c/${seq + 1}`);
    if (seq % 2 === 0) {
      await fail(stage, seq, waiting, writer);
    } else {
      await writer.write(bytes("x"));
      const closed = writer.close();
      await store(waiting, seq);
      await closed;
    }
    waiting = following;
  }
  assert.equal(stage.publisher.stats.failedSegments, 3);
});

scripted("C36 an answer with another index moves the publisher there", { start: 0 }, async (
  stage,
) => {
  const [writer, post, ahead] = await begin(stage, 0);
  await writer.write(bytes("x"));
  const closed = writer.close();
  await store(post, 7);
  await closed;
  await ahead.aborted();
  await stage.server.next("POST /c/8");
  assert.equal((await stage.publisher.next()).seq, 8);
});

scripted("C37 close deletes the channel, and aborts what was preconnected and has no answer", {
  start: 0,
  ownsChannel: true,
}, async ({ server, publisher, clock }) => {
  await publisher.next();
  const [post, ahead] = await server.some("POST /c/0", "POST /c/1");
  const closed = publisher.close();
  const deletion = await server.next("DELETE /c");
  assert.equal(ahead!.gone, false);
  await deletion.answer();
  await clock.passPatience(200);
  await post!.aborted();
  await ahead!.aborted();
  // They may have come behind the first one, and created the channel anew.
  await (await server.next("DELETE /c")).answer({ status: 404 });
  await closed;
  await server.quiet();
});

scripted("C37 close is done when what was preconnected is answered", {
  start: 0,
  ownsChannel: true,
}, async ({ server, publisher }) => {
  await publisher.next();
  const posts = await server.some("POST /c/0", "POST /c/1");
  const closed = publisher.close();
  await (await server.next("DELETE /c")).answer();
  for (const post of posts) await post.answer({ headers: { ...CLOSED } });
  await closed;
  await server.quiet();
});

for (const status of [400, 404, 500]) {
  scripted(`C38 close does not mind ${status}`, { ownsChannel: true }, async (stage) => {
    const closed = stage.publisher.close();
    await (await stage.server.next("DELETE /c")).answer({ status });
    await closed;
  });
}

scripted("C38 close gives up on a server that does not answer", { ownsChannel: true }, async (
  stage,
) => {
  const closed = stage.publisher.close();
  await stage.server.next("DELETE /c");
  await stage.clock.passPatience(2_500);
  await closed;
});

scripted("C39 an abandoned segment is aborted and then deleted", { start: 0 }, async (stage) => {
  const [writer, post] = await begin(stage, 0);
  await writer.write(bytes("half"));
  await post.shows("half");
  const abandoned = writer.abandon();
  const deletion = await stage.server.next("DELETE /c/0");
  await post.aborted();
  await deletion.answer();
  await abandoned;
  assert.equal((await stage.publisher.next()).seq, 1);
  assert.equal(stage.publisher.stats.abandonedSegments, 1);
});

scripted("C40 POST -1 waits for its answer before it goes on", { start: "next" }, async (stage) => {
  const { server, publisher } = stage;
  const writer = await publisher.next();
  const post = await server.next("POST /c/-1");
  await writer.write(bytes("x"));
  const closed = writer.close();
  const second = publisher.next();
  await post.finished();
  await server.quiet();
  await post.answer({ headers: { "Lp-Trickle-Seq": 8 } });
  await closed;
  assert.equal((await second).seq, 9);
  await server.some("POST /c/9", "POST /c/10");
});

scripted("C41 a message is one segment of one chunk, and never empty", {
  start: 0,
  contentType: "application/json",
}, async ({ server, publisher }) => {
  const sent = publisher.publishMessage('{"keep":"alive"}');
  const again = publisher.publishMessage(new Uint8Array(20_000).fill(65));
  const [first, second] = await server.some("POST /c/0", "POST /c/1");
  assert.equal(first!.headers.get("content-type"), "application/json");
  await first!.finished();
  assert.deepEqual(first!.chunks, ['{"keep":"alive"}']);
  await first!.answer({ headers: { "Lp-Trickle-Seq": 0 } });
  await sent;
  await second!.finished();
  assert.deepEqual(second!.chunks.map((chunk) => chunk.length), [20_000]);
  await second!.answer({ headers: { "Lp-Trickle-Seq": 1 } });
  await again;
  assert.throws(() => publisher.publishMessage(""), RangeError);
});

scripted(
  "C42 a server that takes nothing fails the segment, within bounded memory",
  { start: 0 },
  async (
    { server, publisher, clock },
  ) => {
    server.readsBodies = false;
    const writer = await publisher.next();
    await server.some("POST /c/0", "POST /c/1");
    const block = new Uint8Array(256 * 1024);
    let accepted = 0;
    const flooding = (async () => {
      for (;;) {
        await writer.write(block);
        accepted += block.byteLength;
      }
    })();
    const failed = assert.rejects(flooding, { code: "TRICKLE_STALLED" });
    await clock.passUntil(failed);
    assert.equal(accepted < 64 * 1024 * 1024, true);
  },
);

scripted("a whole segment answered as if it had been finished before is reported as dropped", {
  start: 0,
}, async (stage) => {
  const [writer, post, ahead] = await begin(stage, 0);
  await writer.write(bytes("x"));
  const closed = assert.rejects(writer.close(), { code: "TRICKLE_SEGMENT_FAILED" });
  await post.finished();
  await post.answer({ headers: { ...EARLY, "Lp-Trickle-Seq": 0 } });
  const next = await stage.server.next("GET /c/next");
  await next.answer({ headers: { "Lp-Trickle-Latest": 5 } });
  await closed;
  await ahead.aborted();
  await stage.server.next("POST /c/5");
  assert.equal(stage.publisher.stats.discardedSegments, 1);
});

scripted("create() asks for the channel with its media type", { contentType: "a/b" }, async (
  { server, publisher },
) => {
  const created = publisher.create();
  const post = await server.next("POST /c");
  assert.equal(post.headers.get("expect-content"), "a/b");
  assert.equal(post.headers.get("content-length"), "0");
  await post.answer();
  await created;
  const refused = assert.rejects(publisher.create(), { code: "TRICKLE_NOT_FOUND" });
  await (await server.next("POST /c")).answer({ status: 404 });
  await refused;
});

scripted("the next writer is not given while one is open", { start: 0 }, async (stage) => {
  const [writer] = await begin(stage, 0);
  await assert.rejects(stage.publisher.next(), TypeError);
  await writer.write(bytes("x"));
});

Deno.test("the signal of the caller closes the publisher", () =>
  withScript(async (server) => {
    const controller = new AbortController();
    const { signal } = controller;
    const clock = new ManualClock();
    const publisher = new TricklePublisher(server.url, { start: 0, signal, clock });
    const writer = await publisher.next();
    const [post] = await server.some("POST /c/0", "POST /c/1");
    controller.abort();
    await (await server.next("DELETE /c")).answer();
    await clock.passPatience(200);
    await post!.aborted();
    await (await server.next("DELETE /c")).answer();
    await publisher.close();
    await assert.rejects(writer.write(bytes("x")), { code: "TRICKLE_CLOSED" });
  }));

/** Publishes one segment, letting time pass for it; gives whether it was stored. */
async function publishOne(publisher: TricklePublisher, clock: ManualClock): Promise<boolean> {
  const writer = await clock.passUntil(publisher.next());
  await writer.write(bytes("x"));
  return await clock.passUntil(writer.close().then(() => true, () => false));
}

Deno.test("a server that comes back within the window is published to again, after it the publisher gives up", async () => {
  const clock = new ManualClock();
  const port = unusedPort();
  const listening = (): TrickleServer => {
    const server = new TrickleServer();
    server.listen({ port });
    return server;
  };
  const publisher = new TricklePublisher(`http://127.0.0.1:${port}/c`, {
    clock,
    autocreate: true,
    ownsChannel: false,
  });
  {
    await using _server = listening();
    assert.equal(await publishOne(publisher, clock), true);
  }
  for (let lost = 0; lost < 4; lost++) assert.equal(await publishOne(publisher, clock), false);
  {
    await using server = listening();
    assert.equal(await publishOne(publisher, clock), true);
    assert.deepEqual(server.channelNames, ["c"]);
  }
  assert.equal(publisher.stats.failedSegments, 4);
  await assert.rejects(async () => {
    for (let lost = 0; lost < 20; lost++) await publishOne(publisher, clock);
  }, /failures in a row/);
  const failed = publisher.stats.failedSegments - 4;
  assert.ok(failed >= 5 && failed <= 8, `${failed} segments of five seconds each`);
  await clock.passUntil(publisher.close());
});

scripted("a server that comes back without the channel may get it back", { start: 0 }, async (
  stage,
) => {
  const { server, publisher, clock } = stage;
  const [first, post, ahead] = await begin(stage, 0);
  await first.write(bytes("x"));
  const closed = first.close();
  await store(post, 0);
  await closed;
  const second = await publisher.next();
  const two = await server.next("POST /c/2");
  await fail(stage, 1, ahead, second);
  await two.answer({ status: 404, headers: EARLY });
  await clock.passDelay(250, 250);
  const again = await server.next("POST /c/2");
  const third = await publisher.next();
  await server.next("POST /c/3");
  await third.write(bytes("x"));
  const thirdClosed = third.close();
  await store(again, 2);
  await thirdClosed;
  assert.equal(publisher.stats.segments, 2);
});

scripted("a segment that is refused before a byte was sent is tried again at its index", {
  start: 0,
}, async (stage) => {
  const { server, clock } = stage;
  const [writer, post, ahead] = await begin(stage, 0);
  await ahead.answer({ status: 500, headers: EARLY });
  for (let tries = 0; tries < 4; tries++) {
    await clock.passDelay(250, 250);
    await (await server.next("POST /c/1")).answer({ status: 413, headers: EARLY });
  }
  await writer.write(bytes("x"));
  const closed = writer.close();
  await store(post, 0);
  await closed;
  await clock.passDelay(250, 250);
  await server.next("POST /c/1");
  await server.quiet();
  assert.equal((await stage.publisher.next()).seq, 1);
  assert.equal(stage.publisher.stats.failedSegments, 0);
});

scripted("failures before the first segment is stored are survived within the window", {
  start: 0,
}, async (stage) => {
  const [first, post, ahead] = await begin(stage, 0);
  let [writer, waiting, following] = [first, post, ahead];
  for (let seq = 0; seq < 5; seq++) {
    await fail(stage, seq, waiting, writer);
    writer = await stage.publisher.next();
    waiting = following;
    following = await stage.server.next(`POST /c/${seq + 2}`);
  }
  await writer.write(bytes("x"));
  const closed = writer.close();
  await store(waiting, 5);
  await closed;
  assert.equal(stage.publisher.stats.segments, 1);
});

scripted("an index that the server does not know is closed again when a later one is stored", {
  start: 0,
}, async (stage) => {
  const { server, publisher } = stage;
  const [first, post, ahead] = await begin(stage, 0);
  await first.write(bytes("x"));
  await post.shows("x");
  await post.answer({ status: 500 });
  await (await server.next("DELETE /c/0")).answer({ status: 400 });
  const second = await publisher.next();
  const two = await server.next("POST /c/2");
  await second.write(bytes("x"));
  const closed = second.close();
  await store(ahead, 1);
  await closed;
  await (await server.next("DELETE /c/0")).answer({ status: 400 });
  const third = await publisher.next();
  await server.next("POST /c/3");
  await third.write(bytes("x"));
  const thirdClosed = third.close();
  await store(two, 2);
  await thirdClosed;
  await server.quiet();
});
