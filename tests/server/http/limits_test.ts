import assert from "node:assert/strict";
import { jsonDepth, MAX_JSON_DEPTH } from "../../../src/base/json.ts";
import { startTestServer } from "../fake_session.ts";
import { RawConnection } from "./raw_http.ts";

const START = { gateway_request_id: "job-1" };

function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

Deno.test("jsonDepth() counts brackets outside strings", () => {
  const cases: [string, number][] = [
    ["", 0],
    ["7", 0],
    ['"[[["', 0],
    ["{}", 1],
    ["[[],[[]]]", 3],
    ['{"a":"}{","b":[1]}', 2],
    ['["\\"[[[",{}]', 2],
    ['["\\\\",[{}]]', 3],
    ["[[[", 3],
    ["]]][", 0],
    [nested(100_000), 100_000],
  ];
  for (const [text, depth] of cases) assert.equal(jsonDepth(text), depth, text.slice(0, 30));
});

Deno.test("a body may be nested 64 deep, not deeper; the refusal names the depth", async () => {
  await using test = await startTestServer();
  const body = (depth: number) => `{"gateway_request_id":"a","x":${nested(depth - 1)}}`;
  assert.equal((await test.call("POST", "/stream/start", body(MAX_JSON_DEPTH))).status, 200);
  await test.call("POST", "/stream/stop");
  for (const depth of [MAX_JSON_DEPTH + 1, 200_000]) {
    const answer = await test.call("POST", "/stream/start", body(depth));
    assert.equal(answer.status, 400);
    assert.match(answer.body.message, new RegExp(`nested ${depth} deep: the limit is 64`));
  }
  const params = `{"a":${nested(MAX_JSON_DEPTH)}}`;
  const answer = await test.call("POST", "/stream/start", { ...START, params });
  assert.equal(answer.status, 400);
  assert.match(answer.body.message, /params is nested 65 deep/);
});

Deno.test("types, charsets and codings that are not read here are refused by name", async () => {
  await using test = await startTestServer();
  const cases: [HeadersInit, number, RegExp][] = [
    [{ "Content-Type": "application/json; charset=UTF-8" }, 200, /started/],
    [{ "Content-Type": 'application/json;charset="utf-8"' }, 200, /started/],
    [{ "Content-Type": "APPLICATION/JSON" }, 200, /started/],
    [{ "Content-Encoding": "identity" }, 200, /started/],
    [{ "Content-Type": "application/json; charset=utf-16" }, 415, /charset is "utf-16"/],
    [{ "Content-Type": "application/json; charset=iso-8859-1" }, 415, /"iso-8859-1"/],
    [{ "Content-Encoding": "gzip" }, 415, /Content-Encoding is "gzip"/],
    [{ "Content-Encoding": "br, gzip" }, 415, /uncompressed/],
    [{ "Content-Type": "application/json, text/plain" }, 400, /Content-Type is/],
    [{ "Content-Type": "multipart/form-data; boundary=x" }, 400, /Content-Type is/],
    [{ "Content-Type": "application/jsonx" }, 400, /Content-Type is/],
    [{ "Content-Type": "json" }, 400, /Content-Type is/],
    [{ "Content-Type": "text/html;<script>" }, 400, /Content-Type is/],
    [{ "Content-Type": "x".repeat(4000) }, 400, /Content-Type is/],
  ];
  for (const [headers, status, message] of cases) {
    const answer = await test.call("POST", "/stream/start", START, headers);
    const label = JSON.stringify(headers).slice(0, 80);
    assert.equal(answer.status, status, label);
    assert.match(answer.body.message, message, label);
    if (status === 200) await test.call("POST", "/stream/stop");
  }
});

Deno.test("a content type that is sent twice with another value is refused", async () => {
  await using test = await startTestServer();
  const body = JSON.stringify(START);
  for (const second of ["text/plain", "application/xml"]) {
    using connection = await RawConnection.open(test);
    await connection.send([
      "POST /stream/start HTTP/1.1",
      "Host: h",
      "Content-Type: application/json",
      `Content-Type: ${second}`,
      `Content-Length: ${body.length}`,
    ], body);
    assert.match(await connection.readUntil(/\}$/), /^HTTP\/1\.1 400/);
  }
  assert.equal(test.sessions.length, 0);
});

