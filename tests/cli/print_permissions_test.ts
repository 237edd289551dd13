/** What `serve --print-permissions` prints. tests/e2e/permissions_test.ts runs streams with it. */

import assert from "node:assert/strict";
import { runHere } from "./command_here.ts";

/** The printed options by their names: lists, or `true` for everything of a kind. */
async function printed(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Record<string, true | string[]>> {
  const { stdout, stderr, code } = await runHere(["serve", ...args], { env });
  assert.equal(code, 0, stderr);
  return Object.fromEntries(
    stdout.trim().split("\n").map((line) => {
      const [name = "", list] = line.slice(2).split("=", 2);
      return [name, list === undefined ? true : list.split(",")];
    }),
  );
}

Deno.test("without hosts the worker may connect anywhere, with them to those and its orchestrator", async () => {
  assert.equal((await printed(["--print-permissions"]))["allow-net"], true);
  const env = { ORCH_URL: "https://orchestrator.example:8935" };
  const hosts = ["--print-permissions=10.0.0.7,trickle.example", "--port", "8001"];
  const own = ["127.0.0.1:8001", "10.0.0.7", "trickle.example"];
  assert.deepEqual((await printed(hosts, env))["allow-net"], own);
  const registered = [...hosts, "--registration", "byoc"];
  assert.deepEqual((await printed(registered, env))["allow-net"], [...own, "orchestrator.example"]);
  const byAddress = { ORCH_URL: "https://10.0.0.9:8935" };
  assert.deepEqual((await printed(registered, byAddress))["allow-net"], [...own, "10.0.0.9:8935"]);
  const model = [...hosts, "--model", "http://models.example:81/m.onnx"];
  assert.deepEqual((await printed(model))["allow-net"], [...own, "models.example"]);
});

Deno.test("the authorities of certificates are all that the worker may see of the system", async () => {
  const usual = await printed(["--print-permissions"]);
  assert.equal(usual["allow-sys"], true);
  assert.ok(Array.isArray(usual["deny-sys"]) && usual["deny-sys"].includes("hostname"));
  for (const unchecked of [["--tls", "insecure"], ["--tls-pin", "00".repeat(32)]]) {
    const { "allow-sys": allowed } = await printed(["--print-permissions", ...unchecked]);
    assert.equal(allowed, undefined, unchecked[0]);
  }
  const hosts = await printed(["--print-permissions", "--tls-insecure-hosts", "a.example"]);
  assert.equal(hosts["allow-sys"], true, "the certificates of other hosts are checked");
});

Deno.test("files with secrets and authorities may be read, and no other ones", async () => {
  const files = ["--token-file", "/run/token", "--tls-ca", "/etc/ca.pem"];
  const env = { ORCH_SECRET_FILE: "/run/secret" };
  const { "allow-read": read, "allow-write": write } = await printed(
    ["--print-permissions", ...files],
    env,
  );
  assert.deepEqual(read, ["/run/token", "/etc/ca.pem", "/run/secret"]);
  assert.equal(write, undefined);
});
