import assert from "node:assert/strict";
import {
  signChannelUrl,
  type TrickleGrant,
  TricklePublisher,
  TrickleServer,
  type TrickleServerOptions,
} from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { type ServerBench, withServer } from "./server_bench.ts";
import type { RawExchange } from "./raw_exchange.ts";
import { until, within } from "../waiting.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const KEY = "0123456789abcdef0123456789abcdef";
const GRANTS: readonly TrickleGrant[] = ["greedy", "second", "modest"].map((token) => ({
  token,
  rights: ["read", "publish"],
}));

/** What the greedy client posts. */
const GREEDY = { token: "greedy", bytes: 3 * MIB };

function as(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

async function post(
  bench: ServerBench,
  path: string,
  { token, bytes }: { readonly token: string; readonly bytes: number },
): Promise<number> {
  const body = new Uint8Array(bytes);
  const exchange = await bench.send({ method: "POST", path, body, headers: as(token) });
  const { status } = await exchange.whole();
  exchange.drop();
  return status;
}

/** A POST that sends so much and then nothing. */
async function stall(
  bench: ServerBench,
  path: string,
  { token, bytes }: { readonly token: string; readonly bytes: number },
): Promise<RawExchange> {
  const expected = bench.server.stats.receivedBytes + bytes;
  const exchange = await bench.send({ method: "POST", path, open: true, headers: as(token) });
  await exchange.chunk("x".repeat(bytes));
  await until(() => bench.server.stats.receivedBytes >= expected, `arrival of ${path}`);
  return exchange;
}

Deno.test("one client cannot create all channels", () =>
  withServer(async (bench) => {
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) {
      statuses.push((await bench.ask("POST", `/g${i}`, as("greedy"))).status);
    }
    assert.deepEqual(statuses, [...Array(5).fill(200), ...Array(7).fill(429)]);
    assert.equal(await post(bench, "/g99/0", { token: "greedy", bytes: 1 }), 429);
    assert.equal(await post(bench, "/g0/0", { token: "greedy", bytes: 1 }), 200);
    for (let i = 0; i < 5; i++) {
      assert.equal(await post(bench, `/m${i}/0`, { token: "modest", bytes: 1 }), 200);
    }
    assert.equal((await bench.ask("DELETE", "/g0", as("greedy"))).status, 200);
    assert.equal((await bench.ask("POST", "/g5", as("greedy"))).status, 200);
    bench.server.closeChannel("g5");
    bench.server.createChannel("own");
    assert.equal((await bench.ask("POST", "/g6", as("greedy"))).status, 429, "all are taken");
  }, { grants: GRANTS, limits: { maxChannels: 10 } }));

Deno.test("channels that were closed or fell idle count no more", async () => {
  const clock = new ManualClock();
  await withServer(async (bench) => {
    for (const name of ["a", "b"]) {
      assert.equal((await bench.ask("POST", `/${name}`, as("greedy"))).status, 200);
    }
    assert.equal((await bench.ask("POST", "/c", as("greedy"))).status, 429);
    clock.advance(130_000);
    assert.equal((await bench.ask("POST", "/c", as("greedy"))).status, 200);
  }, { grants: GRANTS, clock, idleTimeoutMs: 60_000, limits: { maxChannelsPerClient: 2 } });
});

const MEMORY: TrickleServerOptions = {
  grants: GRANTS,
  limits: { maxTotalBytes: 16 * MIB, maxSegmentBytes: 4 * MIB },
};

Deno.test("one client that fills all memory loses its own segments, and another goes on publishing", () =>
  withServer(async (bench) => {
    const { port } = bench.server.address!;
    const publisher = new TricklePublisher(`http://modest@127.0.0.1:${port}/modest`, {
      autocreate: true,
    });
    for (let round = 0; round < 12; round++) {
      const status = await post(bench, `/g${round}/0`, GREEDY);
      assert.equal(status, 200);
      const writer = await publisher.next();
      await writer.write(new Uint8Array(MIB));
      await writer.close();
      assert.ok(bench.server.stats.heldBytes <= 16 * MIB);
    }
    // Of the other nothing was taken: its ring is whole.
    for (let index = 8; index < 12; index++) {
      const answer = await bench.ask("HEAD", `/modest/${index}`, as("modest"));
      assert.equal(answer.status, 200, String(index));
    }
    assert.equal((await bench.ask("HEAD", "/g0/0", as("greedy"))).status, 470);
    assert.equal((await bench.ask("HEAD", "/g11/0", as("greedy"))).status, 200);
    await publisher.close();
    assert.equal(publisher.stats.failedSegments, 0);
  }, MEMORY));

