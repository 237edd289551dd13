import assert from "node:assert/strict";
import { TrickleError } from "../../src/base/mod.ts";
import { TricklePublisher, TrickleServer, TrickleSubscriber } from "../../src/trickle/mod.ts";
import { unusedPort } from "../unused_port.ts";
import { ManualClock } from "./manual_clock.ts";

const CREDENTIALS = "us%40er:p%3Ass%";
const AUTHORIZATION = `Basic ${btoa("us@er:p:ss%")}`;

/** A trickle server behind a guard that wants a user name and a password. */
class GuardedServer implements AsyncDisposable {
  readonly trickle = new TrickleServer();
  readonly seen: (string | null)[] = [];
  readonly #http: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#http = Deno.serve(options, async (request) => {
      const authorization = request.headers.get("authorization");
      this.seen.push(authorization);
      if (authorization === AUTHORIZATION) return await this.trickle.handler(request);
      await request.body?.cancel();
      return new Response(null, { status: 401 });
    });
  }

  url(channel: string, credentials = CREDENTIALS): string {
    return `http://${credentials}@127.0.0.1:${this.#http.addr.port}/${channel}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.trickle[Symbol.asyncDispose]();
    await this.#http.shutdown();
  }
}

Deno.test("the credentials of a URL go with every request, and are not in the address", async () => {
  await using server = new GuardedServer();
  const clock = new ManualClock();
  const publisher = new TricklePublisher(server.url("a"), { autocreate: true, clock });
  const writer = await publisher.next();
  await writer.write(new Uint8Array([1, 2, 3]));
  await writer.close();
  await using subscriber = new TrickleSubscriber(server.url("a/"), { start: 0, clock });
  for await (const segment of subscriber) {
    const bytes = await Array.fromAsync(segment.body);
    assert.deepEqual([...bytes[0]!], [1, 2, 3]);
    break;
  }
  await publisher.close();
  assert.ok(server.seen.length >= 3);
  for (const authorization of server.seen) assert.equal(authorization, AUTHORIZATION);
  assert.equal(publisher.url, server.url("a").replace(`${CREDENTIALS}@`, ""));
  assert.equal(subscriber.url, publisher.url);
});

Deno.test("an error does not name the credentials of a URL", async () => {
  await using server = new GuardedServer();
  await using publisher = new TricklePublisher(server.url("a", "user:hunter2"), {
    autocreate: true,
    maxFailures: 1,
  });
  await assert.rejects(async () => {
    const writer = await publisher.next();
    await writer.write(new Uint8Array(1));
    await writer.close();
    await publisher.next();
  }, (error) => {
    assert.ok(error instanceof TrickleError);
    assert.doesNotMatch(`${error.message} ${JSON.stringify(error.context)}`, /hunter2|user/);
    return true;
  });
});

Deno.test("an error and its causes do not name the query of a URL that nobody answers", async () => {
  const url = `http://t0ken@127.0.0.1:${unusedPort()}/a?rights=read&sign=hunter2`;
  const options = { reconnectMs: 0, clock: new ManualClock() };
  await using subscriber = new TrickleSubscriber(url, { ...options, maxRetries: 0 });
  await using publisher = new TricklePublisher(url, options);
  const uses = [
    async () => void await Array.fromAsync(subscriber),
    () => publisher.create(),
  ];
  for (const use of uses) {
    await assert.rejects(use, (error) => {
      assert.ok(error instanceof TrickleError);
      const shown = Deno.inspect(error);
      assert.match(shown, /\[cause\]/);
      assert.doesNotMatch(shown, /hunter2|t0ken/);
      return true;
    });
  }
});

Deno.test("the query of a URL goes with every request, its fragment with none, and both are not in the address", async () => {
  await using trickle = new TrickleServer({ basePath: "/live/" });
  const seen: string[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      seen.push(search);
      assert.match(pathname, /^\/live\/a(\/(-?\d+|next))?$/);
      return await trickle.handler(request);
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}/live/a/?sign=a%2Fb&x=/../..#/other`;
  const clock = new ManualClock();
  const publisher = new TricklePublisher(url, { autocreate: true, clock });
  await publisher.create();
  const writer = await publisher.next();
  await writer.write(new Uint8Array([1, 2, 3]));
  await writer.close();
  await using subscriber = new TrickleSubscriber(url, { start: 0, clock });
  for await (const segment of subscriber) {
    assert.deepEqual([...(await Array.fromAsync(segment.body))[0]!], [1, 2, 3]);
    break;
  }
  await publisher.close();
  assert.equal(publisher.url, `http://127.0.0.1:${server.addr.port}/live/a`);
  assert.equal(subscriber.url, publisher.url);
  assert.deepEqual(new Set(seen), new Set(["?sign=a%2Fb&x=/../.."]));
});

Deno.test("a token goes with every request as Bearer, before the user name and password of the URL", async () => {
  await using trickle = new TrickleServer({
    grants: [{ token: "t0ken:of+both", rights: ["read", "publish"] }],
  });
  trickle.listen();
  const url = trickle.channelUrl("a").replace("//", "//user:hunter2@");
  const token = "t0ken:of+both";
  const publisher = new TricklePublisher(url, { autocreate: true, token });
  const writer = await publisher.next();
  await writer.write(new Uint8Array([1, 2, 3]));
  await writer.close();
  await using subscriber = new TrickleSubscriber(url, { start: 0, token });
  for await (const segment of subscriber) {
    assert.deepEqual([...(await Array.fromAsync(segment.body))[0]!], [1, 2, 3]);
    break;
  }
  await publisher.close();
  assert.deepEqual(trickle.channelNames, []);
});

Deno.test("a token that no header can hold is refused and not shown", () => {
  for (const token of ["", "s3cret token", "s3cret\r\nX: y", "s3crét"]) {
    for (const Client of [TricklePublisher, TrickleSubscriber]) {
      assert.throws(() => new Client("http://127.0.0.1:9/a", { token }), (error) => {
        assert.ok(error instanceof TypeError);
        assert.doesNotMatch(error.message, /s3cr/);
        return true;
      });
    }
  }
});
