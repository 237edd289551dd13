import assert from "node:assert/strict";
import { boundFetch } from "../../../src/base/net/bound_fetch.ts";

Deno.test("boundFetch() asks the addresses that were checked, under the URL's name", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ headers }) => new Response(headers.get("host")),
  );
  using owner = new DisposableStack();
  // Nobody knows this name, and nothing listens at the first address.
  const host = `model.invalid:${server.addr.port}`;
  const addresses = ["::1", "127.0.0.1"];
  const response = await boundFetch(new URL(`http://${host}/m`), { addresses, owner });
  assert.equal(await response.text(), host);
});

Deno.test("boundFetch() fails when none of the addresses can be reached", async () => {
  using owner = new DisposableStack();
  const url = new URL("http://model.invalid:1/m");
  await assert.rejects(boundFetch(url, { addresses: ["127.0.0.1"], owner }), TypeError);
});

Deno.test({
  name: "boundFetch() is plain fetch where permissions are for names only",
  permissions: { net: ["127.0.0.1:0", "localhost"] },
  async fn() {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("plain"),
    );
    using owner = new DisposableStack();
    const url = new URL(`http://localhost:${server.addr.port}/m`);
    const response = await boundFetch(url, { addresses: ["127.0.0.1"], owner });
    assert.equal(await response.text(), "plain");
  },
});
