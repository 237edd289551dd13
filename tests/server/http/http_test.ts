import assert from "node:assert/strict";
import { MAX_BODY_BYTES } from "../../../src/server/http/json_body.ts";
import { findJsonError } from "../../../src/server/http/json_error.ts";
import { BODY_TIMEOUT_MS } from "../../../src/server/http/request_limits.ts";
import { startTestServer } from "../fake_session.ts";
import { until } from "../../waiting.ts";

const START = '{"gateway_request_id":"job-1"}';

async function post(url: string, init: RequestInit): Promise<[number, { message: string }]> {
  const response = await fetch(url, { method: "POST", ...init });
  return [response.status, await response.json()];
}

Deno.test("an unknown path is a 404 and a wrong method a 405, both in JSON", async () => {
  await using test = await startTestServer();
  for (const path of ["/", "/nothing", "/api/stream", "/stream/start/more", "/health/x"]) {
    const answer = await test.call("GET", path);
    assert.equal(answer.status, 404, path);
    assert.equal(answer.body.status, "error");
    assert.match(answer.body.message, /Cannot find/);
  }
  for (
    const [method, path, allow] of [
      ["GET", "/api/stream/start", "POST"],
      ["PUT", "/stream/start", "POST"],
      ["DELETE", "/stream/stop", "POST"],
      ["GET", "/live-video-to-video", "POST"],
      ["POST", "/api/stream/status", "GET, HEAD"],
      ["POST", "/health", "GET, HEAD"],
    ] as const
  ) {
    const answer = await test.call(method, path);
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.headers.get("allow"), allow);
    assert.equal(answer.body.status, "error");
  }
});

Deno.test("HEAD and a trailing slash work where GET does; a query is ignored", async () => {
  await using test = await startTestServer();
  assert.equal((await test.call("HEAD", "/health")).status, 200);
  assert.equal((await test.call("GET", "/health/")).status, 200);
  assert.equal((await test.call("GET", "/stream/status?verbose=1")).status, 200);
});

Deno.test("a body counts as JSON when its type says so or says nothing", async () => {
  await using test = await startTestServer();
  const url = `${test.server.url}/api/stream/start`;
  const bytes = new TextEncoder().encode(START);
  for (
    const type of [undefined, "application/json", "application/json; charset=utf-8", "a/b+json"]
  ) {
    const headers: HeadersInit = type === undefined ? {} : { "Content-Type": type };
    const [status] = await post(url, { body: bytes, headers });
    assert.equal(status, 200, type);
    await test.call("POST", "/api/stream/stop");
  }
  for (
    const type of ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded"]
  ) {
    const [status, body] = await post(url, { body: bytes, headers: { "Content-Type": type } });
    assert.equal(status, 400, type);
    assert.match(body.message, new RegExp(`Content-Type is "${type}"`));
  }
});

Deno.test("broken JSON is a 400 that names the position", async () => {
  await using test = await startTestServer();
  const cases: [string, RegExp][] = [
    ['{"gateway_request_id":x}', /unexpected "x" at position 22 \(line 1, column 23\)/],
    ['{\n "a": 1,\n}', /unexpected "}" at position 11 \(line 3, column 1\)/],
    ['{"a":1', /ends too early, at position 6/],
    ["{} {}", /unexpected "{" at position 3/],
    ["hello", /unexpected "h" at position 0/],
    ["", /body is empty/],
    ["  \n", /body is empty/],
  ];
  for (const [text, message] of cases) {
    for (const path of ["/api/stream/start", "/api/stream/params"]) {
      const answer = await test.call("POST", path, text);
      assert.equal(answer.status, 400, text);
      assert.match(answer.body.message, message);
    }
  }
});

