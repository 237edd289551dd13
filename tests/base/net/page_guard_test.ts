import assert from "node:assert/strict";
import { pageProblem, type PageRules } from "../../../src/base/net/page_guard.ts";

const RULES: PageRules = {
  allowOrigins: ["https://app.example"],
  allowHosts: ["worker.example"],
  hasSecret: false,
};

type Headers = Readonly<Record<string, string>>;

function statusOf(headers: Headers, rules: Partial<PageRules> = {}, method = "POST"): number {
  const url = "http://127.0.0.1:8000/stream/start";
  const request = new Request(url, { method, headers });
  return pageProblem(request, { ...RULES, ...rules })?.status ?? 200;
}

Deno.test("what is no page's request may come under any host name", () => {
  for (const Host of ["worker:8000", "evil.example", "203.0.113.7", "[::1]:8000", ""]) {
    assert.equal(statusOf({ Host }), 200, Host);
  }
});

Deno.test("pages of other origins may change nothing, unless they are named", () => {
  const cases: [Headers, number][] = [
    [{ Host: "127.0.0.1:8000", Origin: "http://127.0.0.1:8000" }, 200],
    [{ Host: "127.0.0.1:8000", Origin: "http://127.0.0.1:8001" }, 403],
    [{ Host: "127.0.0.1:8000", Origin: "http://localhost:8000" }, 403],
    [{ Host: "127.0.0.1:8000", Origin: "https://evil.example" }, 403],
    [{ Host: "127.0.0.1:8000", Origin: "null" }, 403],
    [{ Host: "127.0.0.1:8000", Origin: "" }, 403],
    [{ Host: "127.0.0.1:8000", Origin: "file://" }, 403],
    [{ Host: "127.0.0.1:8000", Origin: "https://app.example" }, 200],
    [{ Host: "127.0.0.1:8000", Origin: "https://app.example.evil.example" }, 403],
    [{ Host: "worker.example", Origin: "https://worker.example" }, 200],
    [{ Host: "worker.example:443", Origin: "https://worker.example" }, 200],
    [{ Host: "worker.example:80", Origin: "https://worker.example" }, 403],
    [{ Host: "127.0.0.1:8000", "Sec-Fetch-Site": "same-origin" }, 200],
    [{ Host: "127.0.0.1:8000", "Sec-Fetch-Site": "cross-site" }, 403],
    [{ Host: "127.0.0.1:8000", "Sec-Fetch-Mode": "no-cors" }, 403],
  ];
  for (const [headers, status] of cases) {
    assert.equal(statusOf(headers), status, JSON.stringify(headers));
    assert.equal(statusOf(headers, {}, "GET"), 200, `GET ${JSON.stringify(headers)}`);
    assert.equal(statusOf(headers, { allowOrigins: "*" }), 200, `any ${JSON.stringify(headers)}`);
  }
  const socket = { Host: "127.0.0.1:8000", Origin: "https://evil.example", Upgrade: "websocket" };
  assert.equal(statusOf(socket, {}, "GET"), 403);
});

Deno.test("a page whose name was pointed here is refused, and one that we are known by is not", () => {
  const cases: [string, number][] = [
    ["evil.example", 421],
    ["evil.example.", 421],
    ["127.0.0.1.evil.example", 421],
    ["localhost.evil.example", 421],
    ["worker.example", 200],
    ["WORKER.example", 200],
    ["127.0.0.1", 200],
    ["[2001:db8::1]", 200],
    ["localhost", 200],
    ["worker", 200],
    ["camera.local", 200],
    ["worker.default.svc.cluster.local", 200],
    ["worker.default.svc", 200],
  ];
  for (const [name, status] of cases) {
    const headers = { Host: `${name}:8000`, Origin: `http://${name}:8000` };
    assert.equal(statusOf(headers), status, name);
    assert.equal(statusOf(headers, { hasSecret: true }), 200, `${name} with a token`);
  }
});

Deno.test("a proxy that answers for its pages may send their origins, under a host of ours", () => {
  const rules = { proxyHeader: "Livepeer-Session-Id" };
  const Origin = "https://client.example";
  const session = { "Livepeer-Session-Id": "s1" };
  assert.equal(statusOf({ Host: "10.0.0.7:8000", Origin, ...session }, rules), 200);
  assert.equal(statusOf({ Host: "10.0.0.7:8000", Origin }, rules), 403);
  assert.equal(
    statusOf({ Host: "evil.example", Origin: "http://evil.example", ...session }, rules),
    421,
  );
});
