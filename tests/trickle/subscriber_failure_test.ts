import assert from "node:assert/strict";
import { TrickleSubscriber } from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { type ScriptedServer, withScript } from "./scripted_server.ts";
import { CLOSED, missing, Reading, scripted, segment, textOf } from "./subscriber_stage.ts";
import { unusedPort } from "../unused_port.ts";
import { until } from "../waiting.ts";

scripted(
  "C18 five errors are survived at a measured pace, and six in a row are not",
  { start: 3, reconnectMs: 0 },
  async (server, reading, clock) => {
    for (let round = 0; round < 5; round++) {
      await (await server.next("GET /c/3")).answer({ status: 500 });
      await clock.passDelay(300, 500);
    }
    await segment(await server.next("GET /c/3"), 3, "three");
    await reading.shows("3:three");
    for (let round = 0; round < 5; round++) {
      await (await server.next("GET /c/4")).answer({ status: 500 });
      await clock.passDelay(300, 500);
    }
    await (await server.next("GET /c/4")).answer({ status: 500 });
    await reading.done;
    assert.equal((reading.error as { code?: string }).code, "TRICKLE_UNREACHABLE");
    await server.quiet();
  },
);

for (const status of [401, 403]) {
  scripted(
    `a subscription that is answered ${status} from the start fails at once`,
    { start: 3, waitForChannelMs: 60_000 },
    async (server, reading) => {
      await (await server.next("GET /c/3")).answer({ status });
      await reading.done;
      assert.match((reading.error as Error).message, new RegExp(`the server answered ${status}: `));
      await server.quiet();
    },
  );

  scripted(
    `a subscription that is answered ${status} later goes on when it is let in again`,
    { start: 3, reconnectMs: 0 },
    async (server, reading, clock) => {
      await segment(await server.next("GET /c/3"), 3, "three");
      await reading.shows("3:three");
      await (await server.next("GET /c/4")).answer({ status });
      await clock.passDelay(300, 500);
      await segment(await server.next("GET /c/4"), 4, "four");
      await reading.shows("3:three", "4:four");
    },
  );
}

scripted(
  "C19 dropped connections are survived likewise, on fresh ones",
  { start: 3 },
  async (server, reading, clock) => {
    const connections = new Set<number>();
    for (let round = 0; round < 5; round++) {
      const request = await server.next("GET /c/3");
      connections.add(request.connection);
      request.drop();
      await clock.passDelay(300, 500);
    }
    const last = await server.next("GET /c/3");
    assert.equal(connections.add(last.connection).size, 6);
    await segment(last, 3, "three");
    await reading.shows("3:three");
    assert.equal(reading.subscriber.stats.retries, 5);
  },
);

Deno.test("C19 a refused connection ends with TRICKLE_UNREACHABLE", async () => {
  const url = `http://127.0.0.1:${unusedPort()}/c`;
  const clock = new ManualClock();
  await using subscriber = new TrickleSubscriber(url, { clock, reconnectMs: 0 });
  subscriber.start();
  for (let round = 0; round < 5; round++) await clock.passDelay(300, 500);
  const outcome = await subscriber.outcome;
  assert.equal(outcome.kind, "failed");
  await assert.rejects(async () => {
    for await (const _ of subscriber);
  }, {
    code: "TRICKLE_UNREACHABLE",
    // Not what there is instead: the error goes to whoever named the URL.
    message:
      `Cannot read ${url}: it cannot be reached, 6 failures in a row; check the URL and the server`,
  });
});

scripted("C20 a body that breaks off is continued without a repetition", { start: 5 }, async (
  server,
  reading,
) => {
  const five = await server.next("GET /c/5");
  await five.begin({ headers: { "Lp-Trickle-Seq": 5 }, body: "abc" });
  const six = await server.next("GET /c/6");
  await until(() => reading.subscriber.stats.bytes === 3, "the first bytes");
  five.drop();
  const again = await server.next("GET /c/5");
  await again.begin({ headers: { "Lp-Trickle-Seq": 5 }, body: "ab" });
  await again.chunk("cd");
  await again.chunk("ef");
  await again.end();
  await reading.shows("5:abcdef");
  await segment(six, 6, "six");
  await reading.shows("5:abcdef", "6:six");
  assert.equal(reading.subscriber.stats.recoveredBodies, 1);
});