Deno.test("a body on a GET is ignored and the connection goes on", async () => {
  await using test = await startTestServer();
  using connection = await RawConnection.open(test);
  for (let i = 0; i < 2; i++) {
    await connection.send(["GET /health HTTP/1.1", "Host: h", "Content-Length: 5"], "hello");
    const answer = await connection.readUntil(/\}$/);
    assert.match(answer, /^HTTP\/1\.1 200/);
    assert.match(answer, /\{"status":"IDLE"\}$/);
  }
});

Deno.test("an id with control characters or more than 256 characters is refused", async () => {
  await using test = await startTestServer();
  const bad = ["a\r\nX-Evil: 1", "a\nb", "\0", "a\tb", "\x1b[31m", "\x7f", "\u0085", "a\u2028b"];
  for (const id of bad) {
    const answer = await test.call("POST", "/stream/start", { gateway_request_id: id });
    assert.equal(answer.status, 400, JSON.stringify(id));
    assert.match(answer.body.message, /gateway_request_id must not have control characters/);
    assert.equal(answer.headers.get("x-evil"), null);
  }
  const long = await test.call("POST", "/stream/start", { gateway_request_id: "x".repeat(257) });
  assert.equal(long.status, 400);
  assert.match(long.body.message, /must not be longer than 256 characters/);
  for (const id of ["x".repeat(256), "каме́ра 1 📷", "a/b?c=d&e", "__proto__", '"><script>']) {
    const answer = await test.call("POST", "/stream/start", { gateway_request_id: id });
    assert.equal(answer.status, 200, id);
    assert.equal(answer.body.request_id, id);
    await test.call("POST", "/stream/stop");
  }
});

Deno.test("credentials of channel URLs are used and never shown", async () => {
  await using test = await startTestServer();
  const secret = "pa55word";
  const start = {
    ...START,
    subscribe_url: `http://me:${secret}@h/in`,
    publish_url: `https://me:${secret}@h/out`,
  };
  const started = await test.call("POST", "/stream/start", start);
  assert.equal(started.status, 200);
  assert.equal(test.sessions[0]?.request.subscribeUrl, start.subscribe_url);
  const status = await test.call("GET", "/stream/status");
  assert.equal(status.body.current_params?.subscribe_url, "http://h/in");
  assert.equal(status.body.current_params?.publish_url, "https://h/out");
  const busy = await test.call("POST", "/stream/start", { ...start, gateway_request_id: "other" });
  test.sessions[0]!.end({ reason: "failed", error: new Error(`no ${start.subscribe_url}`) });
  const after = await test.call("GET", "/stream/status");
  const bad = await test.call("POST", "/stream/start", {
    ...START,
    subscribe_url: `ftp://me:${secret}@h/in`,
  });
  assert.equal(bad.status, 400);
  for (const { body } of [started, status, busy, after, bad]) {
    assert.ok(!JSON.stringify(body).includes(secret), JSON.stringify(body));
  }
  assert.match(after.body.error_message ?? "", /no http:\/\/h\/in/);
});

Deno.test("every field of start refuses every wrong JSON type, and starts nothing", async () => {
  await using test = await startTestServer();
  const values: Record<string, unknown> = {
    null: null,
    boolean: true,
    number: 7,
    string: "text",
    array: [],
    object: {},
  };
  const urls = ["subscribe_url", "publish_url", "control_url", "events_url", "data_url"];
  const allowed: Record<string, readonly string[]> = {
    gateway_request_id: ["string"],
    params: ["null", "object"],
    ...Object.fromEntries(urls.map((url) => [url, ["null"]])),
  };
  for (const [field, types] of Object.entries(allowed)) {
    for (const [type, value] of Object.entries(values)) {
      const answer = await test.call("POST", "/stream/start", { ...START, [field]: value });
      const label = `${field}: ${type}`;
      assert.equal(answer.status, types.includes(type) ? 200 : 400, label);
      if (answer.status === 200) await test.call("POST", "/stream/stop");
      else assert.match(answer.body.message, new RegExp(`${field} (is|must)`), label);
      test.sessions.length = 0;
    }
  }
});

Deno.test("a body that does not arrive in time is a 408 that asks the client to close", async () => {
  await using test = await startTestServer({ bodyTimeoutMs: 50 });
  for (const path of ["/stream/start", "/stream/params"]) {
    using connection = await RawConnection.open(test);
    await connection.send([`POST ${path} HTTP/1.1`, "Host: h", "Content-Length: 10"], "{");
    await test.clock.passDelay(50, 50);
    const answer = await connection.readUntil(/\}$/);
    assert.match(answer, /^HTTP\/1\.1 408/, path);
    assert.match(answer, /connection: close/i, path);
    assert.match(answer, /"status":"error".*did not arrive within 0\.05 s/, path);
  }
  assert.equal((await test.call("POST", "/stream/start", START)).status, 200);
});

