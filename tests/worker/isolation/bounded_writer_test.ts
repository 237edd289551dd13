import assert from "node:assert/strict";
import { BoundedWriter } from "../../../src/worker/isolation/process/bounded_writer.ts";
import { until } from "../../waiting.ts";

const MIB = 2 ** 20;

Deno.test({
  name: "BoundedWriter refuses what waits for a process that does not read",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const streams = { stdin: "piped", stdout: "null", stderr: "null" } as const;
    const child = new Deno.Command("sleep", { args: ["600"], ...streams }).spawn();
    const errors: unknown[] = [];
    const writer = new BoundedWriter(Promise.resolve(child.stdin), {
      maxWaitingBytes: 4 * MIB,
      onError: (error) => errors.push(error),
    });
    writer.write(new Uint8Array(6 * MIB)); // one piece may be larger
    assert.throws(() => writer.write(new Uint8Array(1)), /were not read yet/);
    assert.equal(writer.waitingBytes, 6 * MIB);
    child.kill("SIGKILL");
    await child.status;
    await until(() => writer.waitingBytes === 0, "the end of the write");
    assert.equal(errors.length, 1);
    writer.write(new Uint8Array(10));
    await writer.close();
    assert.equal(errors.length, 1);
  },
});

Deno.test("BoundedWriter writes everything in order, and makes room as it is read", async () => {
  const streams = { stdin: "piped", stdout: "piped", stderr: "null" } as const;
  const child = new Deno.Command("cat", streams).spawn();
  const ready = Promise.withResolvers<WritableStream<Uint8Array>>();
  const writer = new BoundedWriter(ready.promise, {
    maxWaitingBytes: MIB,
    onError: (error) => assert.fail(String(error)),
  });
  const output = new Response(child.stdout).bytes();
  for (let piece = 0; piece < 100; piece++) {
    await until(() => writer.waitingBytes < MIB / 2, "room");
    writer.write(new Uint8Array(100_000).fill(piece));
    if (piece === 3) ready.resolve(child.stdin);
  }
  await writer.close();
  const bytes = await output;
  assert.equal(bytes.length, 100 * 100_000);
  assert.ok(bytes.every((byte, index) => byte === Math.floor(index / 100_000)));
  await child.status;
});
