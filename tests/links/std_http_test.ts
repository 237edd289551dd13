import assert from "node:assert/strict";
import { isStatus, STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import { STATUS_CODE as FROM_ROOT } from "@std/http";

Deno.test("STATUS_TEXT has the registry's phrase for each code", () => {
  assert.equal(FROM_ROOT, STATUS_CODE);
  assert.equal(Object.keys(STATUS_TEXT).length, Object.keys(STATUS_CODE).length);
  const phrases = [200, 203, 226, 404, 414, 418, 431, 505, 511] as const;
  assert.deepEqual(phrases.map((code) => STATUS_TEXT[code]), [
    "OK",
    "Non Authoritative Info",
    "IM Used",
    "Not Found",
    "URI Too Long",
    "I'm a teapot",
    "Request Header Fields Too Large",
    "HTTP Version Not Supported",
    "Network Authentication Required",
  ]);
});

Deno.test("isStatus() knows the registered codes only", () => {
  assert.deepEqual([200, 404, 299, 999, NaN].map(isStatus), [true, true, false, false, false]);
});
