/**
 * Attacks on what a server has: memory, connections, time.
 *
 * @module
 */

import { answers, type Attack, notApplicable, type Verdict } from "./attack.ts";
import {
  type Answer,
  ask,
  close,
  connect,
  exchange,
  exchangeOver,
  parse,
  requestText,
  type Target,
} from "./raw_http.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** A body that nobody should wait for, in bytes. */
const LARGE_BYTES = 15 << 20;

/** How long a refusal may take, in milliseconds. */
const REFUSAL_MS = 5_000;

/** How many connections are opened at once. */
const CONNECTIONS = 300;

/** Longer than the worker's time for the first byte and for a head, in milliseconds. */
const SLOW_MS = 25_000;

/** Requests whose order of bytes is random, but the same in each run. */
const NONSENSE = 300;

/** Begins a request with a large body, sends a little of it, and waits for what comes. */
async function beginLarge(
  target: Target,
  request: { readonly method: string; readonly path: string; readonly hasToken?: boolean },
): Promise<Answer> {
  const head = requestText(target, {
    ...request,
    headers: { ...JSON_TYPE, connection: "keep-alive", "content-length": `${LARGE_BYTES}` },
  });
  return parse(await exchange(target, head + "[".repeat(65_536), { timeoutMs: REFUSAL_MS }));
}

