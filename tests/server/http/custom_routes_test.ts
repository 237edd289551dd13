import assert from "node:assert/strict";
import { parseRange } from "../../../src/server/http/static_range.ts";
import { type HttpOptions, StreamServer } from "../../../src/server/mod.ts";
import { startTestServer, TestProcessor } from "../fake_session.ts";

function create(options: HttpOptions): StreamServer {
  return new StreamServer({
    processor: new TestProcessor(),
    host: "127.0.0.1",
    port: 0,
    ...options,
  });
}

async function withFolder(use: (root: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const root = `${folder}/root`;
    await Deno.mkdir(`${root}/sub/.git`, { recursive: true });
    await Deno.writeTextFile(`${folder}/outside.txt`, "outside");
    await Deno.writeTextFile(`${root}/a b.txt`, "0123456789");
    await Deno.writeTextFile(`${root}/.hidden`, "hidden");
    await Deno.writeTextFile(`${root}/sub/.git/config`, "hidden");
    await Deno.writeTextFile(`${root}/sub/index.html`, "<p>index");
    await Deno.writeTextFile(`${root}/shader.wgsl`, "fn");
    await Deno.symlink(`${folder}/outside.txt`, `${root}/escape.txt`);
    await Deno.symlink(`${root}/a b.txt`, `${root}/inside.txt`);
    await Deno.symlink(`${root}/.hidden`, `${root}/visible.txt`);
    await use(root);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("routes take methods and parameters, below the prefix, with 405 and HEAD", async () => {
  await using test = await startTestServer({
    prefix: "/v1",
    routes: [
      { path: "/faces/:id", handler: (_request, params) => Response.json({ ...params }) },
      {
        path: "/faces/:id/names/:name",
        method: ["POST", "PUT"],
        handler: async (request, params) =>
          Response.json({ ...params, body: await request.text(), method: request.method }),
      },
      { path: "/fails", handler: () => Promise.reject(new Error("private reason")) },
    ],
  });
  assert.deepEqual((await test.call("GET", "/faces/a%20b/")).body, { id: "a b" });
  assert.deepEqual((await test.call("PUT", "/faces/1/names/x", "text")).body, {
    id: "1",
    name: "x",
    body: "text",
    method: "PUT",
  });
  const wrong = await test.call("GET", "/faces/1/names/x");
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get("allow"), "POST, PUT");
  assert.equal((await test.call("HEAD", "/faces/1")).status, 200);
  const failed = await test.call("GET", "/fails");
  assert.equal(failed.status, 500);
  assert.ok(!JSON.stringify(failed.body).includes("private reason"));
});

Deno.test("routes that hide a built-in path or cannot be written so are refused", () => {
  const paths = ["/health", "/stream/start", "/docs", "/openapi.json", "/livez", "/:any"];
  for (const path of [...paths, "/stream/:what", "relative", "", "/a?b", "/a b", "/*/a"]) {
    assert.throws(
      () => create({ routes: [{ path, handler: () => new Response() }] }),
      { code: "CONFIG_INVALID", message: /Cannot add the route/ },
      path,
    );
  }
  create({ routes: [{ path: "/*", handler: () => new Response() }] });
});

Deno.test("middleware runs in order around everything, and may answer by itself", async () => {
  const seen: string[] = [];
  await using test = await startTestServer({
    middleware: [
      async (request, next) => {
        seen.push("outer");
        const response = await next(request);
        response.headers.set("X-Outer", String(response.status));
        return response;
      },
      (request, next) => {
        seen.push("inner");
        return request.headers.has("x-stop") ? new Response("{}", { status: 418 }) : next(request);
      },
    ],
  });
  const found = await test.call("GET", "/health");
  assert.deepEqual([found.status, found.headers.get("x-outer")], [200, "200"]);
  const missing = await test.call("GET", "/nothing");
  assert.deepEqual([missing.status, missing.headers.get("x-outer")], [404, "404"]);
  const stopped = await test.call("GET", "/health", undefined, { "X-Stop": "1" });
  assert.deepEqual([stopped.status, stopped.headers.get("x-outer")], [418, "418"]);
  assert.deepEqual(seen, ["outer", "inner", "outer", "inner", "outer", "inner"]);
});

Deno.test("CORS is off by default, and answers for the origins that are named", async () => {
  const origin = "https://app.example";
  const preflight = { Origin: origin, "Access-Control-Request-Method": "POST" };
  {
    await using test = await startTestServer();
    const answer = await test.call("GET", "/health", undefined, { Origin: origin });
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
    assert.equal((await test.call("OPTIONS", "/health", undefined, preflight)).status, 405);
  }
  await using test = await startTestServer({
    cors: { origins: [origin], credentials: true, maxAge: 60, headers: ["X-Stream-Id"] },
  });
  const allowed = await test.call("OPTIONS", "/stream/start", undefined, preflight);
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get("access-control-allow-origin"), origin);
  assert.equal(allowed.headers.get("access-control-allow-credentials"), "true");
  assert.equal(allowed.headers.get("access-control-max-age"), "60");
  assert.match(allowed.headers.get("access-control-allow-methods") ?? "", /POST/);
  const missing = await test.call("GET", "/nothing", undefined, { Origin: origin });
  assert.equal(missing.headers.get("access-control-allow-origin"), origin);
  const other = await test.call("GET", "/health", undefined, { Origin: "https://evil.example" });
  assert.equal(other.headers.get("access-control-allow-origin"), null);
  assert.throws(() => create({ cors: { credentials: true } }), { code: "CONFIG_INVALID" });
  assert.throws(() => create({ cors: { origins: ["app.example"] } }), { code: "CONFIG_INVALID" });
});

