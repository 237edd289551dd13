import assert from "node:assert/strict";
import { BodyBudget } from "../../../src/server/http/body_budget.ts";
import { startTestServer } from "../fake_session.ts";
import { until } from "../../waiting.ts";
import { RawConnection } from "./raw_http.ts";

const MEBIBYTE = 1 << 20;

Deno.test("what is refused is refused before its body comes, and the connection closes", async () => {
  await using test = await startTestServer({ token: "s3cret" });
  const cases: [string, string, number][] = [
    ["POST /stream/start", "", 401],
    ["POST /stream/start", "Authorization: Bearer s3cret", 413],
    ["POST /stream/params", "Authorization: Bearer s3cret", 413],
    ["POST /nothing", "", 404],
    ["POST /health", "", 405],
    ["DELETE /stream/start", "", 405],
  ];
  for (const [start, header, status] of cases) {
    using connection = await RawConnection.open(test);
    const head = [`${start} HTTP/1.1`, "Host: localhost", `Content-Length: ${15 * MEBIBYTE}`];
    await connection.send(header === "" ? head : [...head, header], "{");
    const answer = await connection.readToEnd();
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), start);
    assert.match(answer, /\r\nconnection: close\r\n/i, start);
    assert.match(answer, /"status":"error"/, start);
  }
});

Deno.test("a body that grows too large is refused at once", async () => {
  await using test = await startTestServer();
  using connection = await RawConnection.open(test);
  await connection.send([
    "POST /stream/start HTTP/1.1",
    "Host: localhost",
    "Transfer-Encoding: chunked",
  ]);
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  for (let i = 0; i < 17; i++) await connection.write(chunk);
  const answer = await connection.readToEnd();
  assert.match(answer, /^HTTP\/1\.1 413 .*larger than 1048576 bytes/s);
});

Deno.test("a small body that nobody wants leaves the connection open where the answer is good", async () => {
  await using test = await startTestServer();
  using connection = await RawConnection.open(test);
  for (let i = 0; i < 2; i++) {
    const head = ["GET /health HTTP/1.1", "Host: localhost", "Content-Length: 5"];
    await connection.send(head, "hello");
    assert.match(await connection.readUntil(/IDLE"\}/), /^HTTP\/1\.1 200/);
  }
});

Deno.test("bodies that are too much together are refused with 503 until there is room", async () => {
  await using test = await startTestServer({ maxBodiesBytes: 100_000 });
  const head = ["POST /stream/start HTTP/1.1", "Host: localhost", "Content-Length: 90000"];
  {
    using first = await RawConnection.open(test);
    await first.send(head, `{"gateway_request_id":"${"x".repeat(80_000)}`);
    await until(async () => {
      using second = await RawConnection.open(test);
      await second.send(head, `{"gateway_request_id":"${"x".repeat(89_000)}`);
      const answer = await second.readUntil(/\}$/).catch(() => "");
      return /^HTTP\/1\.1 503 /.test(answer) && /retry-after: 1/i.test(answer);
    }, "the refusal of the second body");
  }
  await until(async () => {
    const answer = await test.call("POST", "/stream/start", {
      gateway_request_id: "a",
      pad: "x".repeat(80_000),
    });
    return answer.status === 200;
  }, "room for another body");
});

Deno.test("one body that is too large for all of them is a 413", async () => {
  const handler = async (request: Request) => new Response(await request.text());
  await using test = await startTestServer({
    maxBodiesBytes: 100_000,
    routes: [{ method: "POST", path: "/upload", handler }],
  });
  const post = (byteCount: number) =>
    fetch(`${test.server.url}/upload`, { method: "POST", body: "x".repeat(byteCount) });
  const refused = await post(100_001);
  assert.equal(refused.status, 413);
  assert.match(await refused.text(), /larger than 100000 bytes/);
  for (let i = 0; i < 3; i++) {
    const taken = await post(100_000);
    assert.equal((await taken.text()).length, 100_000);
  }
});

Deno.test("an answer that is made of its body while that arrives is whole", async () => {
  await using test = await startTestServer({
    routes: [
      { method: "POST", path: "/echo", handler: (request) => new Response(request.body) },
      {
        method: "POST",
        path: "/piped",
        handler: (request) => new Response(request.body!.pipeThrough(new TransformStream())),
      },
    ],
  });
  for (const path of ["/echo", "/piped"]) {
    const text = "0123456789".repeat(100_000);
    const response = await fetch(test.server.url + path, { method: "POST", body: text });
    assert.equal(await response.text(), text, path);
  }
});

Deno.test("BodyBudget takes what fits and refuses limits that are none", () => {
  const budget = new BodyBudget(10);
  assert.equal(budget.take(6), true);
  assert.equal(budget.take(5), false);
  assert.equal(budget.take(4), true);
  budget.give(6);
  assert.equal(budget.take(6), true);
  assert.equal(budget.usedBytes, 10);
  for (const limit of [0, -1, NaN]) assert.throws(() => new BodyBudget(limit), RangeError);
});
