import assert from "node:assert/strict";
import { parsePermissions } from "../../../src/cli/options/permission_words.ts";

Deno.test("parsePermissions() reads words with names, without, and several of one kind", () => {
  assert.deepEqual(parsePermissions(""), {});
  assert.deepEqual(parsePermissions("net=a.example:443,b.example  read=./x read=/y env"), {
    net: ["a.example:443", "b.example"],
    read: ["./x", "/y"],
    env: true,
  });
  assert.deepEqual(parsePermissions("net net=a"), { net: true });
  assert.deepEqual(parsePermissions("all"), { all: true });
});

Deno.test("parsePermissions() refuses kinds that Deno does not have, and words that name nothing", () => {
  for (const text of ["files=/x", "net=", "read=,", "--allow-net", "NET=a", "constructor=x"]) {
    assert.throws(() => parsePermissions(text), { message: /Use words such as/ }, text);
  }
});
