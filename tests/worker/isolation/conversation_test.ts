import assert from "node:assert/strict";
import { ConfigError } from "../../../src/base/mod.ts";
import { type Conversation, converse } from "../../../src/worker/isolation/conversation.ts";
import { copiable } from "../../../src/worker/isolation/plain.ts";

interface Sums {
  add(a: number, b: number): number;
  refuse(): void;
}

/** Two sides in one thread, whose messages are copied as between threads. */
function pair(errors: unknown[] = []): { asker: Conversation<Sums>; sent: unknown[] } {
  const sent: unknown[] = [];
  const asker: Conversation<Sums> = converse<Sums, object>({}, {
    post: (message) => {
      sent.push(message);
      void sums.take(structuredClone(message));
    },
  });
  const sums: Conversation<object> = converse<object, Sums>({
    add: (a, b) => a + b,
    refuse: () => {
      throw new ConfigError("CONFIG_INVALID", "Cannot add: no");
    },
  }, {
    post: (message) => void asker.take(structuredClone(message)),
    onError: (error) => errors.push(error),
  });
  return { asker, sent };
}

Deno.test("a call is answered, and an error keeps its class", async () => {
  const errors: unknown[] = [];
  const { asker } = pair(errors);
  assert.equal(await asker.remote.add(2, 3), 5);
  await assert.rejects(asker.remote.refuse(), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.code, "CONFIG_INVALID");
    return true;
  });
  assert.equal(errors.length, 1);
});

Deno.test("what is no function of the other side cannot be called", async () => {
  const { asker } = pair();
  for (const name of ["constructor", "hasOwnProperty", "__proto__", "nothing"]) {
    const call = asker.remote.$call(name as keyof Sums);
    await assert.rejects(call, /not found/, name);
  }
});

Deno.test("what cannot be copied is the caller's error", async () => {
  const { asker } = pair();
  const uncopiable = (() => {}) as unknown as number;
  await assert.rejects(asker.remote.add(1, uncopiable), /could not be cloned/);
});

Deno.test("what is not answered is rejected when a conversation is closed", async () => {
  const asker = converse<Sums, object>({}, { post: () => {} });
  const call = asker.remote.add(1, 2);
  asker.close(new Error("it is gone"));
  await assert.rejects(call, /it is gone/);
  await assert.rejects(asker.remote.add(1, 2));
});

Deno.test("messages that nobody may send are errors, and answer nothing", async () => {
  const posted: unknown[] = [];
  const asker = converse<Sums, object>({}, { post: (message) => void posted.push(message) });
  const call = asker.remote.add(1, 2);
  const id = (posted[0] as { i: string }).i;
  for (const message of [null, undefined, { t: "s", i: id, e: null }]) {
    await assert.rejects(asker.take(message), TypeError, JSON.stringify(message));
  }
  await asker.take({ t: "s", i: "another", r: 9 });
  await asker.take({ t: "q", i: "x", m: "toString", a: "no arguments" });
  await asker.take({ t: "s", i: id, r: 3 });
  assert.equal(await call, 3);
});

Deno.test("of a value only what cannot be copied is left out", () => {
  const buffer = new Uint8Array([1, 2]);
  const copied = copiable({ at: 1n, run: () => {}, deep: { buffer, all: [1, () => {}] } });
  assert.deepEqual(copied, { at: 1n, deep: { buffer, all: [1, null] } });
  const whole = { at: NaN };
  assert.equal(copiable(whole), whole);
});
