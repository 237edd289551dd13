import assert from "node:assert/strict";
import {
  type SegmentSink,
  type SegmentSource,
  TricklePublisher,
  TrickleServer,
  TrickleSubscriber,
} from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { until } from "../waiting.ts";

/** Segments that a publisher may be ahead of the slowest reader; a server keeps five. */
const MOST_AHEAD = 3;

/** A small generator of reproducible pseudo-random numbers from 0 up to a bound. */
function seeded(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * bound);
  };
}

function randomBytes(random: (bound: number) => number, length: number): Uint8Array {
  return new Uint8Array(length).map(() => random(256));
}

async function digest(parts: readonly Uint8Array<ArrayBuffer>[]): Promise<string> {
  const bytes = await new Blob([...parts]).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Publishes a segment in pieces of random sizes. */
async function publish(
  sink: SegmentSink,
  segment: Uint8Array,
  random: (bound: number) => number,
): Promise<void> {
  const writer = await sink.next();
  for (let at = 0; at < segment.length;) {
    const size = 1 + random(random(4) === 0 ? 100_000 : 50);
    await writer.write(segment.slice(at, at + size));
    at += size;
  }
  await writer.close();
}

/** The digests of the segments of a source, by index. */
async function collect(source: SegmentSource): Promise<Map<number, string>> {
  const digests = new Map<number, string>();
  for await (const segment of source) {
    assert.equal(segment.skipped, 0);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const bytes of segment.body) parts.push(bytes.slice());
    digests.set(segment.seq, await digest(parts));
  }
  return digests;
}

async function exchange(
  sink: SegmentSink,
  sources: readonly TrickleSubscriber[],
  options: {
    readonly seed: number;
    readonly sizes: readonly number[];
    readonly isReady: () => boolean;
  },
): Promise<void> {
  const random = seeded(options.seed);
  const segments = options.sizes.map((size) => randomBytes(random, size));
  const collected = sources.map(collect);
  await until(options.isReady, "the subscribers to be there");
  const untilAsked = (count: number): Promise<void> =>
    until(
      () => sources.every((source) => source.stats.segments >= count),
      `segment ${count} to be asked for`,
    );
  for (const [index, segment] of segments.entries()) {
    await untilAsked(index - MOST_AHEAD);
    await publish(sink, segment, random);
  }
  // Whoever has not asked for the last segment when the channel goes never gets it (section 4).
  await untilAsked(segments.length);
  await sink.close();
  const expected = await Promise.all(
    segments.map(async (bytes, seq) => [seq, await digest([bytes.slice()])] as const),
  );
  for (const digests of await Promise.all(collected)) {
    assert.deepEqual([...digests], expected);
  }
}

const SIZES = [1, 188, 70_000, 300_003, 65_536, 4096, 131_072, 999];

Deno.test("bytes go through HTTP unchanged, however they are cut", async () => {
  for (const seed of [1, 2, 3]) {
    await using server = new TrickleServer();
    server.listen();
    server.createChannel("c", "video/MP2T");
    const url = server.channelUrl("c");
    const clock = new ManualClock();
    const publisher = new TricklePublisher(url, { clock });
    const subscriber = new TrickleSubscriber(url, { clock });
    const isReady = (): boolean => server.stats.requests >= 1;
    await exchange(publisher, [subscriber], { seed, sizes: SIZES, isReady });
    assert.deepEqual(await subscriber.outcome, { kind: "ended" });
    assert.equal(publisher.stats.segments, SIZES.length);
    assert.equal(publisher.stats.failedSegments, 0);
    assert.equal(subscriber.stats.segments, SIZES.length);
    await subscriber[Symbol.asyncDispose]();
  }
});

Deno.test("bytes go through the local pair unchanged, however they are cut", async () => {
  for (const seed of [4, 5, 6]) {
    await using server = new TrickleServer({ basePath: "/ai/trickle/" });
    server.createChannel("a b/c", "video/MP2T");
    const clock = new ManualClock();
    const publisher = server.publisher("a b/c", { clock });
    const subscriber = server.subscriber("a b/c", { clock });
    const isReady = (): boolean => server.stats.requests >= 1;
    await exchange(publisher, [subscriber], { seed, sizes: SIZES, isReady });
    assert.deepEqual(await subscriber.outcome, { kind: "ended" });
    await subscriber[Symbol.asyncDispose]();
  }
});

Deno.test("a hundred subscribers get identical bytes", async () => {
  await using server = new TrickleServer();
  server.listen();
  server.createChannel("c");
  const url = server.channelUrl("c");
  const clock = new ManualClock();
  const subscribers = Array.from({ length: 100 }, () => new TrickleSubscriber(url, { clock }));
  await exchange(new TricklePublisher(url, { clock }), subscribers, {
    seed: 7,
    sizes: [50_000, 100_000, 1000],
    isReady: () => server.stats.requests >= 100,
  });
  for (const subscriber of subscribers) await subscriber[Symbol.asyncDispose]();
});

