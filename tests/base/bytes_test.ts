import assert from "node:assert/strict";
import { concatBytes, sameBytes } from "../../src/base/bytes.ts";

Deno.test("concatBytes() joins any number of arrays into a new one", () => {
  const part = Uint8Array.of(1, 2, 3).subarray(1);
  assert.deepEqual(
    concatBytes([part, new Uint8Array(0), Uint8Array.of(4)]),
    Uint8Array.of(2, 3, 4),
  );
  assert.deepEqual(concatBytes([]), new Uint8Array(0));
  assert.notEqual(concatBytes([part]).buffer, part.buffer);
});

Deno.test("sameBytes() compares lengths and bytes", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assert.ok(sameBytes(bytes, Uint8Array.of(0, 1, 2, 3).subarray(1)));
  assert.ok(!sameBytes(bytes, Uint8Array.of(1, 2)));
  assert.ok(!sameBytes(bytes, Uint8Array.of(1, 2, 4)));
});
