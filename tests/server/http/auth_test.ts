import assert from "node:assert/strict";
import { StreamServer } from "../../../src/server/mod.ts";
import { startTestServer, TestProcessor } from "../fake_session.ts";

const TOKEN = "s3cret-Token_42";
const START = { gateway_request_id: "job-1" };

const SECURED: readonly [method: string, path: string][] = [
  ["POST", "/api/stream/start"],
  ["POST", "/stream/start"],
  ["POST", "/live-video-to-video"],
  ["POST", "/api/stream/params"],
  ["POST", "/stream/params"],
  ["POST", "/api/stream/stop"],
  ["POST", "/stream/stop"],
  ["GET", "/api/stream/status"],
  ["GET", "/stream/status"],
];

const OPEN = [
  "/health",
  "/version",
  "/app-version",
  "/hardware/info",
  "/hardware/stats",
  "/livez",
  "/readyz",
  "/openapi.json",
];

const WRONG: readonly (string | undefined)[] = [
  undefined,
  "",
  TOKEN,
  "Bearer",
  "Bearer ",
  `Bearer ${TOKEN}x`,
  `Bearer ${TOKEN.slice(0, -1)}`,
  `Bearer ${TOKEN.toUpperCase()}`,
  `Bearer ${TOKEN} ${TOKEN}`,
  `Basic ${btoa(`x:${TOKEN}`)}`,
];

Deno.test("stream endpoints refuse what does not carry the token, and do nothing", async () => {
  let refused = 0;
  await using test = await startTestServer({ token: TOKEN, onUnauthorized: () => refused++ });
  for (const [method, path] of SECURED) {
    for (const authorization of WRONG) {
      const headers = authorization === undefined ? {} : { Authorization: authorization };
      const body = method === "POST" ? START : undefined;
      const answer = await test.call(method, path, body, headers);
      const label = `${method} ${path} with ${authorization}`;
      assert.equal(answer.status, 401, label);
      assert.equal(answer.body.status, "error", label);
      assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer/, label);
      assert.ok(!JSON.stringify(answer.body).includes(TOKEN), label);
    }
  }
  assert.equal(refused, SECURED.length * WRONG.length);
  assert.equal(test.sessions.length, 0);
});

Deno.test("with the token everything works; the scheme's case does not matter", async () => {
  let refused = 0;
  await using test = await startTestServer({ token: TOKEN, onUnauthorized: () => refused++ });
  for (const scheme of ["Bearer", "bearer", "BEARER"]) {
    const headers = { Authorization: `${scheme} ${TOKEN}` };
    const call = (method: string, path: string, body?: unknown) =>
      test.call(method, path, body, headers);
    assert.equal((await call("POST", "/stream/start", START)).status, 200, scheme);
    assert.equal((await call("POST", "/stream/params", { gain: 1 })).status, 200, scheme);
    const status = await call("GET", "/stream/status");
    assert.equal(status.status, 200, scheme);
    assert.ok(!JSON.stringify(status.body).includes(TOKEN), scheme);
    assert.equal((await call("POST", "/stream/stop")).status, 200, scheme);
  }
  assert.equal(refused, 0);
});

Deno.test("nothing but the stream endpoints answers 401", async () => {
  await using test = await startTestServer({
    token: TOKEN,
    routes: [{ path: "/mine", handler: () => Response.json({}) }],
  });
  for (const path of [...OPEN, "/mine"]) {
    const answer = await test.call("GET", path);
    assert.equal(answer.status, 200, path);
  }
  assert.equal((await test.call("GET", "/nothing")).status, 404);
  assert.equal((await test.call("GET", "/stream/start")).status, 405);
  assert.equal((await test.call("POST", "/health")).status, 405);
});

Deno.test("with the scope all the token covers everything but health and probes", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/page.txt`, "mine");
  let refused = 0;
  try {
    await using test = await startTestServer({
      token: TOKEN,
      tokenScope: "all",
      onUnauthorized: () => refused++,
      routes: [{ path: "/mine/:id", handler: (_request, { id }) => new Response(`"${id}"`) }],
      staticFolders: [{ path: "/files", root: folder }],
    });
    const open = ["/health", "/livez", "/readyz"];
    const covered = OPEN.filter((path) => !open.includes(path));
    for (const path of open) assert.equal((await test.call("GET", path)).status, 200, path);
    for (const path of [...covered, "/docs", "/metrics", "/mine/7", "/files/page.txt"]) {
      const url = test.server.url + path;
      const without = await fetch(url);
      assert.equal(without.status, 401, path);
      assert.match((await without.json()).message, /a token is needed/);
      const answer = await fetch(url, { headers: { Authorization: `Bearer ${TOKEN}` } });
      assert.equal(answer.status, 200, path);
      const text = await answer.text();
      if (path === "/mine/7") assert.equal(text, '"7"');
      if (path === "/files/page.txt") assert.equal(text, "mine");
    }
    assert.equal(refused, 0, "no orchestrator asks for these");
    assert.equal((await test.call("GET", "/stream/status")).status, 401);
    assert.equal(refused, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("without a token none is asked for", async () => {
  await using test = await startTestServer();
  const headers = { Authorization: "Bearer anything" };
  assert.equal((await test.call("POST", "/stream/start", START, headers)).status, 200);
});

Deno.test("an onUnauthorized that throws changes nothing for the client", async () => {
  await using test = await startTestServer({
    token: TOKEN,
    onUnauthorized: () => {
      throw new Error("no");
    },
  });
  assert.equal((await test.call("GET", "/stream/status")).status, 401);
});

Deno.test("a token that no header can carry is refused without being told", () => {
  for (const token of ["", "two words", "line\nbreak", "schlüssel"]) {
    assert.throws(
      () => new StreamServer({ processor: new TestProcessor(), token }),
      (error: Error & { code?: string }) =>
        error.code === "CONFIG_INVALID" && (token === "" || !error.message.includes(token)),
      token,
    );
  }
});