/** Opens connections and says how many the server keeps open with nothing to say. */
async function holdConnections(target: Target): Promise<number> {
  const opened = await Promise.allSettled(
    Array.from({ length: CONNECTIONS }, () => connect(target)),
  );
  const connections = opened.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  const held = await Promise.all(connections.map(async (connection) => {
    const read = connection.read(new Uint8Array(1024)).then(() => false, () => false);
    return await Promise.race([read, pause(3_000).then(() => true)]);
  }));
  for (const connection of connections) close(connection);
  return held.filter(Boolean).length;
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/** Whether a server hangs up on bytes that are no whole request. */
async function isHungUp(target: Target, bytes: string): Promise<Verdict> {
  const { isClosed } = await exchange(target, bytes, { timeoutMs: SLOW_MS });
  return { held: isClosed, got: isClosed ? "closed" : `open after ${SLOW_MS / 1000} s` };
}

/** Pseudo-random numbers from 0 to 1, the same in each run. */
function* random(seed: number): Generator<number, never> {
  for (let state = seed;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

const PIECES = [
  ...["GET", "POST", "DELETE", "OPTIONS", "PRI", "CONNECT", "get", "\u0000"],
  ...[" ", "\t", "\r\n", "\n", "\r\n\r\n", ":", ",", "%", "%00", "%ff", "?", "#", "//", "*"],
  ...["/stream/start", "/stream/status", "/livez", "/metrics", "/openapi.json", "/a/0", "/a/-1"],
  ...["HTTP/1.1", "HTTP/1.0", "HTTP/9.9", "Host: x", "Host:", "Content-Length: 5"],
  ...["Content-Length: -1", "Content-Length: 99999999999999999999", "Transfer-Encoding: chunked"],
  ...["Expect: 100-continue", "Upgrade: websocket", "Range: bytes=0-", "Content-Encoding: br"],
  ...["Connection: close", "ffffffffffffffff\r\n", "0\r\n\r\n", "{", "[", '"', "x".repeat(9_000)],
];

/** Requests of random pieces; some begin as a request does. */
function nonsense(): string[] {
  const numbers = random(4711);
  const next = (below: number): number => Math.floor(numbers.next().value * below);
  return Array.from({ length: NONSENSE }, (_, index) => {
    const pieces = Array.from({ length: 1 + next(12) }, () => PIECES[next(PIECES.length)]!);
    return (index % 2 === 0 ? "POST /stream/start HTTP/1.1\r\nHost: x\r\n" : "") +
      pieces.join(next(2) === 0 ? "" : "\r\n") + "\r\n\r\n";
  });
}

async function sendNonsense(target: Target): Promise<Verdict> {
  const statuses = new Set<number>();
  const all = nonsense();
  for (let at = 0; at < all.length; at += 20) {
    const batch = all.slice(at, at + 20);
    const came = await Promise.all(
      batch.map((text) => exchange(target, text, { timeoutMs: 200 })),
    );
    for (const one of came) statuses.add(parse(one).status);
  }
  const list = [...statuses].sort((a, b) => a - b);
  return { held: list.every((status) => status < 500 || status === 503), got: list.join(", ") };
}

/** Attacks that both kinds of server are open to. */
function onAny(on: Attack["on"]): Attack[] {
  return [
    {
      name: `${NONSENSE} requests of random pieces`,
      expected: "no 500, and it lives",
      kind: "quick",
      on,
      run: sendNonsense,
    },
    {
      name: "one request inside of another (smuggling)",
      expected: "one answer, or none",
      kind: "quick",
      on,
      async run(target) {
        const inner = requestText(target, { path: "/livez" });
        const { text } = await exchange(
          target,
          requestText(target, {
            method: "POST",
            path: "/attack-nobody/x",
            headers: {
              connection: "keep-alive",
              "content-length": `${inner.length + 5}`,
              "transfer-encoding": "chunked",
            },
          }) + "0\r\n\r\n" + inner,
          { timeoutMs: 3_000 },
        );
        const count = text.split("HTTP/1.1 ").length - 1;
        return { held: count <= 1, got: `${count} answers` };
      },
    },
    {
      name: "100 bodies that break off",
      expected: "it lives",
      kind: "quick",
      on,
      async run(target) {
        await Promise.all(Array.from({ length: 100 }, async () => {
          const connection = await connect(target).catch(() => undefined);
          if (connection === undefined) return;
          const head = requestText(target, {
            method: "POST",
            path: "/stream/start",
            headers: { ...JSON_TYPE, "content-length": "1000" },
            hasToken: true,
          });
          await exchangeOver(connection, head + "{", 50);
        }));
        return { held: true, got: "it goes on" };
      },
    },
  ];
}

/** See the module. */
export const LOAD_ATTACKS: readonly Attack[] = [
  ...onAny("worker"),
  ...onAny("trickle"),
  {
    name: "bodies of 15 MiB where nobody asked for one",
    expected: "refused before they arrive, and closed",
    kind: "quick",
    on: "worker",
    async run(target) {
      const answers = await Promise.all([
        beginLarge(target, { method: "POST", path: "/attack-nobody" }),
        beginLarge(target, { method: "POST", path: "/livez" }),
        beginLarge(target, { method: "POST", path: "/stream/start", hasToken: true }),
      ]);
      const got = answers.map(({ status, isClosed }) =>
        `${status || "none"}${isClosed ? "" : " open"}`
      );
      const held = answers.every(({ status, isClosed }) =>
        status >= 400 && status < 500 && isClosed
      );
      return { held, got: got.join(", ") };
    },
  },
  {
    name: "1 MiB of brackets, and of empty lists",
    expected: "400 or 413",
    kind: "quick",
    on: "worker",
    async run(target) {
      const size = (1 << 20) - 16;
      const flat = `[${"[],".repeat(Math.floor(size / 3) - 1)}[]]`;
      const headers = JSON_TYPE;
      const answers: Answer[] = [];
      for (const body of ["[".repeat(size), '{"a":'.repeat(size / 5), flat]) {
        const request = { method: "POST", path: "/stream/start", headers, body, hasToken: true };
        answers.push(await ask(target, request));
      }
      if (answers.every(({ status }) => status === 401)) {
        return notApplicable("its token is not known (--token-file)");
      }
      const got = answers.map(({ status }) => status || "none").join(", ");
      return { held: answers.every(({ status }) => [400, 413].includes(status)), got };
    },
  },
  {
    name: `${CONNECTIONS} connections from one address`,
    expected: "some are refused, and it lives",
    kind: "slow",
    on: "worker",
    async run(target) {
      const count = await holdConnections(target);
      const lives = await answers(target, "/livez");
      return { held: lives && count < CONNECTIONS, got: `${count} were kept` };
    },
  },
  {
    name: "a connection that says nothing",
    expected: "closed",
    kind: "slow",
    on: "worker",
    run: (target) => isHungUp(target, ""),
  },
  {
    name: "a head that never ends",
    expected: "closed",
    kind: "slow",
    on: "worker",
    run: (target) => isHungUp(target, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "),
  },
];
