import assert from "node:assert/strict";
import {
  type TrickleGrant,
  TricklePublisher,
  TrickleServer,
  TrickleSubscriber,
} from "../../src/trickle/mod.ts";
import { type ServerBench, withServer } from "./server_bench.ts";
import { within } from "../waiting.ts";

const GRANTS: readonly TrickleGrant[] = [
  { token: "camera-token", rights: ["publish"], channels: ["cam"], prefixes: ["cam-"] },
  { token: "viewer-token", rights: ["read"], channels: ["cam", "a/b"] },
  { token: "operator-token", rights: ["read", "publish"] },
  { token: "mixed-token", rights: ["read"], prefixes: [""] },
  { token: "mixed-token", rights: ["publish"], channels: ["mixed"] },
];

type Case = readonly [method: string, path: string, token: string | undefined, status: number];

async function expectAll(bench: ServerBench, cases: readonly Case[]): Promise<void> {
  for (const [method, path, token, status] of cases) {
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const answer = await bench.ask(method, path, headers);
    assert.equal(answer.status, status, `${method} ${path} with ${token}: ${answer.body}`);
  }
}

Deno.test("each right allows what it says and nothing else", () =>
  withServer(async (bench) => {
    await expectAll(bench, [
      ["POST", "/cam", "viewer-token", 403],
      ["POST", "/cam/0", "viewer-token", 403],
      ["DELETE", "/cam/0", "viewer-token", 403],
      ["DELETE", "/cam", "viewer-token", 403],
      ["PUT", "/cam", "viewer-token", 403],
      ["POST", "/cam", "camera-token", 200],
      ["POST", "/cam/0", "camera-token", 200],
      ["GET", "/cam/0", "camera-token", 403],
      ["HEAD", "/cam/0", "camera-token", 403],
      ["GET", "/cam/next", "camera-token", 200],
      ["GET", "/cam/next", "viewer-token", 200],
      ["GET", "/cam/0", "viewer-token", 200],
      ["HEAD", "/cam/0", "viewer-token", 200],
      ["DELETE", "/cam", "viewer-token", 403],
      ["DELETE", "/cam/0", "camera-token", 200],
      ["PUT", "/cam", "operator-token", 405],
      ["DELETE", "/cam", "camera-token", 200],
      ["POST", "/mixed", "mixed-token", 200],
      ["POST", "/other", "mixed-token", 403],
      ["GET", "/mixed/next", "mixed-token", 200],
      ["GET", "/cam/next", "mixed-token", 404],
    ]);
    assert.deepEqual(bench.server.channelNames, ["mixed"]);
  }, { grants: GRANTS }));

Deno.test("a name opens no longer one, and a prefix only what begins with it", () =>
  withServer(async (bench) => {
    await expectAll(bench, [
      ["POST", "/cam", "camera-token", 200],
      ["POST", "/cam-out", "camera-token", 200],
      ["POST", "/camera2", "camera-token", 403],
      ["POST", "/ca", "camera-token", 403],
      ["POST", "/Cam", "camera-token", 403],
      ["POST", "/%63am", "camera-token", 200],
      ["POST", "/%63amera2", "camera-token", 403],
      ["POST", "/cam%2Fx", "camera-token", 403],
      ["POST", "/x/%2e%2e/cam", "camera-token", 200],
      ["POST", "/cam/%2e%2e/other", "camera-token", 403],
      ["POST", "/a%2fb", "operator-token", 200],
      ["GET", "/a%2Fb/next", "viewer-token", 200],
      ["GET", "/a/next", "viewer-token", 403],
    ]);
    assert.deepEqual(bench.server.channelNames, ["cam", "cam-out", "a/b"]);
  }, { grants: GRANTS }));

Deno.test("without a token the answer is 401, whether the channel exists or not, and no body is read", () =>
  withServer(async (bench) => {
    bench.server.createChannel("cam");
    const cases = [["cam", 401], ["nobody", 401]] as const;
    for (const [name, status] of cases) {
      for (
        const headers of [{}, { Authorization: "Bearer wrong" }, { Authorization: "Digest x" }]
      ) {
        const post = await bench.send({ method: "POST", path: `/${name}/0`, open: true, headers });
        const answer = await post.whole();
        assert.equal(answer.status, status);
        assert.match(answer.headers.get("www-authenticate")!, /^Bearer/);
        assert.match(answer.headers.get("connection")!, /close/);
        assert.equal(answer.headers.get("cache-control"), "no-store");
        assert.doesNotMatch(answer.body, /wrong$/);
        assert.equal((await bench.ask("GET", `/${name}/next`, headers)).status, status);
      }
    }
    assert.equal(bench.server.stats.receivedBytes, 0);
  }, { grants: GRANTS }));

