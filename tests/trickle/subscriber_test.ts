import assert from "node:assert/strict";
import { CLOSED, missing, scripted, segment } from "./subscriber_stage.ts";

scripted("C01 after segment 5 comes segment 6", { start: "next" }, async (server, reading) => {
  await segment(await server.next("GET /c/-1"), 5, "a");
  await server.next("GET /c/6");
  await reading.shows("5:a");
});

scripted("C02 the current segment is index -2", {}, async (server) => {
  await server.next("GET /c/-2");
});

scripted(
  "C03 without a Seq header the same index is asked for again, at a measured pace",
  { start: 3 },
  async (server, reading, clock) => {
    await (await server.next("GET /c/3")).answer({ body: "x" });
    await reading.shows("3:x");
    await server.quiet();
    await clock.passDelay(250, 500);
    await server.next("GET /c/3");
  },
);

scripted("C04 one segment is asked for ahead, and only one", { start: 5 }, async (server) => {
  const five = await server.next("GET /c/5");
  await five.begin({ headers: { "Lp-Trickle-Seq": 5 } });
  const six = await server.next("GET /c/6");
  await six.begin({ headers: { "Lp-Trickle-Seq": 6 }, body: "six" });
  await server.quiet();
  await five.chunk("five");
  await five.end();
  await server.next("GET /c/7");
});

scripted(
  "C05 a segment is read whole before the next, whichever answers first",
  { start: 5 },
  async (server, reading) => {
    const five = await server.next("GET /c/5");
    await five.begin({ headers: { "Lp-Trickle-Seq": 5 }, body: "fi" });
    await segment(await server.next("GET /c/6"), 6, "six");
    await five.chunk("ve");
    await five.end();
    await server.next("GET /c/7");
    await reading.shows("5:five", "6:six");
  },
);

scripted(
  "C06 a request without an answer is made anew every 20 seconds, without counting as an error",
  { start: 5 },
  async (server, reading, clock) => {
    let before = await server.next("GET /c/5");
    for (let round = 0; round < 8; round++) {
      await clock.passDelay(20_000, 20_000);
      const again = await server.next("GET /c/5");
      await before.aborted();
      before = again;
    }
    await segment(before, 5, "late");
    await reading.shows("5:late");
    assert.equal(reading.subscriber.stats.refreshes, 8);
    assert.equal(reading.subscriber.stats.retries, 0);
  },
);

scripted("C07 200 with Closed is the end", { start: 5 }, async (server, reading) => {
  await (await server.next("GET /c/5")).answer({ headers: CLOSED });
  await reading.done;
  assert.deepEqual(await reading.subscriber.outcome, { kind: "ended" });
  assert.equal(reading.error, undefined);
  await server.quiet();
});

scripted(
  "C08 the body of an answer with Closed is no payload",
  { start: 5 },
  async (server, reading) => {
    await (await server.next("GET /c/5")).answer({ headers: CLOSED, body: "Entry not found" });
    await reading.done;
    assert.deepEqual(await reading.subscriber.outcome, { kind: "ended" });
    assert.deepEqual(reading.seen, []);
    await server.quiet();
  },
);

scripted("C09 Closed wins over 470", { start: 5 }, async (server, reading) => {
  await (await server.next("GET /c/5")).answer({ status: 470, headers: CLOSED });
  assert.deepEqual(await reading.subscriber.outcome, { kind: "ended" });
});

scripted("C10 404 is final", { start: 5 }, async (server, reading) => {
  await (await server.next("GET /c/5")).answer({ status: 404, body: "Stream not found\n" });
  await reading.done;
  assert.deepEqual(await reading.subscriber.outcome, { kind: "not-found" });
  assert.equal(reading.error, undefined);
  await server.quiet();
});

scripted("C11 470 with a later Latest jumps there at once", { start: 3 }, async (server) => {
  await missing(await server.next("GET /c/3"), 9);
  await server.next("GET /c/9");
});

scripted(
  "C12 470 with Latest one before waits and asks again",
  { start: 9 },
  async (server, reading, clock) => {
    await missing(await server.next("GET /c/9"), 8);
    await clock.passDelay(250, 1000);
    await segment(await server.next("GET /c/9"), 9, "nine");
    await reading.shows("9:nine");
  },
);

scripted(
  "C12 470 with Latest far before follows the publisher's restart",
  { start: 13 },
  async (server, reading, clock) => {
    await missing(await server.next("GET /c/13"), 3);
    await clock.passDelay(100, 1000);
    await segment(await server.next("GET /c/3"), 3, "three");
    await reading.shows("3:three");
  },
);

scripted(
  "C13 470 that points at itself forever ends within the retry budget, without a hot loop",
  { start: 4 },
  async (server, reading, clock) => {
    for (let round = 0; round < 5; round++) {
      await missing(await server.next("GET /c/4"), 4);
      await clock.passDelay(250, 1000);
    }
    await missing(await server.next("GET /c/4"), 4);
    await reading.done;
    const outcome = await reading.subscriber.outcome;
    assert.equal(outcome.kind, "failed");
    assert.equal((reading.error as { code?: string }).code, "TRICKLE_PROTOCOL");
    await server.quiet();
  },
);

scripted("C14 470 for -2 without Latest goes to -1", {}, async (server) => {
  await (await server.next("GET /c/-2")).answer({ status: 470, headers: { "Lp-Trickle-Seq": -2 } });
  await server.next("GET /c/-1");
});

scripted("C15 470 needs neither a body nor a reason phrase", { start: 3 }, async (server) => {
  const headers = { "Lp-Trickle-Latest": 9 };
  await (await server.next("GET /c/3")).answer({ status: 470, reason: "", headers });
  await server.next("GET /c/9");
});

scripted("C16 an empty segment is skipped", { start: 4 }, async (server, reading) => {
  const headers = { "Lp-Trickle-Seq": 4, "Lp-Trickle-Latest": 5 };
  await (await server.next("GET /c/4")).answer({ headers });
  await segment(await server.next("GET /c/5"), 5, "five");
  await reading.shows("5:five");
  assert.equal(reading.subscriber.stats.emptySegments, 1);
});

scripted(
  "C16 an empty segment in chunked coding is skipped",
  { start: 4 },
  async (server, reading) => {
    const four = await server.next("GET /c/4");
    await four.begin({ headers: { "Lp-Trickle-Seq": 4 } });
    await segment(await server.next("GET /c/5"), 5, "five");
    await four.end();
    await reading.shows("5:five");
  },
);

scripted(
  "C17 an edge that points back to itself is not a hot loop",
  { start: 4 },
  async (server, _reading, clock) => {
    const stuck = { "Lp-Trickle-Seq": 4, "Lp-Trickle-Latest": 4 };
    for (let cycle = 0; cycle < 3; cycle++) {
      await (await server.next("GET /c/4")).answer({ headers: stuck });
      await clock.passDelay(250, 1000);
      for (let retry = 0; retry < 4; retry++) {
        await missing(await server.next("GET /c/5"), 4);
        await clock.passDelay(250, 1000);
      }
    }
  },
);
