/** How the process of a stream reaches its channels, and nothing else. */

import assert from "node:assert/strict";
import {
  NotConnectedError,
  TricklePublisher,
  TrickleServer,
  TrickleSubscriber,
} from "../../../src/trickle/mod.ts";
import { Relay, RELAY_HEADERS } from "../../../src/worker/isolation/relay.ts";
import { RelayTransport } from "../../../src/worker/isolation/relay_transport.ts";
import { until, within } from "../../waiting.ts";
import { unusedPort } from "../../unused_port.ts";

const signal = new AbortController().signal;

Deno.test("a relay carries the segments of a stream's channels both ways", async () => {
  await using server = new TrickleServer();
  server.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${server.address!.port}/camera`;
  await using relay = new Relay();
  relay.open({ urls: [url, undefined] });
  const publisher = new TricklePublisher(url, {
    autocreate: true,
    transport: new RelayTransport(relay.address, { uploads: true }),
  });
  const subscriber = new TrickleSubscriber(url, {
    start: 0,
    waitForChannelMs: 10_000,
    transport: new RelayTransport(relay.address, {}),
  });
  const sent = [1, 2, 3].map((n) => new Uint8Array(100_000 * n).fill(n));
  for (const bytes of sent) {
    const segment = await publisher.next();
    await segment.write(bytes);
    await segment.close();
  }
  const received: Uint8Array[] = [];
  for await (const { body } of subscriber) {
    const parts = await Array.fromAsync(body, (part) => part.slice());
    received.push(new Uint8Array(await new Blob(parts).arrayBuffer()));
    if (received.length === sent.length) break;
  }
  assert.deepEqual(received, sent);
  await subscriber[Symbol.asyncDispose]();
  await publisher.close();
  const { status, body } = await fetch(`${url}/0`);
  await body?.cancel();
  assert.equal(status, 404, "the channel was not deleted");
});

Deno.test("a relay takes no request of others, and none to anywhere else", async () => {
  let visits = 0;
  await using visited = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    visits++;
    return new Response("x");
  });
  const base = `http://127.0.0.1:${visited.addr.port}`;
  await using relay = new Relay();
  const transport = new RelayTransport(relay.address, {});
  const ask = async (url: string): Promise<string> => {
    const { body } = await transport.request({ method: "GET", url, signal });
    return await new Response(body).text();
  };
  await assert.rejects(ask(`${base}/a/b`), /not one of the stream's channels/);
  relay.open({ urls: [`${base}/a/b`] });
  assert.equal(await ask(`${base}/a/b`), "x");
  assert.equal(await ask(`${base}/a/b/7`), "x");
  assert.equal(visits, 2);
  for (
    const url of [
      `${base}/a`,
      `${base}/a/bc`,
      `${base}/a/b/../c`,
      `${base}/a/b/%2e%2e/c`,
      `${base}/A/b`,
      `http://localhost:${visited.addr.port}/a/b`,
      `https://127.0.0.1:${visited.addr.port}/a/b`,
      "http://169.254.169.254/a/b",
      "file:///etc/passwd",
      "no url",
    ]
  ) await assert.rejects(ask(url), /channels|one of the stream's process/, url);
  for (const token of ["", "wrong", "x".repeat(72)]) {
    const headers = { [RELAY_HEADERS.token]: token, [RELAY_HEADERS.url]: `${base}/a/b` };
    const { status, body } = await fetch(relay.address.url, { headers });
    await body?.cancel();
    assert.equal(status, 403);
  }
  relay.close();
  await assert.rejects(ask(`${base}/a/b`), /channels/);
  assert.equal(visits, 2);
  transport[Symbol.dispose]();
});

Deno.test("a relay says whether a request may have arrived, and cuts bodies off where they were", async () => {
  const uploads: string[] = [];
  await using peer = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      if (request.method === "POST") {
        await request.text().then((text) => uploads.push(text), () => uploads.push("cut off"));
        return new Response("taken");
      }
      const body = new ReadableStream<Uint8Array>({
        start(controller): void {
          controller.enqueue(new Uint8Array(1_000));
          setTimeout(() => controller.error(new Error("cut")), 10);
        },
      });
      return new Response(body);
    },
  );
  const url = `http://127.0.0.1:${peer.addr.port}/c`;
  const nobody = `http://127.0.0.1:${unusedPort()}/c`;
  await using relay = new Relay();
  relay.open({ urls: [url, nobody] });
  const down = new RelayTransport(relay.address, {});
  const up = new RelayTransport(relay.address, { uploads: true });
  for (const transport of [down, up]) {
    await assert.rejects(
      transport.request({ method: "GET", url: nobody, signal }),
      NotConnectedError,
    );
  }
  const { body } = await down.request({ method: "GET", url, signal });
  await assert.rejects(within(new Response(body).arrayBuffer(), "the end of a body that was cut"));

  const broken = new ReadableStream<Uint8Array>({
    start(controller): void {
      controller.enqueue(new Uint8Array(1_000));
      setTimeout(() => controller.error(new Error("broken")), 10);
    },
  });
  await assert.rejects(up.request({ method: "POST", url, body: broken, signal }));
  await until(() => uploads.length === 1, "the upload that breaks off");
  assert.deepEqual(uploads, ["cut off"]);
  down[Symbol.dispose]();
  up[Symbol.dispose]();
});

Deno.test("a relay leads to a channel only where requests may lead", async () => {
  await using server = new TrickleServer();
  server.listen({ hostname: "127.0.0.1", port: 0 });
  const url = server.channelUrl("camera");
  await using relay = new Relay();
  relay.open({ urls: [url], urlRules: { allow: ["10.0.0.0/8"] } });
  for (const method of ["GET", "POST"] as const) {
    using transport = new RelayTransport(relay.address, {});
    await assert.rejects(transport.request({ method, url, signal }), NotConnectedError);
  }
  assert.equal(server.stats.requests, 0);
});