Deno.test("CORS lets all origins in where they are listed as such, and covers failures", async () => {
  await using test = await startTestServer({
    cors: { origins: ["*"] },
    routes: [{
      path: "/broken",
      handler: () => {
        throw new Error("broken");
      },
    }],
  });
  for (const [path, status] of [["/health", 200], ["/broken", 500]] as const) {
    const answer = await test.call("GET", path, undefined, { Origin: "https://any.example" });
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*", path);
  }
});

Deno.test("a HEAD of a route that answers a GET gives its body back", async () => {
  let cancelled = 0;
  const handler = (): Response =>
    new Response(new ReadableStream({ cancel: () => void cancelled++ }), {
      headers: { "X-Answer": "yes" },
    });
  await using test = await startTestServer({ routes: [{ path: "/stream", handler }] });
  const answer = await test.call("HEAD", "/stream");
  assert.equal(answer.headers.get("x-answer"), "yes");
  assert.equal(cancelled, 1);
});

Deno.test("paths that no request could have are refused", () => {
  for (const path of ["/my%20files", "/ü", "/a b"]) {
    const staticFolders = [{ path, root: "." }];
    assert.throws(() => create({ staticFolders }), { code: "CONFIG_INVALID" }, path);
  }
});

Deno.test("a folder's files are served, with types, an index, tags and ranges", async () => {
  await withFolder(async (root) => {
    await using test = await startTestServer({
      staticFolders: [{ path: "/static", root, types: { wgsl: "text/wgsl" } }],
    });
    const get = async (path: string, headers: HeadersInit = {}, method = "GET") => {
      const response = await fetch(`${test.server.url}/static${path}`, { headers, method });
      return { response, text: await response.text() };
    };
    const { response, text } = await get("/a%20b.txt");
    assert.deepEqual([response.status, text], [200, "0123456789"]);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain/);
    const etag = response.headers.get("etag")!;
    assert.equal((await get("/a%20b.txt", { "If-None-Match": etag })).response.status, 304);
    const part = await get("/a%20b.txt", { Range: "bytes=2-4" });
    assert.deepEqual([part.response.status, part.text], [206, "234"]);
    assert.equal(part.response.headers.get("content-range"), "bytes 2-4/10");
    assert.equal((await get("/a%20b.txt", { Range: "bytes=10-" })).response.status, 416);
    const changed = await get("/a%20b.txt", { Range: "bytes=2-4", "If-Range": '"old"' });
    assert.deepEqual([changed.response.status, changed.text], [200, "0123456789"]);
    const head = await get("/a%20b.txt", {}, "HEAD");
    assert.deepEqual([head.response.headers.get("content-length"), head.text], ["10", ""]);
    const headOfPart = await get("/a%20b.txt", { Range: "bytes=10-" }, "HEAD");
    assert.equal(headOfPart.response.status, 200, "a range is of GET alone");
    const index = await get("/sub");
    assert.deepEqual([index.text, new URL(index.response.url).pathname], [
      "<p>index",
      "/static/sub/",
    ]);
    assert.equal((await get("/shader.wgsl")).response.headers.get("content-type"), "text/wgsl");
    assert.equal((await get("/inside.txt")).text, "0123456789");
    assert.equal((await get("/a%20b.txt", {}, "DELETE")).response.status, 405);
  });
});