Deno.test("sixteen idle channels refuse nobody: they give up what they hold, the longest idle first", async () => {
  const clock = new ManualClock();
  await withServer(async (bench) => {
    for (let i = 0; i < 4; i++) {
      assert.equal(await post(bench, `/idle${i}/0`, GREEDY), 200);
      clock.advance(1_000);
    }
    clock.advance(60_000);
    for (let i = 0; i < 3; i++) {
      assert.equal(await post(bench, `/live${i}/0`, GREEDY), 200);
      clock.advance(1);
    }
    const statusOf = async (name: string): Promise<number> =>
      (await bench.ask("HEAD", `/${name}/0`, as("greedy"))).status;
    assert.deepEqual(
      await Promise.all(
        ["idle0", "idle1", "idle2", "idle3", "live0", "live1", "live2"].map(statusOf),
      ),
      [470, 470, 200, 200, 200, 200, 200],
    );
  }, { ...MEMORY, clock, limits: { ...MEMORY.limits, maxBytesPerClient: 16 * MIB } });
});

Deno.test("segments that stall in the middle do not keep memory from others", async () => {
  const clock = new ManualClock();
  await withServer(async (bench) => {
    const stalled: RawExchange[] = [];
    for (let i = 0; i < 4; i++) stalled.push(await stall(bench, `/s${i}/0`, GREEDY));
    assert.equal(await post(bench, "/g/0", GREEDY), 413);
    clock.advance(10_000);
    assert.equal(await post(bench, "/g/1", GREEDY), 200);
    await stalled[0]!.end();
    assert.equal((await stalled[0]!.whole()).status, 200);
    assert.equal((await bench.ask("HEAD", "/s3/0", as("greedy"))).status, 200);
  }, { ...MEMORY, clock, limits: { ...MEMORY.limits, maxBytesPerClient: 16 * MIB } });
});

Deno.test("clients that fill the memory with open segments give way to one that holds less", () =>
  withServer(async (bench) => {
    for (const token of ["greedy", "second"]) {
      for (const i of [0, 1]) await stall(bench, `/${token}${i}/0`, { token, bytes: 3.5 * MIB });
    }
    assert.equal(await post(bench, "/m/0", { token: "modest", bytes: 2 * MIB }), 200);
    assert.equal((await bench.ask("HEAD", "/m/0", as("modest"))).status, 200);
    assert.ok(bench.server.stats.heldBytes <= 16 * MIB);
  }, MEMORY));

Deno.test("the last messages of quiet channels outlive those of large ones", async () => {
  const clock = new ManualClock();
  await withServer(async (bench) => {
    assert.equal(await post(bench, "/events/0", { token: "greedy", bytes: 10 }), 200);
    clock.advance(60_000);
    for (let i = 0; i < 10; i++) {
      assert.equal(await post(bench, `/v/${i}`, GREEDY), 200);
      clock.advance(2_000);
    }
    assert.equal((await bench.ask("GET", "/events/0", as("greedy"))).body.length, 10);
  }, { ...MEMORY, clock });
});

Deno.test("memory goes with who publishes: a channel that changes hands is counted once", () =>
  withServer(async (bench) => {
    assert.equal(await post(bench, "/a/0", GREEDY), 200);
    assert.equal(await post(bench, "/a/1", { token: "modest", bytes: 3 * MIB }), 200);
    for (let i = 0; i < 2; i++) {
      assert.equal(await post(bench, `/g/${i}`, GREEDY), 200);
    }
    for (const path of ["/a/0", "/a/1", "/g/0", "/g/1"]) {
      assert.equal((await bench.ask("HEAD", path, as("modest"))).status, 200, path);
    }
    for (const name of ["a", "g"]) await bench.ask("DELETE", `/${name}`, as("greedy"));
    assert.equal(bench.server.stats.heldBytes, 0);
  }, { grants: GRANTS, limits: { maxTotalBytes: 32 * MIB, maxBytesPerClient: 7 * MIB } }));

