import assert from "node:assert/strict";
import { Validator } from "npm:@seriousme/openapi-schema-validator@2.11.0";
import { z, type ZodType } from "zod";
import * as answers from "../../../src/server/api/answer_schemas.ts";
import { FrameProcessor } from "../../../src/processor/mod.ts";
import { type HttpOptions, StreamServer } from "../../../src/server/mod.ts";
import { startTestServer, type TestServer } from "../fake_session.ts";

const tree: ZodType = z.object({
  name: z.string(),
  get children() {
    return z.array(tree);
  },
}).meta({ title: "Tree" });

const OPTIONS: HttpOptions = {
  token: "t0ken",
  appVersion: "1.2.3",
  routes: [
    {
      method: ["GET", "PUT"],
      path: "/faces/:id",
      handler: () => Response.json({}),
      doc: {
        summary: "Faces & <names>",
        request: tree,
        answers: { 200: { description: "It.", schema: tree } },
      },
    },
    { path: "/files/*", handler: () => new Response(), doc: { summary: "Files" } },
    { path: "/quiet", handler: () => new Response() },
  ],
};

interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Record<
    string,
    Record<string, { operationId: string; security?: unknown; responses: object }>
  >;
  readonly components: { readonly schemas: Record<string, { properties: object }> };
}

async function documentOf(url: string): Promise<Document> {
  return await (await fetch(`${url}/openapi.json`)).json();
}

Deno.test("/openapi.json is OpenAPI 3.1 and has every path", async () => {
  await using test = await startTestServer({ ...OPTIONS, prefix: "/v1" });
  const document = await documentOf(test.server.url);
  const result = await new Validator().validate(JSON.parse(JSON.stringify(document)));
  assert.ok(result.valid, JSON.stringify(result.errors));
  assert.match(document.openapi, /^3\.1/);
  assert.equal(document.info.version, "1.2.3");
  assert.deepEqual(document.servers, [{ url: "/v1" }]);
  const { message } = (await test.call("GET", "/nothing")).body;
  const known = message.split(" answers ")[1]!.split(", ").map((path) => path.slice(3));
  const described = known.filter((path) => path !== "/quiet").map((path) =>
    path.replace(":id", "{id}").replace("*", "{rest}")
  );
  assert.deepEqual(Object.keys(document.paths).sort(), described.sort());
  for (const [path, methods] of Object.entries(document.paths)) {
    const isSecured = /stream\/|live-video/.test(path);
    for (const operation of Object.values(methods)) {
      assert.equal(operation.security !== undefined, isSecured, path);
      assert.equal("401" in operation.responses, isSecured, path);
    }
  }
});

Deno.test("without a token the document asks for none", async () => {
  await using test = await startTestServer();
  const text = JSON.stringify(await documentOf(test.server.url));
  assert.ok(!/security|bearer/.test(text));
});

Deno.test("the processor's parameters stand beside Runnel's", async () => {
  class Blur extends FrameProcessor {
    override readonly paramsSchema = z.object({ radius: z.number().min(0).default(3) });
  }
  await using server = new StreamServer({ processor: new Blur(), host: "127.0.0.1", port: 0 });
  await server.start();
  const { Params } = (await documentOf(server.url)).components.schemas;
  const names = Object.keys(Params?.properties ?? {});
  for (const name of ["radius", "width", "max_framerate"]) assert.ok(names.includes(name), name);
});

Deno.test("no two operations have one id", async () => {
  const handler = () => new Response();
  const doc = { summary: "A face" };
  const routes = ["/faces/:id", "/faces/id", "/faces-id"].map((path) => ({ path, handler, doc }));
  await using test = await startTestServer({ routes });
  const { paths } = await documentOf(test.server.url);
  const ids = Object.values(paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId)
  );
  assert.ok(ids.includes("get_faces_id_3"));
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("every reference of the document leads somewhere", async () => {
  await using test = await startTestServer(OPTIONS);
  const document: unknown = await documentOf(test.server.url);
  const references = JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g);
  for (const [, pointer] of references) {
    const found = pointer!.split("/").reduce<unknown>(
      (value, key) => (value as Record<string, unknown> | undefined)?.[key],
      document,
    );
    assert.notEqual(found, undefined, pointer);
  }
});

Deno.test("real answers have the shape that the document gives them", async () => {
  await using test = await startTestServer();
  const check = async (schema: ZodType, method: string, path: string, body?: unknown) => {
    const answer = await test.call(method, path, body);
    const result = schema.safeParse(answer.body);
    assert.ok(result.success, `${method} ${path}: ${result.error?.message}`);
  };
  const start = { gateway_request_id: "job-1" };
  await check(answers.healthBody, "GET", "/health");
  await check(answers.statusBody, "GET", "/stream/status");
  await check(answers.errorBody, "POST", "/stream/stop");
  await check(answers.successBody, "POST", "/stream/start", start);
  await check(answers.errorBody, "POST", "/stream/start", start);
  await check(answers.statusBody, "GET", "/stream/status");
  await check(answers.successBody, "POST", "/stream/params", { gain: 1 });
  await check(answers.successBody, "POST", "/stream/stop");
  await check(answers.versionBody, "GET", "/version");
  await check(answers.appVersionBody, "GET", "/app-version");
  await check(answers.hardwareInfoBody, "GET", "/hardware/info");
  await check(answers.hardwareStatsBody, "GET", "/hardware/stats");
  await check(answers.probeBody, "GET", "/livez");
  await check(answers.probeBody, "GET", "/readyz");
  await check(answers.errorBody, "GET", "/nothing");
});

async function pageOf({ server }: TestServer): Promise<string> {
  const response = await fetch(`${server.url}/docs`);
  assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
  assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  return await response.text();
}

Deno.test("/docs shows every operation, loads nothing and escapes what it shows", async () => {
  await using test = await startTestServer(OPTIONS);
  const page = await pageOf(test);
  for (const path of ["/api/stream/start", "/live-video-to-video", "/readyz", "/faces/{id}"]) {
    assert.ok(page.includes(`<code>${path}</code>`), path);
  }
  assert.ok(page.includes("Authorization: Bearer $TOKEN") || page.includes("Bearer $TOKEN"));
  assert.ok(page.includes(`${test.server.url}/api/stream/start`));
  assert.ok(page.includes("Faces &#38; &#60;names&#62;"));
  assert.ok(!/<script|<link|<img|@import|url\(|t0ken/.test(page));
});