scripted("C20 a body whose rest is gone ends, and is counted", { start: 5 }, async (
  server,
  reading,
) => {
  const five = await server.next("GET /c/5");
  await five.begin({ headers: { "Lp-Trickle-Seq": 5 }, body: "abc" });
  const six = await server.next("GET /c/6");
  await until(() => reading.subscriber.stats.bytes === 3, "the first bytes");
  five.drop();
  await missing(await server.next("GET /c/5"), 12);
  await segment(six, 6, "six");
  await reading.shows("5:abc~", "6:six");
  assert.equal(reading.subscriber.stats.truncatedSegments, 1);
});

scripted("C21 an abort ends the request and everything else", { start: 5 }, async (
  server,
  reading,
) => {
  const five = await server.next("GET /c/5");
  await reading.subscriber[Symbol.asyncDispose]();
  await five.aborted();
  await reading.done;
  assert.deepEqual(await reading.subscriber.outcome, { kind: "aborted" });
  await server.quiet();
});

Deno.test("C21 the signal of the caller aborts likewise", () =>
  withScript(async (server) => {
    const controller = new AbortController();
    await using reading = new Reading(server, {
      start: 5,
      signal: controller.signal,
      clock: new ManualClock(),
    });
    const five = await server.next("GET /c/5");
    controller.abort();
    await five.aborted();
    await reading.done;
    assert.deepEqual(await reading.subscriber.outcome, { kind: "aborted" });
  }));

scripted("C22 a seek gives up the pending request", { start: 5 }, async (server, reading) => {
  const five = await server.next("GET /c/5");
  reading.subscriber.seek(20);
  const twenty = await server.next("GET /c/20");
  await five.aborted();
  await segment(twenty, 20, "twenty");
  await reading.shows("20:twenty");
});

scripted("C23 the reader is told how many segments are missing", { start: 3 }, async (
  server,
  reading,
) => {
  await segment(await server.next("GET /c/3"), 3, "three");
  await missing(await server.next("GET /c/4"), 9);
  await segment(await server.next("GET /c/9"), 9, "nine");
  await reading.shows("3:three", "9:nine+5");
  assert.equal(reading.subscriber.stats.skippedSegments, 5);
});

scripted(
  "a channel that does not exist yet is waited for within the grace",
  { start: 0, waitForChannelMs: 600 },
  async (server, reading, clock) => {
    for (let round = 0; round < 2; round++) {
      await (await server.next("GET /c/0")).answer({ status: 404 });
      await clock.passDelay(250, 250);
    }
    await segment(await server.next("GET /c/0"), 0, "zero");
    await reading.shows("0:zero");
    await (await server.next("GET /c/1")).answer({ status: 404 });
    assert.deepEqual(await reading.subscriber.outcome, { kind: "not-found" });
  },
);

scripted(
  "a body that falls silent is asked for anew",
  { start: 5 },
  async (server, reading, clock) => {
    const five = await server.next("GET /c/5");
    await five.begin({ headers: { "Lp-Trickle-Seq": 5 }, body: "abc" });
    await server.next("GET /c/6");
    await until(() => reading.subscriber.stats.bytes === 3, "the first bytes");
    await clock.passDelay(30_000, 30_000);
    await five.aborted();
    const again = await server.some("GET /c/5", "GET /c/6");
    await segment(again[0]!, 5, "abcdef");
    await reading.shows("5:abcdef");
  },
);

Deno.test("a slow reader loses whole segments, oldest first, and is told so", () =>
  withScript(async (server) => {
    await using subscriber = new TrickleSubscriber(server.url, {
      start: 0,
      maxBufferedSegments: 2,
      clock: new ManualClock(),
    });
    subscriber.start();
    for (let seq = 0; seq < 5; seq++) {
      await segment(await server.next(`GET /c/${seq}`), seq, `s${seq}`);
    }
    await (await server.next("GET /c/5")).answer({ headers: CLOSED });
    await subscriber.outcome;
    const seen: string[] = [];
    for await (const received of subscriber) seen.push(await textOf(received));
    assert.deepEqual(seen, ["3:s3+3", "4:s4"]);
    assert.equal(subscriber.stats.droppedSegments, 3);
  }));

Deno.test("buffered bytes are bounded, whatever arrives", () =>
  withScript(async (server) => {
    await using subscriber = new TrickleSubscriber(server.url, {
      start: 0,
      maxBufferedBytes: 100,
      clock: new ManualClock(),
    });
    subscriber.start();
    for (let seq = 0; seq < 4; seq++) {
      await segment(await server.next(`GET /c/${seq}`), seq, String(seq).repeat(60));
    }
    await (await server.next("GET /c/4")).answer({ headers: CLOSED });
    await subscriber.outcome;
    assert.equal(subscriber.bufferedBytes <= 100, true);
    const seen: string[] = [];
    for await (const received of subscriber) seen.push(await textOf(received));
    assert.deepEqual(seen, [`3:${"3".repeat(60)}+3`]);
  }));

