import assert from "node:assert/strict";
import type { ConnectionLimits } from "../../../src/base/net/connection_limits.ts";
import { GatedPort } from "../../../src/base/net/gated_port.ts";
import type { PortHandler } from "../../../src/base/net/http_port.ts";
import { RawConnection } from "../../server/http/raw_http.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";
import { until, within } from "../../waiting.ts";

const LIMITS: ConnectionLimits = {
  maxConnections: 4,
  maxConnectionsPerClient: 3,
  firstByteTimeoutMs: 5_000,
  headTimeoutMs: 7_000,
  idleTimeoutMs: 60_000,
  writeTimeoutMs: 30_000,
};

interface Gate extends AsyncDisposable {
  readonly port: GatedPort;
  readonly clock: ManualClock;
  connect(): Promise<RawConnection>;
}

function open(handler: PortHandler, limits: Partial<ConnectionLimits> = {}): Gate {
  const clock = new ManualClock();
  const port = new GatedPort({
    hostname: "127.0.0.1",
    port: 0,
    clock,
    onError: () => new Response(null, { status: 500 }),
    limits: { ...LIMITS, ...limits },
  }, handler);
  return {
    port,
    clock,
    connect: async () => new RawConnection(await Deno.connect(port.address as { port: number })),
    [Symbol.asyncDispose]: () => port.cut(),
  };
}

const ok: PortHandler = async (request) => new Response(`ok ${await request.text()}`);

Deno.test("a connection that says nothing is closed in time", async () => {
  await using gate = open(ok);
  using silent = await gate.connect();
  await until(() => gate.port.connections === 1, "the connection");
  gate.clock.advance(4_000);
  assert.equal(gate.port.connections, 1);
  gate.clock.advance(1_000);
  assert.equal(await silent.readToEnd(), "");
});

Deno.test("half of a head is not waited for for ever", async () => {
  await using gate = open(ok, { firstByteTimeoutMs: Infinity, idleTimeoutMs: Infinity });
  using half = await gate.connect();
  await half.send(["GET / HTTP/1.1", "Host: localhost"]);
  await half.readUntil(/ok/);
  await half.write("GET / HTTP/1.1\r\nHos");
  assert.equal(await gate.clock.passUntil(half.readToEnd()), "");
});

Deno.test("a connection without a request is kept, and closed in time", async () => {
  await using gate = open(ok);
  using idle = await gate.connect();
  for (let i = 0; i < 3; i++) {
    await idle.send(["POST / HTTP/1.1", "Host: localhost", "Content-Length: 2"], "hi");
    assert.match(await idle.readUntil(/ok hi/), /^HTTP\/1\.1 200/);
    await until(() => gate.port.idleConnections === 1, "the end of the request");
    gate.clock.advance(59_000);
  }
  assert.equal(gate.port.connections, 1);
  gate.clock.advance(1_000);
  assert.equal(await idle.readToEnd(), "");
});

Deno.test("an answer that takes its time is waited for", async () => {
  const answer = Promise.withResolvers<Response>();
  const asked = Promise.withResolvers<void>();
  await using gate = open(() => {
    asked.resolve();
    return answer.promise;
  });
  using slow = await gate.connect();
  await slow.send(["GET / HTTP/1.1", "Host: localhost"]);
  await within(asked.promise, "the request");
  gate.clock.advance(3_600_000);
  answer.resolve(new Response("at last"));
  assert.match(await slow.readUntil(/at last/), /^HTTP\/1\.1 200/);
});

Deno.test("a client gets no more than its connections; one that says nothing makes room", async () => {
  const answers = Promise.withResolvers<void>();
  let asked = 0;
  await using gate = open(async () => {
    asked++;
    await answers.promise;
    return new Response("done");
  });
  const busy = await Promise.all([gate.connect(), gate.connect(), gate.connect()]);
  for (const each of busy) await each.send(["GET / HTTP/1.1", "Host: localhost"]);
  await until(() => asked === 3, "the requests");
  {
    using fourth = await gate.connect();
    const refusal = await fourth.readToEnd();
    assert.match(refusal, /^HTTP\/1\.1 503 .*Retry-After: 1\r\n.*Too many connections\n$/s);
  }
  answers.resolve();
  for (const each of busy) assert.match(await each.readUntil(/done/), /200 OK/);
  // That the last answer is out is known a moment later.
  await until(() => gate.port.idleConnections === 3, "the end of the requests");
  gate.clock.advance(2_000);
  using fifth = await gate.connect();
  await fifth.send(["GET / HTTP/1.1", "Host: localhost"]);
  assert.match(await fifth.readUntil(/done/), /200 OK/);
  for (const each of busy) each[Symbol.dispose]();
});

Deno.test("an answer that closes is told in full, and nothing more is read", async () => {
  await using gate = open(async (request) => {
    await request.body?.cancel();
    return new Response("no", { status: 413, headers: { Connection: "close" } });
  });
  using client = await gate.connect();
  await client.send(["POST / HTTP/1.1", "Host: localhost", "Content-Length: 15728640"], "begin");
  assert.match(await client.readToEnd(), /^HTTP\/1\.1 413 .*no$/s);
});

Deno.test("bytes go through as they are, both ways", async () => {
  await using gate = open((request) => new Response(request.body));
  const bytes = new Uint8Array(3_000_000).map((_, i) => i * 7 % 251);
  const { hostname, port } = gate.port.address;
  const response = await fetch(`http://${hostname}:${port}/`, { method: "POST", body: bytes });
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), bytes);
});

Deno.test("a shutdown answers what was asked, and does not wait for connections that say nothing", async () => {
  const answer = Promise.withResolvers<Response>();
  const asked = Promise.withResolvers<void>();
  const gate = open(() => {
    asked.resolve();
    return answer.promise;
  });
  using silent = await gate.connect();
  using asking = await gate.connect();
  await asking.send(["GET / HTTP/1.1", "Host: localhost"]);
  await until(() => gate.port.connections === 2, "both connections");
  await within(asked.promise, "the request");
  const shutdown = gate.port.shutdown();
  answer.resolve(new Response("the last"));
  assert.match(await asking.readToEnd(), /the last/);
  assert.equal(await silent.readToEnd(), "");
  await within(shutdown, "the end of the port");
});
