import assert from "node:assert/strict";
import { StreamServer } from "../../../src/server/mod.ts";
import { startTestServer, TestProcessor, type TestServer } from "../fake_session.ts";
import { RawConnection } from "./raw_http.ts";

const START = '{"gateway_request_id":"job-1"}';

async function post(
  test: TestServer,
  headers: readonly string[],
  path = "/stream/start",
): Promise<number> {
  using connection = await RawConnection.open(test);
  await connection.send([
    `POST ${path} HTTP/1.1`,
    `Content-Length: ${START.length}`,
    "Connection: close",
    ...headers,
  ], START);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await connection.readToEnd())?.[1]);
}

Deno.test("a page of another origin can neither start, change nor stop a stream", async () => {
  await using test = await startTestServer({
    routes: [{ method: "POST", path: "/mine", handler: () => new Response("done") }],
  });
  const { port } = test.server.address;
  const own = `Host: 127.0.0.1:${port}`;
  const json = "Content-Type: application/json";
  for (const path of ["/stream/start", "/stream/params", "/stream/stop", "/mine"]) {
    for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1"]) {
      assert.equal(
        await post(test, [own, json, `Origin: ${origin}`], path),
        403,
        `${path} ${origin}`,
      );
    }
    const rebound = ["Host: evil.example", "Origin: http://evil.example", json];
    assert.equal(await post(test, rebound, path), 421, path);
  }
  assert.equal(test.sessions.length, 0);
  assert.equal(await post(test, [own, json, `Origin: http://127.0.0.1:${port}`]), 200);
});

Deno.test("a page has to say that it sends JSON; other clients need not", async () => {
  await using test = await startTestServer();
  const { port } = test.server.address;
  const page = [`Host: 127.0.0.1:${port}`, `Origin: http://127.0.0.1:${port}`];
  assert.equal(await post(test, page), 400);
  assert.equal(await post(test, [...page, "Content-Type: text/plain"]), 400);
  assert.equal(await post(test, ["Host: worker.example"]), 200);
});

Deno.test("origins and hosts that are named may, as may those of cors", async () => {
  const json = "Content-Type: application/json";
  const page = ["Host: worker.example", "Origin: https://app.example", json];
  const own = ["Host: worker.example", "Origin: http://worker.example", json];
  {
    await using test = await startTestServer({
      allowOrigins: ["https://app.example"],
      allowHosts: ["worker.example"],
    });
    assert.equal(await post(test, page), 200);
    await test.call("POST", "/stream/stop");
    assert.equal(await post(test, own), 200);
  }
  for (const cors of [true, { origins: ["https://app.example"] }]) {
    await using test = await startTestServer({ cors });
    assert.equal(await post(test, page), 200);
  }
});

Deno.test("without a token only this machine is listened to, unless a host is named", async () => {
  const cases: [{ token?: string; host?: string }, string][] = [
    [{}, "127.0.0.1"],
    [{ token: "t0ken" }, "0.0.0.0"],
    [{ host: "0.0.0.0" }, "0.0.0.0"],
    [{ token: "t0ken", host: "127.0.0.1" }, "127.0.0.1"],
  ];
  for (const [options, hostname] of cases) {
    await using server = new StreamServer({ processor: new TestProcessor(), port: 0, ...options });
    assert.equal((await server.start()).hostname, hostname, JSON.stringify(options));
  }
});