Deno.test("a byte reaches a waiting reader while its segment is open", async () => {
  await using server = new TrickleServer();
  server.listen();
  server.createChannel("c", "text/plain");
  const clock = new ManualClock();
  await using publisher = new TricklePublisher(server.channelUrl("c"), { clock });
  await using subscriber = new TrickleSubscriber(server.channelUrl("c"), { clock });
  const writer = await publisher.next();
  await writer.write(new Uint8Array([1]));
  for await (const segment of subscriber) {
    assert.equal(segment.contentType, "text/plain");
    const body = segment.body[Symbol.asyncIterator]();
    assert.deepEqual((await body.next()).value, new Uint8Array([1]));
    for (let byte = 2; byte < 10; byte++) {
      await writer.write(new Uint8Array([byte]));
      assert.deepEqual((await body.next()).value, new Uint8Array([byte]));
    }
    break;
  }
});

Deno.test("a subscriber that is not read from slows nobody and holds little", async () => {
  await using server = new TrickleServer();
  server.listen();
  server.createChannel("c");
  const url = server.channelUrl("c");
  const clock = new ManualClock();
  const publisher = new TricklePublisher(url, { clock });
  await using slow = new TrickleSubscriber(url, { maxBufferedBytes: 1_000_000, clock });
  slow.start();
  await until(() => server.stats.requests >= 1, "the subscriber to be there");
  const block = new Uint8Array(400_000);
  for (let index = 0; index < 10; index++) {
    const writer = await publisher.next();
    await writer.write(block);
    await writer.close();
    assert.equal(slow.bufferedBytes <= 1_000_000, true);
  }
  await until(() => {
    const { segments, skippedSegments } = slow.stats;
    return segments + skippedSegments === 10;
  }, "the last segment to be asked for");
  await publisher.close();
  assert.deepEqual(await slow.outcome, { kind: "ended" });
  let received = 0;
  let missing = 0;
  for await (const segment of slow) {
    received++;
    missing += segment.skipped;
  }
  assert.equal(received <= 2, true);
  assert.equal(received + missing, 10);
});

Deno.test("a restarted publisher goes on where the one before it broke off", async () => {
  await using server = new TrickleServer();
  server.listen();
  server.createChannel("c");
  const url = server.channelUrl("c");
  const texts: string[] = [];
  const clock = new ManualClock();
  await using subscriber = new TrickleSubscriber(url, { clock });
  const reading = (async () => {
    for await (const segment of subscriber) {
      let text = "";
      for await (const bytes of segment.body) text += new TextDecoder().decode(bytes);
      texts.push(text);
    }
  })();
  await until(() => server.stats.requests >= 1, "the subscriber to be there");
  const first = new TricklePublisher(url, { ownsChannel: false, clock });
  const cut = await first.next();
  await cut.write(new TextEncoder().encode("cut"));
  await until(() => server.stats.receivedBytes === 3, "the bytes to arrive");
  const second = new TricklePublisher(url, { clock });
  const writer = await second.next();
  assert.equal(writer.seq, 1);
  await writer.write(new TextEncoder().encode("new"));
  await writer.close();
  await until(() => texts.length === 2, "the segment to be read");
  await second.close();
  await reading;
  assert.deepEqual(texts, ["cut", "new"]);
  await first.close();
});

Deno.test("deleting the channel ends publisher and subscriber, over HTTP and locally", async () => {
  for (const isLocal of [false, true]) {
    await using server = new TrickleServer();
    server.listen();
    server.createChannel("c");
    const url = server.channelUrl("c");
    const options = { clock: new ManualClock() };
    await using publisher = isLocal
      ? server.publisher("c", options)
      : new TricklePublisher(url, options);
    await using subscriber = isLocal
      ? server.subscriber("c", options)
      : new TrickleSubscriber(url, options);
    subscriber.start();
    const writer = await publisher.next();
    await until(() => server.stats.requests >= 4, "everyone to be there");
    server.closeChannel("c");
    assert.deepEqual(await subscriber.outcome, { kind: "ended" });
    await assert.rejects(writer.close(), { code: "TRICKLE_CLOSED" });
    await assert.rejects(publisher.next(), { code: "TRICKLE_CLOSED" });
    assert.deepEqual(server.channelNames, []);
  }
});

Deno.test("a local pair is disposed of while everything is pending", async () => {
  await using server = new TrickleServer();
  server.createChannel("c");
  const clock = new ManualClock();
  const publisher = server.publisher("c", { clock });
  const subscriber = server.subscriber("c", { clock });
  subscriber.start();
  const writer = await publisher.next();
  await writer.write(new Uint8Array(10));
  await until(() => subscriber.stats.bytes === 10, "the bytes to arrive");
  await subscriber[Symbol.asyncDispose]();
  assert.deepEqual(await subscriber.outcome, { kind: "aborted" });
  await publisher[Symbol.asyncDispose]();
  assert.deepEqual(server.channelNames, []);
});

Deno.test("disposing of what was never used does no harm", async () => {
  await using server = new TrickleServer();
  server.listen();
  const url = server.channelUrl("c");
  await using _publisher = new TricklePublisher(url, { ownsChannel: false });
  const subscriber = new TrickleSubscriber(url);
  await subscriber[Symbol.asyncDispose]();
  assert.deepEqual(await subscriber.outcome, { kind: "aborted" });
  assert.equal(server.stats.requests, 0);
});