Deno.test("a stop stops, whether or not its body arrives", async () => {
  await using test = await startTestServer();
  for (const headers of [[], ["X-Stream-Id: other"]]) {
    assert.equal((await test.call("POST", "/stream/start", START)).status, 200);
    using connection = await RawConnection.open(test);
    const head = ["POST /stream/stop HTTP/1.1", "Host: h", "Content-Length: 10", ...headers];
    await connection.send(head, "in");
    await test.clock.passDelay(250, 250);
    assert.match(await connection.readUntil(/\}$/), /^HTTP\/1\.1 200/);
  }
});

Deno.test("a body that has arrived is not late, however long its handler does not look at it", async () => {
  const handler = async (request: Request): Promise<Response> => {
    test.clock.advance(100);
    return new Response(await request.text());
  };
  const routes = [{ path: "/slow", method: "POST", handler }] as const;
  await using test = await startTestServer({ bodyTimeoutMs: 30, routes });
  const response = await fetch(`${test.server.url}/slow`, { method: "POST", body: "all of it" });
  assert.deepEqual([response.status, await response.text()], [200, "all of it"]);
});

Deno.test("clients that send half a request do not keep others from being answered", async () => {
  await using test = await startTestServer();
  const slow = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open(test)));
  try {
    for (const [index, connection] of slow.entries()) {
      const head = ["POST /stream/start HTTP/1.1", "Host: h"];
      if (index % 2 === 0) await connection.send([...head, "Content-Length: 100"], "{");
      else await connection.write(head.join("\r\n"));
    }
    for (let i = 0; i < 20; i++) assert.equal((await test.call("GET", "/health")).status, 200);
    assert.equal((await test.call("POST", "/stream/start", START)).status, 200);
    assert.equal((await test.call("POST", "/stream/stop")).status, 200);
  } finally {
    for (const connection of slow) connection[Symbol.dispose]();
  }
});

Deno.test("a handler that takes too long is a 504, and what it was doing goes on", async () => {
  const held = Promise.withResolvers<void>();
  const read = Promise.withResolvers<void>();
  const done = Promise.withResolvers<string>();
  await using test = await startTestServer({
    bodyTimeoutMs: 30,
    requestTimeoutMs: 50,
    routes: [{
      path: "/slow",
      method: ["GET", "POST"],
      handler: async (request) => {
        const text = await request.text();
        if (request.method === "POST") read.resolve();
        await held.promise;
        done.resolve(text);
        return Response.json({});
      },
    }],
  });
  const asked = test.call("GET", "/slow");
  await test.clock.passDelay(50, 50);
  const answer = await asked;
  assert.equal(answer.status, 504);
  assert.match(answer.body.message, /Cannot answer \/slow: the server took more than 0\.05 s/);
  const posted = test.call("POST", "/slow", "{}");
  await read.promise;
  await test.clock.passDelay(80, 80);
  assert.equal((await posted).status, 504);
  assert.equal((await test.call("GET", "/health")).status, 200);
  held.resolve();
  await done.promise;
});

Deno.test("hostile request lines and headers do no harm", async () => {
  await using test = await startTestServer();
  const heads: string[][] = [
    ["GET /%00 HTTP/1.1", "Host: h", "Connection: close"],
    ["GET /%zz HTTP/1.1", "Host: h", "Connection: close"],
    ["GET //evil.example/health HTTP/1.1", "Host: h", "Connection: close"],
    ["GET /health HTTP/1.1", "Host: <script>", "Connection: close"],
    ["GET /docs HTTP/1.1", 'Host: "><script>', "Connection: close"],
    ["GET /health HTTP/1.1", `X-Long: ${"x".repeat(100_000)}`, "Connection: close"],
    ["BREW /health HTTP/1.1", "Host: h", "Connection: close"],
    ["nonsense"],
  ];
  for (const head of heads) {
    using connection = await RawConnection.open(test);
    await connection.send(head).catch(() => {}); // the server may close before the end
    const answer = await connection.readToEnd().catch(() => "");
    assert.doesNotMatch(answer, /^HTTP\/1\.1 5/, head[0]);
    assert.ok(!answer.includes("<script>"), head[0]);
    assert.equal((await test.call("GET", "/health")).status, 200, head[0]);
  }
});