Deno.test("nothing outside a folder, nothing hidden and no list of files is served", async () => {
  await withFolder(async (root) => {
    await using test = await startTestServer({ staticFolders: [{ path: "/static", root }] });
    const paths = [
      "/../outside.txt",
      "/%2e%2e/outside.txt",
      "/..%2foutside.txt",
      "/sub/..%5c..%5coutside.txt",
      "/escape.txt",
      "/.hidden",
      "/%2ehidden",
      "/visible.txt",
      "/sub/.git/config",
      "/a%00b",
      "/%zz",
      "/missing",
      "/",
      "/a%20b.txt/",
    ];
    for (const path of paths) {
      const answer = await test.call("GET", `/static${path}`);
      assert.equal(answer.status, 404, path);
      assert.equal(answer.body.status, "error", path);
    }
  });
  assert.throws(() => create({ staticFolders: [{ path: "/s", root: "/no/such/folder" }] }), {
    code: "CONFIG_INVALID",
  });
});

Deno.test("parseRange() takes one range and leaves what it does not know", () => {
  const cases: [string | null, ReturnType<typeof parseRange>][] = [
    [null, undefined],
    ["bytes=0-0", { start: 0, end: 1 }],
    ["bytes=5-", { start: 5, end: 10 }],
    ["bytes=-3", { start: 7, end: 10 }],
    ["bytes=-99", { start: 0, end: 10 }],
    ["bytes=0-99", { start: 0, end: 10 }],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=4-2", undefined],
    ["bytes=-", undefined],
    ["bytes=0-1,3-4", undefined],
    ["lines=0-1", undefined],
  ];
  for (const [header, range] of cases) {
    assert.deepEqual(parseRange(header, 10), range, header ?? "");
  }
});

Deno.test("hooks run in order: all at the end, up to the first failure at the start", async () => {
  const calls: string[] = [];
  const note = (name: string) => () => {
    calls.push(name);
  };
  const fail = (name: string) => () => {
    calls.push(name);
    return Promise.reject(new Error(`${name} broke`));
  };
  const server = create({
    onStartup: [note("a"), note("b")],
    onShutdown: [fail("c"), note("d")],
  });
  await server.start();
  await server.stop();
  await server.stop();
  assert.deepEqual(calls, ["a", "b", "c", "d"]);
  calls.length = 0;
  const broken = create({ onStartup: [fail("a"), note("b")], onShutdown: [note("c")] });
  await assert.rejects(broken.start(), { code: "CONFIG_INVALID", message: /hook 1 of 2.*a broke/ });
  assert.throws(() => broken.address, TypeError);
  await broken.stop();
  assert.deepEqual(calls, ["a", "c"]);
});

Deno.test("a route may become a WebSocket, which stays open however long nothing is said", async () => {
  await using test = await startTestServer({
    routes: [{
      path: "/talk",
      handler: (request) => {
        const { socket, response } = Deno.upgradeWebSocket(request);
        socket.onmessage = ({ data }) => socket.send(`you said ${data}`);
        return response;
      },
    }],
  });
  const socket = new WebSocket(`${test.server.url.replace("http", "ws")}/talk`);
  const said = async (text: string): Promise<string> => {
    const heard = Promise.withResolvers<string>();
    socket.onmessage = ({ data }) => heard.resolve(data);
    socket.onclose = () => heard.reject(new Error("it was closed"));
    socket.send(text);
    return await heard.promise;
  };
  await new Promise((resolve) => socket.onopen = resolve);
  assert.equal(await said("one"), "you said one");
  test.clock.advance(3_600_000);
  assert.equal(await said("two"), "you said two");
  const closed = Promise.withResolvers<void>();
  socket.onclose = () => closed.resolve();
  socket.close();
  await closed.promise;
});
