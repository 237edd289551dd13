import assert from "node:assert/strict";
import { abortable } from "@std/async/abortable";
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { retry, RetryError } from "@std/async/retry";
import * as everything from "@std/async";

const REASON = new Error("stop");

function never(): Promise<never> {
  return new Promise(() => {});
}

/** Aborts once the code under test is waiting. */
function abortSoon(): AbortSignal {
  const controller = new AbortController();
  queueMicrotask(() => controller.abort(REASON));
  return controller.signal;
}

Deno.test("@std/async exports what its subpaths export", () => {
  assert.deepEqual(Object.keys(everything).sort(), [
    "RetryError",
    "abortable",
    "deadline",
    "delay",
    "retry",
  ]);
});

Deno.test("delay() waits at least as long as asked", async () => {
  const start = performance.now();
  await delay(20);
  assert.ok(performance.now() - start >= 19);
});

Deno.test("delay() rejects with the signal's reason and leaves no timer", async () => {
  await assert.rejects(delay(60_000, { signal: abortSoon() }), REASON);
  await assert.rejects(delay(0, { signal: AbortSignal.abort(REASON) }), REASON);
});

Deno.test("delay() does not fire at once when the wait exceeds a timer's range", async () => {
  for (const ms of [2 ** 31, Infinity]) {
    const stop = new AbortController();
    const long = delay(ms, { signal: stop.signal }).then(() => "fired");
    assert.equal(await Promise.race([long, delay(20).then(() => "waiting")]), "waiting");
    stop.abort(REASON);
    await assert.rejects(long, REASON);
  }
});

Deno.test("delay() without persistence does not keep the process alive", async () => {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", `(await import("@std/async")).delay(600_000, { persistent: false });`],
    stdin: "null",
  }).output();
  assert.equal(code, 0);
});

Deno.test("abortable() settles as its promise does", async () => {
  const { signal } = new AbortController();
  assert.equal(await abortable(Promise.resolve(1), signal), 1);
  await assert.rejects(abortable(Promise.reject(REASON), signal), REASON);
});

Deno.test("abortable() rejects with the signal's reason", async () => {
  await assert.rejects(abortable(never(), abortSoon()), REASON);
  await assert.rejects(abortable(Promise.resolve(1), AbortSignal.abort(REASON)), REASON);
});

Deno.test("abortable() ends an iterable that hangs", async () => {
  const controller = new AbortController();
  async function* numbers(): AsyncGenerator<number> {
    yield 1;
    yield 2;
    await never();
  }
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const n of abortable(numbers(), controller.signal)) {
      seen.push(n);
      if (n === 2) queueMicrotask(() => controller.abort(REASON));
    }
  }, REASON);
  assert.deepEqual(seen, [1, 2]);
});

Deno.test("abortable() ends with its iterable", async () => {
  async function* numbers(): AsyncGenerator<number> {
    yield* [1, 2, 3];
  }
  const seen = await Array.fromAsync(abortable(numbers(), new AbortController().signal));
  assert.deepEqual(seen, [1, 2, 3]);
});

Deno.test("deadline() passes on what comes in time and leaves no timer", async () => {
  assert.equal(await deadline(Promise.resolve("x"), 60_000), "x");
  assert.equal(await deadline(Promise.resolve("x"), Infinity), "x");
  await assert.rejects(deadline(Promise.reject(REASON), 60_000), REASON);
});

Deno.test("deadline() rejects with a TimeoutError when the time is over", async () => {
  await assert.rejects(deadline(never(), 5), (error) => {
    assert.ok(error instanceof DOMException);
    assert.equal(error.name, "TimeoutError");
    return true;
  });
});

Deno.test("deadline() rejects with the signal's reason", async () => {
  await assert.rejects(deadline(never(), 60_000, { signal: abortSoon() }), REASON);
});

Deno.test("retry() calls until it succeeds", async () => {
  let calls = 0;
  const result = await retry(() => {
    if (++calls < 3) throw new Error(`${calls}`);
    return "done";
  }, { minTimeout: 0 });
  assert.deepEqual([result, calls], ["done", 3]);
});

Deno.test("retry() throws a RetryError with the last cause", async () => {
  let calls = 0;
  const attempt = (): Promise<never> => Promise.reject(new Error(`call ${++calls}`));
  await assert.rejects(retry(attempt, { minTimeout: 0, maxAttempts: 2 }), (error) => {
    assert.ok(error instanceof RetryError);
    assert.equal(error.name, "RetryError");
    assert.equal((error.cause as Error).message, "call 2");
    return true;
  });
  assert.equal(calls, 2);
});

Deno.test("retry() throws at once what cannot be retried", async () => {
  let calls = 0;
  const attempt = (): never => {
    calls++;
    throw REASON;
  };
  await assert.rejects(retry(attempt, { isRetriable: () => false }), REASON);
  assert.equal(calls, 1);
});

Deno.test("retry() backs off exponentially up to the limit", async () => {
  const times: number[] = [];
  const attempt = (): never => {
    times.push(performance.now());
    throw REASON;
  };
  const options = { minTimeout: 10, maxTimeout: 20, maxAttempts: 4, jitter: 0 };
  await assert.rejects(retry(attempt, options), RetryError);
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  const expected = [10, 20, 20];
  expected.forEach((ms, i) => assert.ok(gaps[i]! >= ms - 1, `gap ${i} is ${gaps[i]}`));
});

Deno.test("retry() stops waiting when its signal is aborted", async () => {
  let calls = 0;
  const attempt = (): never => {
    calls++;
    throw new Error("failed");
  };
  await assert.rejects(retry(attempt, { minTimeout: 50_000, signal: abortSoon() }), REASON);
  assert.ok(calls <= 1);
});

Deno.test("retry() refuses options that make no sense", async () => {
  const bad = [
    { maxAttempts: 0 },
    { multiplier: 0.5 },
    { maxTimeout: 0 },
    { minTimeout: -1 },
    { minTimeout: 2, maxTimeout: 1 },
    { jitter: 1.5 },
    { jitter: NaN },
  ];
  for (const options of bad) await assert.rejects(retry(() => 1, options), RangeError);
});
