/** Where requests may lead: each connection is held to it, whatever a name meant before. */

import assert from "node:assert/strict";
import {
  createTransport,
  NotConnectedError,
  type TlsOptions,
  type Transport,
  UrlPolicy,
} from "../../src/trickle/mod.ts";
import { within } from "../waiting.ts";

const signal = new AbortController().signal;

/** Counts the connections and bytes that reach it. */
class Listening implements AsyncDisposable {
  connections = 0;
  bytes = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving = this.#serve();

  get port(): number {
    return this.#listener.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      this.connections++;
      const buffer = new Uint8Array(4096);
      try {
        for (let count; (count = await connection.read(buffer)) !== null;) this.bytes += count;
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
      }
      connection.close();
    }
  }
}

async function assertRefused(transport: Transport, url: string): Promise<void> {
  const asked = transport.request({ method: "GET", url, headers: { authorization: "x" }, signal });
  await assert.rejects(within(asked, "the refusal"), (error) => {
    assert.ok(error instanceof NotConnectedError, String(error));
    assert.match(error.message, /is not where requests may lead; see allowUrls/);
    return true;
  });
}

const KINDS: Readonly<Record<string, readonly [TlsOptions, boolean]>> = {
  "a download": [{ mode: "system" }, false],
  "an upload": [{ mode: "system" }, true],
  "a request without checks of certificates": [{ mode: "insecure" }, false],
};

for (const [kind, [tls, uploads]] of Object.entries(KINDS)) {
  Deno.test(`${kind} to an address that is not allowed opens no connection`, async () => {
    await using listening = new Listening();
    using transport = createTransport(tls, {
      uploads,
      urls: new UrlPolicy({ allow: ["10.0.0.0/8", "localhost"] }),
    });
    await assertRefused(transport, `http://127.0.0.1:${listening.port}/c`);
    await assertRefused(transport, `https://127.0.0.1:${listening.port}/c`);
    await assertRefused(transport, "http://169.254.169.254/latest/meta-data");
    assert.equal(listening.connections, 0);
  });

  Deno.test(`${kind} to a name that means another address by then sends no byte`, async () => {
    await using listening = new Listening();
    const urls = new UrlPolicy({
      allow: ["203.0.113.0/24"],
      lookup: () => Promise.resolve(["203.0.113.7"]),
    });
    const url = `http://localhost:${listening.port}/c`;
    assert.equal(await urls.allows(url), true);
    using transport = createTransport(tls, { uploads, urls });
    await assertRefused(transport, url);
    await assertRefused(transport, url);
    assert.equal(listening.bytes, 0);
  });

  Deno.test(`${kind} to a name that is allowed is answered`, async () => {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      ({ headers }) => new Response(headers.get("host")),
    );
    using transport = createTransport(tls, { uploads, urls: new UrlPolicy() });
    for (const host of ["localhost", "127.0.0.1"]) {
      const url = `http://${host}:${server.addr.port}/c`;
      const { body } = await transport.request({ method: "GET", url, signal });
      assert.equal(await new Response(body).text(), `${host}:${server.addr.port}`);
    }
  });
}
