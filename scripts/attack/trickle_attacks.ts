/**
 * Attacks on a trickle server. They use channels of their own, and delete them.
 *
 * @module
 */

import { isLoopback } from "../../src/base/mod.ts";
import { type Attack, notApplicable, type Verdict } from "./attack.ts";
import { type Answer, ask, type Target } from "./raw_http.ts";

/** Indices that no channel can have. */
const ENDLESS = ["9007199254740991", "9223372036854775807", "2147483648", "1e9", "0x10", "-7"];

/** Runs with a channel of its own; says so where it cannot be made. */
async function withChannel(
  target: Target,
  use: (path: string) => Promise<Verdict>,
): Promise<Verdict> {
  const path = `/attack-${crypto.randomUUID()}`;
  const made = await ask(target, { method: "POST", path, hasToken: true });
  if (made.status !== 200) {
    return notApplicable(`no channel could be made (${made.status}): give --trickle-token-file`);
  }
  try {
    return await use(path);
  } finally {
    await ask(target, { method: "DELETE", path, hasToken: true });
  }
}

function statusesOf(answers: readonly Answer[]): string {
  return [...new Set(answers.map(({ status }) => status || "no answer"))].join(", ");
}

async function publish(target: Target, path: string, body: string): Promise<Answer> {
  return await ask(target, { method: "POST", path, body, hasToken: true });
}

/** See the module. */
export const TRICKLE_ATTACKS: readonly Attack[] = [
  {
    name: "publish, read and delete without a token",
    expected: "401 (or it listens on this machine alone)",
    kind: "quick",
    on: "trickle",
    run: (target) =>
      withChannel(target, async (path) => {
        await publish(target, `${path}/0`, "x");
        const requests = [["POST", `${path}/1`], ["GET", `${path}/0`], ["DELETE", path]] as const;
        const answers: Answer[] = [];
        for (const [method, each] of requests) {
          answers.push(await ask(target, { method, path: each }));
        }
        const isOpen = answers.some(({ status }) => status !== 401);
        const host = target.url.hostname;
        if (isOpen && target.token === undefined && isLoopback(host)) {
          return notApplicable("it has no token, and was asked on a loopback address");
        }
        return { held: !isOpen, got: statusesOf(answers) };
      }),
  },
  {
    name: "an index at which counting ends, and then the next one",
    expected: "400, and the channel goes on",
    kind: "quick",
    on: "trickle",
    run: (target) =>
      withChannel(target, async (path) => {
        const answers: Answer[] = [];
        for (const index of ENDLESS) answers.push(await publish(target, `${path}/${index}`, ""));
        const before = await publish(target, `${path}/0`, "x");
        await publish(target, `${path}/-1`, "y");
        const next = await ask(target, { path: `${path}/next`, hasToken: true });
        const held = answers.every(({ status }) => status === 400) && before.status === 200 &&
          next.status === 200;
        return { held, got: `${statusesOf(answers)}, then ${before.status} and ${next.status}` };
      }),
  },
  {
    name: "a web page publishes and deletes",
    expected: "403",
    kind: "quick",
    on: "trickle",
    run: (target) =>
      withChannel(target, async (path) => {
        const headers = { origin: "https://attack.example", "content-type": "text/plain" };
        const answers: Answer[] = [];
        for (const [method, each] of [["POST", `${path}/0`], ["DELETE", path]] as const) {
          answers.push(await ask(target, { method, path: each, headers, hasToken: true }));
        }
        const held = answers.every(({ status }) => status === 403);
        return { held, got: statusesOf(answers) };
      }),
  },
  {
    name: "a page whose name leads to the server by now (DNS rebinding)",
    expected: "421, 401 or 403",
    kind: "quick",
    on: "trickle",
    async run(target) {
      const host = "rebound.attack.example";
      const answer = await ask(target, {
        method: "POST",
        path: "/attack-rebound",
        headers: { host, origin: `http://${host}` },
      });
      if (answer.status === 200) {
        await ask(target, { method: "DELETE", path: "/attack-rebound", hasToken: true });
      }
      return { held: [401, 403, 421].includes(answer.status), got: statusesOf([answer]) };
    },
  },
  {
    name: "a channel that holds a web page",
    expected: "nosniff and a sandbox",
    kind: "quick",
    on: "trickle",
    run: (target) =>
      withChannel(target, async (path) => {
        await publish(target, `${path}/0`, "<script>alert(1)</script>");
        const { headers } = await ask(target, { path: `${path}/0`, hasToken: true });
        const sniff = headers.get("x-content-type-options") ?? "none";
        const policy = headers.get("content-security-policy") ?? "none";
        return {
          held: sniff === "nosniff" && policy.includes("sandbox"),
          got: `${sniff}; ${policy}`,
        };
      }),
  },
  {
    name: "names that are long, empty, or lead elsewhere",
    expected: "no 500, and 400 for the long one",
    kind: "quick",
    on: "trickle",
    async run(target) {
      const names = [`/${"x".repeat(5000)}`, "/%2e%2e", "/%ff", "//", "/a/b/c/d", "/%00"];
      const answers: Answer[] = [];
      for (const path of names) {
        const answer = await ask(target, { method: "POST", path, hasToken: true });
        if (answer.status === 200) await ask(target, { method: "DELETE", path, hasToken: true });
        answers.push(answer);
      }
      const long = answers[0]!.status;
      const held = answers.every(({ status }) => status > 0 && status < 500) && long === 400;
      return { held, got: statusesOf(answers) };
    },
  },
  {
    name: "a segment of 65 MiB",
    expected: "413, or the options allow it",
    kind: "slow",
    on: "trickle",
    run: (target) =>
      withChannel(target, async (path) => {
        const answer = await ask(target, {
          method: "POST",
          path: `${path}/0`,
          body: "x".repeat(65 << 20),
          hasToken: true,
          timeoutMs: 30_000,
        });
        // Who closes while bytes are still on the way may take its own answer with it.
        return { held: [413, 0].includes(answer.status), got: statusesOf([answer]) };
      }),
  },
];
