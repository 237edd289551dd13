/** Servers that stop while something is under way. */

import assert from "node:assert/strict";
import { FrameProcessor } from "../../../src/processor/mod.ts";
import { BODY_TIMEOUT_MS } from "../../../src/server/http/request_limits.ts";
import type { CustomRoute } from "../../../src/server/mod.ts";
import { StreamServer } from "../../../src/server/mod.ts";
import type { RegistrationStatus } from "../../../src/livepeer/mod.ts";
import { ADMIT_ALL, startTestServer, TestProcessor } from "../fake_session.ts";
import { unusedPort } from "../../unused_port.ts";
import { until, within } from "../../waiting.ts";
import { RawConnection } from "./raw_http.ts";

const NEVER_REGISTERED: RegistrationStatus = {
  kind: "byoc",
  state: "waiting",
  registrations: 0,
  failures: 0,
  lastError: null,
};

/** What a request is answered with, and never to the end. */
const ENDLESS: Readonly<Record<string, () => Response | Promise<Response>>> = {
  "no answer": () => new Promise<Response>(() => {}),
  "an endless answer": () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("data: more\n\n")),
      }),
    ),
};

for (const [what, handler] of Object.entries(ENDLESS)) {
  Deno.test(`a stop does not wait for a request that has ${what}`, async () => {
    const asked = Promise.withResolvers<void>();
    const route: CustomRoute = {
      path: "/endless",
      handler: () => {
        asked.resolve();
        return handler();
      },
    };
    const test = await startTestServer({ routes: [route] });
    const answer = fetch(`${test.server.url}/endless`).then((response) => response.text());
    const cut = assert.rejects(answer);
    await asked.promise;
    await test.clock.passUntil(test.server.stop());
    await within(cut, "the end of the connection");
  });
}

Deno.test("a stop does not wait for a body that does not come", async () => {
  const test = await startTestServer();
  using connection = await RawConnection.open(test);
  await connection.send(["POST /stream/start HTTP/1.1", "Host: h", "Content-Length: 50"], "{");
  await until(() => test.clock.delays.includes(BODY_TIMEOUT_MS), "the server to read the body");
  await test.clock.passUntil(test.server.stop());
});

Deno.test("a stop lets what is being answered have its answer", async () => {
  const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<Response>()];
  const handler = (): Promise<Response> => {
    asked.resolve();
    return answer.promise;
  };
  const test = await startTestServer({ routes: [{ path: "/late", handler }] });
  const response = fetch(`${test.server.url}/late`);
  await asked.promise;
  const stopped = test.server.stop();
  answer.resolve(new Response("here it is"));
  assert.equal(await (await response).text(), "here it is");
  await test.clock.passUntil(stopped);
});

Deno.test("a stop during a startup hook closes what the hook opens", async () => {
  const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const happened: string[] = [];
  const server = new StreamServer({
    processor: new TestProcessor(),
    host: "127.0.0.1",
    port: 0,
    onStartup: [async () => {
      begun.resolve();
      await goOn.promise;
      happened.push("opened");
    }],
    onShutdown: [() => void happened.push("closed")],
  });
  const refused = assert.rejects(server.start(), /stopped before it listened/);
  await begun.promise;
  const stopped = server.stop();
  goOn.resolve();
  await Promise.all([refused, within(stopped, "the stop")]);
  assert.deepEqual(happened, ["opened", "closed"]);
});

Deno.test("a start that fails after it listened frees its port", async () => {
  const registration = {
    status: NEVER_REGISTERED,
    start: () => {
      throw new Error("no orchestrator");
    },
    unauthorized: () => {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const options = { host: "127.0.0.1", processor: new TestProcessor() };
  const port = unusedPort();
  const server = new StreamServer({ ...options, port, registration });
  await assert.rejects(server.start(), /no orchestrator/);
  await using again = new StreamServer({ ...options, port });
  await again.start();
});

Deno.test("a stream that is stopped before its processor is ready never reaches it", async () => {
  const calls: string[] = [];
  const loaded = Promise.withResolvers<void>();
  let made = 0;
  class Slow extends FrameProcessor {
    readonly #index = made++;
    override async initialize(): Promise<void> {
      if (this.#index === 1) await loaded.promise;
    }
    override onStreamStart(params: Readonly<Record<string, unknown>>): void {
      calls.push(`${params["who"]} starts on ${this.#index}`);
    }
    override onStreamStop(): void {
      calls.push(`a stream stops on ${this.#index}`);
    }
    override updateParams(params: Readonly<Record<string, unknown>>): void {
      calls.push(`${params["who"]} is told of ${this.#index}`);
    }
  }
  await using server = new StreamServer({
    processor: Slow,
    capacity: 2,
    admit: ADMIT_ALL,
    host: "127.0.0.1",
    port: 0,
  });
  await server.start();
  await server.initialized;
  const start = async (id: string): Promise<void> => {
    const response = await fetch(`${server.url}/stream/start`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ gateway_request_id: id, params: { who: id } }),
    });
    assert.equal(response.status, 200, await response.text());
  };
  await start("a");
  await start("b");
  await server.updateParams({ who: "b, later" }, "b");
  await server.stopStream("b");
  await start("c");
  loaded.resolve();
  await until(() => calls.length === 2, "the start of c");
  await server.stopStream("c");
  assert.deepEqual(calls, ["a starts on 0", "c starts on 1", "a stream stops on 1"]);
});
