import assert from "node:assert/strict";
import { isLoopback } from "../../../src/base/mod.ts";

Deno.test("isLoopback() tells what only this machine reaches", () => {
  for (
    const host of [
      "localhost",
      "LOCALHOST",
      "a.localhost",
      "127.0.0.1",
      "127.9.9.9",
      "::1",
      "[::1]",
    ]
  ) {
    assert.equal(isLoopback(host), true, host);
  }
  for (
    const host of [
      "",
      "0.0.0.0",
      "::",
      "10.0.0.1",
      "127.0.0.1.example",
      "localhost.example",
      "worker",
    ]
  ) {
    assert.equal(isLoopback(host), false, host);
  }
});