scripted("a body that always breaks off is asked for at a measured pace, and given up", {
  start: 0,
  maxRetries: 2,
}, async (server, reading, clock) => {
  const zero = await server.next("GET /c/0");
  await zero.begin({ headers: { "Lp-Trickle-Seq": 0 }, body: "abc" });
  const one = await server.next("GET /c/1");
  await until(() => reading.subscriber.stats.bytes === 3, "the first bytes");
  zero.drop();
  for (let round = 0; round < 3; round++) {
    if (round > 0) await clock.passDelay(250, 250);
    const again = await server.next("GET /c/0");
    await again.begin({ headers: { "Lp-Trickle-Seq": 0 }, body: "abc" });
    again.drop();
  }
  await segment(one, 1, "one");
  await reading.shows("0:abc~", "1:one");
  assert.equal(reading.subscriber.stats.truncatedSegments, 1);
});

for (const [kind, body] of [["of length 0", undefined], ["without a length", ""]] as const) {
  scripted(`empty segments ${kind} in a row are asked for at a measured pace`, { start: 0 }, async (
    server,
    reading,
    clock,
  ) => {
    for (let seq = 0; seq < 10; seq++) {
      const request = await server.next(`GET /c/${seq}`);
      const headers = { "Lp-Trickle-Seq": seq, "Lp-Trickle-Latest": 1000 };
      if (body === undefined) await request.answer({ headers });
      else {
        await request.begin({ headers, body });
        await request.end();
      }
      if (seq >= 4) await clock.passDelay(250, 250);
    }
    await segment(await server.next("GET /c/10"), 10, "ten");
    await clock.passDelay(250, 250);
    await segment(await server.next("GET /c/11"), 11, "eleven");
    await reading.shows("10:ten", "11:eleven");
  });
}

scripted("an index that is out of range counts as none", { start: 0 }, async (
  server,
  reading,
  clock,
) => {
  const huge = { "Lp-Trickle-Seq": 2 ** 53 - 1, "Lp-Trickle-Latest": 2 ** 53 - 1 };
  await (await server.next("GET /c/0")).answer({ headers: huge });
  await clock.passDelay(250, 250);
  await segment(await server.next("GET /c/0"), 0, "zero");
  await reading.shows("0:zero");
});

/** Drops the request for segment 4; what came on a used connection the HTTP client sends again by itself. */
async function loseServer(server: ScriptedServer, clock: ManualClock): Promise<void> {
  (await server.next("GET /c/4")).drop();
  const asked = server.requests.length;
  const isPaused = (): boolean => clock.delays.includes(400);
  await until(() => isPaused() || server.requests.length > asked, "what follows");
  if (!isPaused()) (await server.next("GET /c/4")).drop();
}

scripted(
  "a server that is out of reach for less than the window is waited for, even without the channel",
  { start: 3 },
  async (server, reading, clock) => {
    await segment(await server.next("GET /c/3"), 3, "three");
    await reading.shows("3:three");
    await loseServer(server, clock);
    for (let elapsed = 400; elapsed < 29_000; elapsed += 400) {
      await clock.passDelay(400, 400);
      const request = await server.next("GET /c/4");
      if (elapsed < 15_000) request.drop();
      else await request.answer({ status: 404 });
    }
    await clock.passDelay(400, 400);
    await missing(await server.next("GET /c/4"), 1);
    await clock.passDelay(100, 100);
    await segment(await server.next("GET /c/1"), 1, "one");
    await reading.shows("3:three", "1:one");
  },
);

scripted("a server that stays out of reach is given up after the window", { start: 3 }, async (
  server,
  reading,
  clock,
) => {
  await segment(await server.next("GET /c/3"), 3, "three");
  await loseServer(server, clock);
  for (let elapsed = 400; elapsed <= 30_000; elapsed += 400) {
    await clock.passDelay(400, 400);
    (await server.next("GET /c/4")).drop();
  }
  await reading.done;
  assert.equal((reading.error as { code?: string }).code, "TRICKLE_UNREACHABLE");
});

scripted("a channel that does not come back with its server is not found", { start: 3 }, async (
  server,
  reading,
  clock,
) => {
  await segment(await server.next("GET /c/3"), 3, "three");
  await loseServer(server, clock);
  for (let elapsed = 400; elapsed <= 30_000; elapsed += 400) {
    await clock.passDelay(400, 400);
    await (await server.next("GET /c/4")).answer({ status: 404 });
  }
  assert.deepEqual(await reading.subscriber.outcome, { kind: "not-found" });
});
