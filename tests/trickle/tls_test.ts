import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  createTransport,
  NotConnectedError,
  tlsFromEnvironment,
  type TlsOptions,
  TricklePublisher,
  TrickleServer,
  TrickleSubscriber,
  UrlPolicy,
} from "../../src/trickle/mod.ts";
import { type Certificate, selfSigned, signedBySelfSigned } from "./certificates.ts";
import { ManualClock } from "./manual_clock.ts";
import { delay, until } from "../waiting.ts";

interface Certificates {
  readonly authority: Certificate;
  readonly signed: Certificate;
}

let certificates: Promise<Certificates> | undefined;

/** Makes what the tests of this file share. */
async function makeCertificates(): Promise<Certificates> {
  const folder = await Deno.makeTempDir();
  try {
    const authority = await selfSigned(folder);
    return { authority, signed: await signedBySelfSigned(folder) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function withHttps(
  kind: "self-signed" | "signed",
  use: (server: TrickleServer, caCert: string) => Promise<void>,
): Promise<void> {
  const { authority, signed } = await (certificates ??= makeCertificates());
  await using server = new TrickleServer();
  server.listen({ tls: kind === "signed" ? signed : authority });
  await use(server, authority.cert);
}

/** Bytes both ways, small and large, and the end. */
async function roundTrip(server: TrickleServer, tls: TlsOptions): Promise<void> {
  const url = server.channelUrl("c");
  assert.equal(url.startsWith("https://"), true);
  const publisher = new TricklePublisher(url, { tls, clock: new ManualClock() });
  await publisher.create();
  await using subscriber = new TrickleSubscriber(url, { tls, clock: new ManualClock() });
  const segments = subscriber[Symbol.asyncIterator]();
  const first = await publisher.next();
  await first.write(new Uint8Array([7]));
  const segment = (await segments.next()).value!;
  const body = segment.body[Symbol.asyncIterator]();
  // The byte is here while its segment is open: nothing on the way holds it back.
  assert.deepEqual((await body.next()).value, new Uint8Array([7]));
  await first.write(new Uint8Array([8]));
  assert.deepEqual((await body.next()).value, new Uint8Array([8]));
  await first.close();
  assert.equal((await body.next()).done, true);
  const large = new Uint8Array(3_000_000).map((_, at) => at % 251);
  const second = await publisher.next();
  await second.write(large);
  await second.close();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const bytes of (await segments.next()).value!.body) parts.push(bytes.slice());
  assert.deepEqual(new Uint8Array(await new Blob(parts).arrayBuffer()), large);
  await publisher.close();
  assert.equal((await segments.next()).done, true);
  assert.deepEqual(await subscriber.outcome, { kind: "ended" });
  assert.equal(publisher.stats.failedSegments, 0);
}

Deno.test("caCerts: a certificate of the given authority is accepted", () =>
  withHttps(
    "signed",
    (server, caCert) => roundTrip(server, { mode: "caCerts", caCerts: [caCert] }),
  ));

Deno.test("insecure: a self-signed certificate is accepted, streaming both ways", () =>
  withHttps("self-signed", (server) => roundTrip(server, { mode: "insecure" })));

Deno.test("pinned: a self-signed certificate of this SHA-256 is accepted, streaming both ways", () =>
  withHttps("self-signed", async (server, caCert) => {
    const sha256 = new X509Certificate(caCert).fingerprint256;
    await roundTrip(server, { mode: "pinned", sha256: ["00".repeat(32), sha256] });
  }));

Deno.test("pinned: another certificate gets no byte, not of a token either", async () => {
  const { authority } = await (certificates ??= makeCertificates());
  let requests = 0;
  await using server = Deno.serve(
    { ...authority, port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => {
      requests++;
      return new Response(null, { status: 404 });
    },
  );
  const tls: TlsOptions = { mode: "pinned", sha256: ["00".repeat(32)] };
  const url = `https://127.0.0.1:${server.addr.port}/c`;
  await using publisher = new TricklePublisher(url, { tls, ownsChannel: false });
  await assert.rejects(publisher.create(), {
    code: "TRICKLE_UNREACHABLE",
    message: /certificate of 127\.0\.0\.1:\d+ is none of those that are pinned/,
  });
  await using subscriber = new TrickleSubscriber(url, { tls, maxRetries: 0, reconnectMs: 0 });
  subscriber.start();
  assert.equal((await subscriber.outcome).kind, "failed");
  assert.equal(requests, 0);
});

Deno.test("insecure hosts: the certificates of others are checked", () =>
  withHttps("self-signed", async (server) => {
    const { port } = server.address!;
    for (const host of ["127.0.0.1", `127.0.0.1:${port}`]) {
      await roundTrip(server, { mode: "insecure", hosts: ["other", host] });
    }
    const tls: TlsOptions = { mode: "insecure", hosts: ["localhost", `127.0.0.1:${port + 1}`] };
    await using publisher = new TricklePublisher(server.channelUrl("c"), {
      tls,
      ownsChannel: false,
    });
    await assert.rejects(publisher.create(), { code: "TRICKLE_UNREACHABLE" });
  }));

Deno.test("system: a self-signed certificate is refused", () =>
  withHttps("self-signed", async (server) => {
    server.createChannel("c");
    await using publisher = new TricklePublisher(server.channelUrl("c"), { ownsChannel: false });
    await assert.rejects(publisher.create(), { code: "TRICKLE_UNREACHABLE" });
    await using subscriber = new TrickleSubscriber(server.channelUrl("c"), {
      maxRetries: 0,
      reconnectMs: 0,
    });
    subscriber.start();
    assert.equal((await subscriber.outcome).kind, "failed");
  }));

Deno.test("insecure: early answers arrive while the body is open", () =>
  withHttps("self-signed", async (server) => {
    server.createChannel("c");
    const tls = { mode: "insecure" } as const;
    await using publisher = new TricklePublisher(server.channelUrl("c"), {
      tls,
      clock: new ManualClock(),
    });
    const writer = await publisher.next();
    await writer.write(new Uint8Array(100));
    await until(() => server.stats.receivedBytes === 100, "the bytes to arrive");
    server.closeChannel("c");
    await assert.rejects(async () => {
      for (;;) {
        await writer.write(new Uint8Array(1));
        await delay(1);
      }
    }, { code: "TRICKLE_CLOSED" });
  }));

Deno.test("insecure: a segment that is given up stays open for whoever goes on with it", () =>
  withHttps("self-signed", async (server) => {
    server.createChannel("c");
    const tls = { mode: "insecure" } as const;
    const url = server.channelUrl("c");
    await using subscriber = new TrickleSubscriber(url, { tls });
    const segments = subscriber[Symbol.asyncIterator]();
    const publisher = new TricklePublisher(url, { tls, ownsChannel: false, start: 0 });
    const writer = await publisher.next();
    await writer.write(new Uint8Array([1]));
    const body = (await segments.next()).value!.body[Symbol.asyncIterator]();
    await body.next();
    await writer.abandon();
    assert.equal((await body.next()).done, true);
    await publisher.close();
    const answer = await server.handler(new Request(`http://x/c/next`));
    assert.equal(await answer.text(), "1");
  }));

Deno.test("the environment says what is demanded of certificates", async () => {
  const from = (environment: Record<string, string>) =>
    tlsFromEnvironment({ get: (name) => environment[name] });
  assert.deepEqual(from({}), { mode: "system" });
  assert.deepEqual(from({ TRICKLE_TLS: "system" }), { mode: "system" });
  assert.deepEqual(from({ TRICKLE_TLS: "insecure" }), { mode: "insecure" });
  assert.deepEqual(from({ TRICKLE_TLS_INSECURE_HOSTS: "a, b:8935" }), {
    mode: "insecure",
    hosts: ["a", "b:8935"],
  });
  const pins = ["AB:".repeat(31) + "AB", "cd".repeat(32)];
  assert.deepEqual(from({ TRICKLE_TLS_PIN: pins.join() }), { mode: "pinned", sha256: pins });
  const { authority } = await (certificates ??= makeCertificates());
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, authority.cert);
    assert.deepEqual(from({ TRICKLE_TLS_CA: path }), {
      mode: "caCerts",
      caCerts: [authority.cert],
    });
    await Deno.writeTextFile(path, "no certificate");
    assert.throws(() => from({ TRICKLE_TLS_CA: path }), { code: "CONFIG_INVALID" });
  } finally {
    await Deno.remove(path);
  }
  for (
    const wrong of [
      { TRICKLE_TLS: "yes" },
      { TRICKLE_TLS_CA: "/no/such/file.pem" },
      { TRICKLE_TLS_PIN: "abc" },
      { TRICKLE_TLS: "insecure", TRICKLE_TLS_PIN: pins[0]! },
    ]
  ) {
    assert.throws(() => from(wrong), { code: "CONFIG_INVALID" });
  }
});

Deno.test("over https a name that means another address by then gets no byte of a request", () =>
  withHttps("self-signed", async (server) => {
    const urls = new UrlPolicy({
      allow: ["203.0.113.0/24"],
      lookup: () => Promise.resolve(["203.0.113.7"]),
    });
    const url = server.channelUrl("c").replace("127.0.0.1", "localhost");
    assert.equal(await urls.allows(url), true);
    const { signal } = new AbortController();
    for (const tls of [{ mode: "system" }, { mode: "insecure" }] as const) {
      using transport = createTransport(tls, { urls });
      // A server inside the network has no certificate for the name of somebody else.
      await assert.rejects(transport.request({ method: "GET", url, signal }), NotConnectedError);
    }
    assert.equal(server.stats.requests, 0);
  }));
