import assert from "node:assert/strict";
import {
  type SegmentWriter,
  TricklePublisher,
  type TricklePublisherOptions,
} from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { eventually } from "./raw_exchange.ts";
import { type ScriptedRequest, type ScriptedServer, withScript } from "./scripted_server.ts";

const encoder = new TextEncoder();
const EARLY = { "Connection": "close" };
const CLOSED = { "Lp-Trickle-Closed": "terminated", "Connection": "close" };

function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

interface Stage {
  readonly server: ScriptedServer;
  readonly publisher: TricklePublisher;
  readonly clock: ManualClock;
}

/** A publisher that does not own its channel, so that it ends without a word, unless said otherwise. */
function scripted(
  name: string,
  options: TricklePublisherOptions,
  use: (stage: Stage) => Promise<void>,
): void {
  Deno.test(name, () =>
    withScript(async (server) => {
      const clock = new ManualClock();
      const publisher = new TricklePublisher(server.url, { clock, ownsChannel: false, ...options });
      try {
        await use({ server, publisher, clock });
      } finally {
        const closed = publisher.close();
        await passUntil(clock, closed);
        await closed;
      }
    }));
}

/** Lets time pass for as long as something takes. */
async function passUntil(clock: ManualClock, work: Promise<unknown>): Promise<void> {
  let isDone = false;
  const mark = (): void => {
    isDone = true;
  };
  work.then(mark, mark);
  await eventually(() => {
    clock.advance(100);
    return isDone;
  }, "the end of some work");
}

async function begin(
  stage: Stage,
  seq: number,
): Promise<[SegmentWriter, ScriptedRequest, ScriptedRequest]> {
  const writer = await stage.publisher.next();
  const [post, ahead] = await stage.server.some(`POST /c/${seq}`, `POST /c/${seq + 1}`);
  return [writer, post!, ahead!];
}

async function store(request: ScriptedRequest, seq?: number): Promise<void> {
  await request.finished();
  await request.answer(seq === undefined ? {} : { headers: { "Lp-Trickle-Seq": seq } });
}

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
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const clock = new ManualClock();
  const url = `http://127.0.0.1:${port}/c`;
  const publisher = new TricklePublisher(url, { start: 0, clock, ownsChannel: false });
  const writer = await publisher.next();
  await writer.write(bytes("patience"));
  const closed = writer.close();
  await clock.passDelay(250, 250);
  const { TrickleServer } = await import("../../src/trickle/mod.ts");
  await using server = new TrickleServer();
  server.listen({ port });
  await passUntil(clock, closed);
  await closed;
  assert.equal(publisher.stats.segments, 1);
  await publisher.close();
  const answer = await server.handler(new Request(`${url}/0`));
  assert.equal(await answer.text(), "patience");
});

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

scripted("C35 three failed segments in a row are the end", { start: 0 }, async (stage) => {
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

scripted("C37 close deletes the channel and aborts what was preconnected", {
  start: 0,
  ownsChannel: true,
}, async ({ server, publisher }) => {
  await publisher.next();
  const [post, ahead] = await server.some("POST /c/0", "POST /c/1");
  const closed = publisher.close();
  const deletion = await server.next("DELETE /c");
  assert.equal(ahead!.gone, false);
  await deletion.answer();
  await closed;
  await post!.aborted();
  await ahead!.aborted();
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
  await stage.clock.passDelay(1, 5000);
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
    await passUntil(clock, failed);
    await failed;
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
    const publisher = new TricklePublisher(server.url, { start: 0, signal });
    const writer = await publisher.next();
    const [post] = await server.some("POST /c/0", "POST /c/1");
    controller.abort();
    await (await server.next("DELETE /c")).answer();
    await publisher.close();
    await post!.aborted();
    await assert.rejects(writer.write(bytes("x")), { code: "TRICKLE_CLOSED" });
  }));