Deno.test("a reset by a reader is refused and closes nothing", () =>
  withServer(async (bench) => {
    const publisher = { Authorization: "Bearer operator-token" };
    const live = await bench.begin(0, ["x"], publisher);
    const reader = await bench.get(0, publisher);
    await reader.shows("x");
    for (const token of ["viewer-token", "mixed-token"]) {
      const headers = { Authorization: `Bearer ${token}`, "Lp-Trickle-Reset": "1" };
      assert.equal((await bench.post(1, "y", headers)).status, 403);
    }
    await reader.staysOpen();
    await live.end();
    assert.equal((await reader.whole()).body, "x");
  }, { grants: [...GRANTS, { token: "viewer-token", rights: ["read"] }] }));

Deno.test("the change feed is for those who may read everything", () =>
  withServer(async (bench) => {
    await expectAll(bench, [
      ["GET", "/_changes/0", undefined, 401],
      ["GET", "/_changes/0", "viewer-token", 403],
      ["GET", "/_changes/next", "camera-token", 403],
      ["GET", "/_changes/0", "prefix-token", 403],
      ["GET", "/_changes/0", "publisher-token", 403],
      ["GET", "/_changes/next", "publisher-token", 403],
      ["GET", "/_changes/0", "mixed-token", 200],
      ["GET", "/_changes/0", "operator-token", 200],
      ["POST", "/_changes/0", "operator-token", 403],
      ["DELETE", "/_changes", "operator-token", 403],
    ]);
  }, {
    changeFeed: true,
    grants: [
      ...GRANTS,
      { token: "prefix-token", rights: ["read"], prefixes: ["_"] },
      { token: "publisher-token", rights: ["publish"] },
    ],
  }));

Deno.test("publishers and subscribers carry tokens in their URLs, in either part", async () => {
  await using server = new TrickleServer({ grants: GRANTS });
  server.listen();
  const { port } = server.address!;
  const publisher = new TricklePublisher(`http://x:camera-token@127.0.0.1:${port}/cam`, {
    autocreate: true,
  });
  await using subscriber = new TrickleSubscriber(`http://viewer-token@127.0.0.1:${port}/cam`, {
    start: 0,
    waitForChannelMs: 60_000,
  });
  const writer = await publisher.next();
  await writer.write(new TextEncoder().encode("hello"));
  await writer.close();
  const segment = await within(subscriber[Symbol.asyncIterator]().next(), "the segment");
  assert.ok(!segment.done);
  assert.equal(await new Response(segment.value.body).text(), "hello");
  await publisher.close();
  assert.deepEqual(server.channelNames, []);
});

Deno.test("the program's own publishers and subscribers need no token", async () => {
  await using server = new TrickleServer({ grants: GRANTS });
  const publisher = server.publisher("own", { autocreate: true });
  const writer = await publisher.next();
  await writer.write(new TextEncoder().encode("hello"));
  await writer.close();
  {
    await using subscriber = server.subscriber("own", { start: 0 });
    for await (const segment of subscriber) {
      assert.equal(await new Response(segment.body).text(), "hello");
      break;
    }
  }
  const refused = await server.handler(new Request("http://trickle.local/own/0"));
  assert.equal(refused.status, 401);
  await publisher.close();
});

Deno.test("grants that cannot be used are refused, and not shown", () => {
  const wrong: TrickleGrant[] = [
    { token: "", rights: ["read"] },
    { token: "with space", rights: ["read"] },
    { token: "fine", rights: [] },
  ];
  const twoClients: TrickleGrant[] = ["a", "b"].map((client) => ({
    token: "fine",
    rights: ["read"],
    client,
  }));
  assert.throws(() => new TrickleServer({ grants: twoClients }), /has another client/);
  for (const grant of wrong) {
    assert.throws(() => new TrickleServer({ grants: [grant] }), (error) => {
      assert.ok(error instanceof TypeError);
      assert.doesNotMatch(error.message, /with space|fine/);
      return true;
    });
  }
});

Deno.test("access may change while the server runs, and cannot be taken away", async () => {
  await using server = new TrickleServer({ grants: GRANTS, limits: { maxChannelsPerClient: 1 } });
  const ask = async (method: string, path: string, token?: string): Promise<number> => {
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const request = new Request(`http://trickle.example${path}`, { method, headers });
    const response = await server.handler(request);
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await ask("POST", "/cam", "camera-token"), 200);
  server.changeAccess({ grants: [{ token: "new", rights: ["read"] }, ...GRANTS.slice(0, 2)] });
  assert.equal(await ask("GET", "/cam/next", "new"), 200);
  assert.equal(await ask("GET", "/cam/next", "operator-token"), 401);
  // The client is the same one with the same share, wherever its grant is.
  assert.equal(await ask("POST", "/cam-2", "camera-token"), 429);
  for (const nothing of [{}, { grants: [], signKeys: [] }]) {
    assert.throws(() => server.changeAccess(nothing), /would open the server/);
  }
  assert.throws(() => server.changeAccess({ signKeys: ["short"] }), TypeError);
  assert.equal(await ask("GET", "/cam/next", "new"), 200);
  assert.equal(await ask("GET", "/cam/next"), 401);
});
