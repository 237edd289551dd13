import assert from "node:assert/strict";
import {
  type InputSegment,
  TrickleSubscriber,
  type TrickleSubscriberOptions,
} from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { eventually } from "./raw_exchange.ts";
import { type ScriptedRequest, type ScriptedServer, withScript } from "./scripted_server.ts";

/** A subscriber whose segments are read as they come, as `seq:text` with a `+n` for n skipped. */
class Reading implements AsyncDisposable {
  readonly subscriber: TrickleSubscriber;
  readonly seen: string[] = [];
  /** The last error that iterating threw. */
  error: unknown;
  readonly done: Promise<void>;

  constructor(server: ScriptedServer, options: TrickleSubscriberOptions) {
    this.subscriber = new TrickleSubscriber(server.url, options);
    this.done = this.#read();
  }

  async shows(...expected: string[]): Promise<void> {
    await eventually(
      () => JSON.stringify(this.seen) === JSON.stringify(expected),
      `segments ${expected}, so far ${this.seen}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber[Symbol.asyncDispose]();
    await this.done;
  }

  async #read(): Promise<void> {
    try {
      for await (const segment of this.subscriber) {
        this.seen.push(await textOf(segment));
      }
    } catch (error) {
      this.error = error;
    }
  }
}

async function textOf(segment: InputSegment): Promise<string> {
  let text = "";
  for await (const bytes of segment.body) text += new TextDecoder().decode(bytes);
  return `${segment.seq}:${text}${segment.skipped > 0 ? `+${segment.skipped}` : ""}`;
}

function scripted(
  name: string,
  options: TrickleSubscriberOptions,
  use: (server: ScriptedServer, reading: Reading, clock: ManualClock) => Promise<void>,
): void {
  Deno.test(name, () =>
    withScript(async (server) => {
      const clock = new ManualClock();
      await using reading = new Reading(server, { clock, ...options });
      await use(server, reading, clock);
    }));
}

async function segment(request: ScriptedRequest, seq: number, body: string): Promise<void> {
  await request.answer({ headers: { "Lp-Trickle-Seq": seq }, body });
}

async function missing(request: ScriptedRequest, latest?: number): Promise<void> {
  const headers = latest === undefined ? {} : { "Lp-Trickle-Latest": latest };
  await request.answer({ status: 470, headers });
}

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

const CLOSED = { "Lp-Trickle-Closed": "terminated" };

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

scripted(
  "C18 five errors are survived at a measured pace, and six in a row are not",
  { start: 3 },
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
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}/c`;
  listener.close();
  const clock = new ManualClock();
  await using subscriber = new TrickleSubscriber(url, { clock });
  subscriber.start();
  for (let round = 0; round < 5; round++) await clock.passDelay(300, 500);
  const outcome = await subscriber.outcome;
  assert.equal(outcome.kind, "failed");
  await assert.rejects(async () => {
    for await (const _ of subscriber);
  }, { code: "TRICKLE_UNREACHABLE" });
});

scripted("C20 a body that breaks off is continued without a repetition", { start: 5 }, async (
  server,
  reading,
) => {
  const five = await server.next("GET /c/5");
  await five.begin({ headers: { "Lp-Trickle-Seq": 5 }, body: "abc" });
  const six = await server.next("GET /c/6");
  await eventually(() => reading.subscriber.stats.bytes === 3, "the first bytes");
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
  await eventually(() => reading.subscriber.stats.bytes === 3, "the first bytes");
  five.drop();
  await missing(await server.next("GET /c/5"), 12);
  await segment(six, 6, "six");
  await reading.shows("5:abc", "6:six");
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
    await using reading = new Reading(server, { start: 5, signal: controller.signal });
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
    await eventually(() => reading.subscriber.stats.bytes === 3, "the first bytes");
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