Deno.test("findJsonError() finds the first character that cannot be right", () => {
  const cases: [string, number][] = [
    ["[1,]", 3],
    ['{"a":tru}', 8],
    ['{"a":"\u0001"}', 6],
    ['{"a":"\\x"}', 7],
    ['{"a":01}', 6],
    ["[1 2]", 3],
    ['{"a" 1}', 5],
    ["{a:1}", 1],
    ['"open', 5],
    ["-", 1],
    ["[nul", 4],
    [`{"big":"${"x".repeat(100_000)}",}`, 100_010],
  ];
  for (const [text, position] of cases) {
    assert.throws(() => JSON.parse(text), SyntaxError);
    assert.equal(findJsonError(text), position, text.slice(0, 40));
  }
});

/** Whether a text could go on to be JSON, as `JSON.parse` sees it. */
function couldGoOn(prefix: string): boolean {
  try {
    JSON.parse(prefix);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const position = / at position (\d+)/.exec(message)?.[1];
    return position === undefined
      ? message.includes("end of JSON input")
      : Number(position) >= prefix.length;
  }
}

Deno.test("findJsonError() agrees with JSON.parse about damaged JSON of every kind", () => {
  const text = ' {"a" : [1, -2.5e+3, true,false, null, "x\\u00e9\\n\\"", {}, []], "b":{"c":0}}\n';
  assert.ok(JSON.parse(text));
  const marks = [...'[]{}:,"\\ -+.eE0149utfnrx\n\u0001\u00e9', ""];
  let broken = 0;
  for (let at = 0; at <= text.length; at++) {
    for (const mark of marks) {
      for (const removed of [0, 1]) {
        const damaged = text.slice(0, at) + mark + text.slice(at + removed);
        if (isJson(damaged)) continue;
        broken++;
        const position = findJsonError(damaged);
        const label = `${JSON.stringify(damaged)} at ${position}`;
        assert.ok(couldGoOn(damaged.slice(0, position)), label);
        const isCut = position === damaged.length;
        assert.ok(isCut || !couldGoOn(damaged.slice(0, position + 1)), label);
      }
    }
  }
  assert.ok(broken > 2_000, `${broken}`);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

Deno.test("a body that is not UTF-8 is a 400", async () => {
  await using test = await startTestServer();
  const [status, body] = await post(`${test.server.url}/api/stream/start`, {
    body: new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]),
  });
  assert.equal(status, 400);
  assert.match(body.message, /not UTF-8/);
});

Deno.test("a body of 1 MiB is read, a larger one is a 413 with or without a declared length", async () => {
  await using test = await startTestServer();
  const url = `${test.server.url}/api/stream/start`;
  const padded = (size: number): Uint8Array<ArrayBuffer> => {
    const text = START.slice(0, -1) + ',"pad":"';
    const bytes = new Uint8Array(size).fill("x".charCodeAt(0));
    bytes.set(new TextEncoder().encode(text));
    bytes.set(new TextEncoder().encode('"}'), size - 2);
    return bytes;
  };
  assert.equal((await post(url, { body: padded(MAX_BODY_BYTES) }))[0], 200);
  await test.call("POST", "/api/stream/stop");
  const tooLarge = padded(MAX_BODY_BYTES + 1);
  const bodies: BodyInit[] = [tooLarge, ReadableStream.from([tooLarge]), padded(8 << 20)];
  for (const body of bodies) {
    const [status, answer] = await post(url, { body });
    assert.equal(status, 413);
    assert.match(answer.message, /larger than 1048576 bytes/);
  }
  assert.equal(test.sessions.length, 1);
});

Deno.test("a client that leaves in the middle of a body does no harm", async () => {
  await using test = await startTestServer();
  const { hostname, port } = test.server.address;
  using connection = await Deno.connect({ hostname, port });
  await connection.write(new TextEncoder().encode(
    "POST /api/stream/start HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{",
  ));
  await until(() => test.clock.delays.includes(BODY_TIMEOUT_MS), "the server to read the body");
  connection.close();
  await until(() => !test.clock.delays.includes(BODY_TIMEOUT_MS), "the server to notice");
  assert.equal((await test.call("POST", "/api/stream/start", START)).status, 200);
});