Deno.test("clients are told apart by address, network, token and signed URL", async () => {
  const limits = { maxChannelsPerClient: 1 };
  const create = async (
    server: TrickleServer,
    path: string,
    hostname?: string,
  ): Promise<number> => {
    const request = new Request(`http://trickle.example${path}`, { method: "POST" });
    const response = await server.handler(
      request,
      hostname === undefined
        ? undefined
        : { remoteAddr: { transport: "tcp", hostname, port: 1000 } },
    );
    await response.body?.cancel();
    return response.status;
  };
  const clock = new ManualClock();
  await using open = new TrickleServer({ limits, clock });
  assert.equal(await create(open, "/a", "192.0.2.1"), 200);
  assert.equal(await create(open, "/b", "192.0.2.1"), 429);
  assert.equal(await create(open, "/b", "::ffff:192.0.2.1"), 429);
  assert.equal(await create(open, "/b", "2001:db8::1"), 200);
  assert.equal(await create(open, "/c", "2001:db8::2"), 429);
  assert.equal(await create(open, "/c", "2001:db8:0:1::1"), 200);
  assert.equal(await create(open, "/d"), 200, "who cannot be told apart shares nothing");
  assert.equal(await create(open, "/e"), 200);

  await using signing = new TrickleServer({ limits, clock, signKeys: [KEY] });
  const signed = (path: string, client = ""): string =>
    signChannelUrl(`http://trickle.example${path}`, {
      key: KEY,
      rights: ["publish"],
      expiresAt: new Date(Date.now() + 3_600_000),
      client,
    }).slice("http://trickle.example".length);
  assert.equal(await create(signing, signed("/a")), 200);
  assert.equal(await create(signing, signed("/b")), 200, "each channel is a client");
  assert.equal(await create(signing, signed("/c", "gateway")), 200);
  assert.equal(await create(signing, signed("/d", "gateway")), 429);

  const grants: TrickleGrant[] = [
    { token: "one", rights: ["publish"], client: "gateway" },
    { token: "two", rights: ["publish"], client: "gateway" },
    { token: "three", rights: ["publish"] },
  ];
  await using named = new TrickleServer({ limits, clock, grants, signKeys: [KEY] });
  const createAs = async (path: string, token: string): Promise<number> => {
    const headers = { Authorization: `Bearer ${token}` };
    const init = { method: "POST", headers };
    const response = await named.handler(new Request(`http://trickle.example${path}`, init));
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await createAs("/a", "one"), 200);
  assert.equal(await createAs("/b", "two"), 429, "two tokens of one client");
  assert.equal(await create(named, signed("/b", "gateway")), 429, "and its signed URLs");
  assert.equal(await createAs("/b", "three"), 200);
});

Deno.test("one client has its share of requests at once, for reading and for writing each", () =>
  withServer(async (bench) => {
    const get = (name: string, token: string): Promise<RawExchange> =>
      bench.send({ method: "GET", path: `/${name}/0`, headers: as(token) });
    const write = (name: string, token: string): Promise<RawExchange> =>
      bench.send({ method: "POST", path: `/${name}/0`, open: true, headers: as(token) });
    for (const name of ["a", "b", "c"]) bench.server.createChannel(name);
    const readers = [await get("a", "greedy"), await get("a", "greedy")];
    assert.equal((await (await get("b", "greedy")).whole()).status, 429);
    const writers = [await write("a", "greedy"), await write("b", "greedy")];
    const refused = await (await write("c", "greedy")).whole();
    assert.equal(refused.status, 429);
    assert.match(refused.body, /you have 2 such requests already/);
    // What does not last is not counted, and others have shares of their own.
    assert.equal((await bench.ask("GET", "/a/next", as("greedy"))).status, 200);
    assert.equal((await bench.ask("DELETE", "/c", as("greedy"))).status, 200);
    assert.equal(await post(bench, "/m/0", { token: "modest", bytes: 10 }), 200);
    assert.equal((await bench.ask("GET", "/m/0", as("modest"))).status, 200);
    // A request counts until the last byte of its answer, or until its client leaves.
    await bench.chunk(writers[0]!, "x");
    for (const reader of readers) await reader.shows("x");
    assert.equal((await bench.ask("GET", "/m/0", as("greedy"))).status, 429);
    readers[0]!.drop();
    await until(
      async () => (await bench.ask("GET", "/m/0", as("greedy"))).status === 200,
      "the share of a reader that left",
    );
    writers[1]!.drop();
    await until(
      async () => await post(bench, "/m/1", { token: "greedy", bytes: 10 }) === 200,
      "the share of a writer that left",
    );
    await writers[0]!.end();
    assert.equal((await readers[1]!.whole()).body, "x");
    const again = await get("a", "greedy");
    assert.equal((await again.whole()).body, "x");
    assert.equal((await bench.ask("HEAD", "/a/0", as("greedy"))).status, 200);
    assert.equal((await bench.ask("HEAD", "/a/9", as("greedy"))).status, 470);
    assert.equal((await bench.ask("GET", "/a/0", as("greedy"))).status, 200);
  }, { grants: GRANTS, limits: { maxRequestsPerClient: 2 } }));

Deno.test("behind a limit on connections a client is still its address", async () => {
  await using server = new TrickleServer({ limits: { maxChannelsPerClient: 1 } });
  server.listen({ connectionLimits: { maxConnections: 8, maxConnectionsPerClient: 8 } });
  const create = async (name: string): Promise<number> => {
    const response = await fetch(server.channelUrl(name), { method: "POST" });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await within(create("a"), "an answer"), 200);
  assert.equal(await within(create("b"), "an answer"), 429);
});
