import assert from "node:assert/strict";
import { isStatus, STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import { STATUS_CODE as FROM_ROOT } from "@std/http";
import { type Route, route } from "@std/http/unstable-route";

const ROUTES: Route[] = [
  {
    method: ["GET", "HEAD"],
    pattern: new URLPattern({ pathname: "/api/stream/:id" }),
    handler: (_request, params) => new Response(`get ${params.pathname.groups["id"]}`),
  },
  {
    method: "post",
    pattern: new URLPattern({ pathname: "/api/stream/*" }),
    handler: (request) => new Response(`post ${new URL(request.url).pathname}`),
  },
  { pattern: new URLPattern({ pathname: "/any" }), handler: (r) => new Response(r.method) },
  {
    method: "GET",
    pattern: new URLPattern({ pathname: "/throws" }),
    handler: () => {
      throw new Error("thrown");
    },
  },
];

const handler = route(ROUTES, () => new Response("default", { status: STATUS_CODE.NotFound }));

async function ask(method: string, path: string): Promise<string> {
  const response = await handler(new Request(`http://127.0.0.1${path}`, { method }));
  return await response.text();
}

Deno.test("STATUS_TEXT has the registry's phrase for each code", () => {
  assert.equal(FROM_ROOT, STATUS_CODE);
  assert.equal(Object.keys(STATUS_TEXT).length, Object.keys(STATUS_CODE).length);
  const phrases = [200, 203, 226, 404, 414, 418, 431, 505, 511] as const;
  assert.deepEqual(phrases.map((code) => STATUS_TEXT[code]), [
    "OK",
    "Non Authoritative Info",
    "IM Used",
    "Not Found",
    "URI Too Long",
    "I'm a teapot",
    "Request Header Fields Too Large",
    "HTTP Version Not Supported",
    "Network Authentication Required",
  ]);
});

Deno.test("isStatus() knows the registered codes only", () => {
  assert.deepEqual([200, 404, 299, 999, NaN].map(isStatus), [true, true, false, false, false]);
});

Deno.test("route() takes the first route that matches path and method", async () => {
  assert.equal(await ask("GET", "/api/stream/abc?x=1"), "get abc");
  assert.equal(await ask("POST", "/api/stream/abc"), "post /api/stream/abc");
  assert.equal(await ask("DELETE", "/api/stream/abc"), "default");
  assert.equal(await ask("GET", "/elsewhere"), "default");
});

Deno.test("route() lets a route without a method take any", async () => {
  assert.equal(await ask("GET", "/any"), "GET");
  assert.equal(await ask("DELETE", "/any"), "DELETE");
});

Deno.test("route() leaves errors to the caller", async () => {
  await assert.rejects(async () => await ask("GET", "/throws"), /thrown/);
});

Deno.test("route() hands the connection's information on", async () => {
  const addresses: string[] = [];
  const withInfo = route([{
    method: "GET",
    pattern: new URLPattern({ pathname: "/info" }),
    handler: (_request, _params, info) => {
      addresses.push((info?.remoteAddr as Deno.NetAddr).hostname);
      return new Response("ok");
    },
  }], () => new Response("default"));
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, withInfo);
  const response = await fetch(`http://127.0.0.1:${server.addr.port}/info`);
  assert.equal(await response.text(), "ok");
  assert.deepEqual(addresses, ["127.0.0.1"]);
});
