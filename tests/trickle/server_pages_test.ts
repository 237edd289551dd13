import assert from "node:assert/strict";
import { TricklePublisher, TrickleServer, TrickleSubscriber } from "../../src/trickle/mod.ts";
import { withServer } from "./server_bench.ts";
import { until, within } from "../waiting.ts";

const EVIL = "https://evil.example";

Deno.test("a page of another origin can neither create, write nor delete", () =>
  withServer(async (bench) => {
    const own = new URL(bench.server.url).host;
    const requests: [string, string][] = [
      ["POST", "/c"],
      ["POST", "/c/0"],
      ["DELETE", "/c/0"],
      ["DELETE", "/c"],
    ];
    for (const [method, path] of requests) {
      for (const Origin of [EVIL, "null", "http://127.0.0.1:1"]) {
        const answer = await bench.ask(method, path, { Host: own, Origin });
        assert.equal(answer.status, 403, `${method} ${path} from ${Origin}`);
      }
      const rebound = { Host: "evil.example", Origin: "http://evil.example" };
      assert.equal((await bench.ask(method, path, rebound)).status, 421, `${method} ${path}`);
    }
    assert.deepEqual(bench.server.channelNames, []);
    const headers = { Host: own, Origin: `http://${own}` };
    assert.equal((await bench.ask("POST", "/c", headers)).status, 200, "its own pages may");
    assert.equal((await bench.ask("POST", "/d", { Host: "trickle.example" })).status, 200);
    assert.deepEqual(bench.server.channelNames, ["c", "d"]);
  }));

Deno.test("pages and hosts that are named may publish", () =>
  withServer(async (bench) => {
    const named = { Host: "trickle.example", Origin: "https://app.example" };
    assert.equal((await bench.ask("POST", "/a", named)).status, 200);
    const own = { Host: "trickle.example", Origin: "http://trickle.example" };
    assert.equal((await bench.ask("POST", "/b", own)).status, 200);
    assert.equal((await bench.ask("POST", "/c", { ...named, Origin: EVIL })).status, 403);
  }, { allowOrigins: ["https://app.example"], allowHosts: ["trickle.example"] }));

Deno.test("a browser runs nothing of what is in a channel", () =>
  withServer(async (bench) => {
    await bench.ask("POST", "/c", { "Expect-Content": "text/html" });
    const post = await bench.post(0, "<script>alert(1)</script>");
    assert.equal(post.status, 200);
    for (const method of ["GET", "HEAD"]) {
      const { headers } = await bench.ask(method, "/c/0");
      assert.equal(headers.get("content-type"), "text/html");
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.equal(headers.get("content-security-policy"), "sandbox; default-src 'none'");
    }
  }));

Deno.test("with limits on its connections a server relays all the same", async () => {
  await using server = new TrickleServer();
  server.listen({ connectionLimits: { maxConnections: 8, maxConnectionsPerClient: 8 } });
  const url = server.channelUrl("live");
  await using publisher = new TricklePublisher(url);
  await publisher.create();
  await using subscriber = new TrickleSubscriber(url, { start: 0 });
  const read = (async () => {
    const texts: string[] = [];
    for await (const segment of subscriber) texts.push(await new Response(segment.body).text());
    return texts;
  })();
  for (const text of ["one", "two"]) {
    const segment = await publisher.next();
    await segment.write(new TextEncoder().encode(text));
    await segment.close();
  }
  await publisher.close();
  assert.deepEqual(await within(read, "the segments"), ["one", "two"]);
  // Connections that say nothing are closed for those that do.
  const { hostname, port } = server.address!;
  const silent: Deno.TcpConn[] = [];
  for (let i = 0; i < 20; i++) silent.push(await Deno.connect({ hostname, port }));
  await until(async () => {
    try {
      const response = await fetch(`${url}/next`);
      await response.body?.cancel();
      return response.status === 404;
    } catch {
      return false;
    }
  }, "an answer beside silent connections");
  for (const connection of silent) connection.close();
});
