/**
 * Attacks on a worker by those who have no token, by web pages, and on where URLs lead.
 *
 * @module
 */

import { isLoopback } from "../../src/base/mod.ts";
import { type Attack, notApplicable, type Verdict } from "./attack.ts";
import { type Answer, ask, type Target } from "./raw_http.ts";

const JSON_TYPE = { "content-type": "application/json" };

/**
 * Routes that change something, with a body that changes nothing where they let it in. To stop a stream takes
 * no body: nobody's stream shall end here.
 */
const CHANGES = ["/stream/start", "/stream/params", "/api/stream/start", "/live-video-to-video"];
const NO_CHANGE = "[]";

/** Names a stream that nobody has. */
const NOBODY = { "x-stream-id": "attack-nobody" };

/** All answers must have one of these statuses. */
function expectStatus(answers: readonly Answer[], statuses: readonly number[]): Verdict {
  const got = [...new Set(answers.map(({ status }) => status || "no answer"))].join(", ");
  return { held: answers.every(({ status }) => statuses.includes(status)), got };
}

async function askAll(
  target: Target,
  headers: Readonly<Record<string, string>>,
  { hasToken = false }: { readonly hasToken?: boolean } = {},
): Promise<Answer[]> {
  return await Promise.all(
    CHANGES.map((path) =>
      ask(target, {
        method: "POST",
        path,
        headers: { ...NOBODY, ...headers },
        body: NO_CHANGE,
        hasToken,
      })
    ),
  );
}

/** Whether streams may be looked at without a token. */
async function isOpen(target: Target): Promise<boolean> {
  return (await ask(target, { path: "/stream/status" })).status === 200;
}

/** URLs of metadata services, as they are and in disguise. */
const METADATA_URLS = [
  "http://169.254.169.254/latest/meta-data",
  "http://2852039166/latest/meta-data",
  "http://0251.0376.0251.0376/",
  "http://[::ffff:a9fe:a9fe]/",
  "http://[fd00:ec2::254]/latest",
  " http://169.254.169.254/",
];

const URL_FIELDS = ["subscribe_url", "publish_url", "control_url", "events_url", "data_url"];

/** A start whose stream is ended again, should it begin. */
async function tryStart(target: Target, fields: Record<string, unknown>): Promise<Answer> {
  const id = `attack-${crypto.randomUUID()}`;
  const body = JSON.stringify({ gateway_request_id: id, ...fields });
  const request = { method: "POST", headers: { ...JSON_TYPE, "x-stream-id": id }, hasToken: true };
  const answer = await ask(target, { ...request, path: "/stream/start", body });
  if (answer.status === 200) await ask(target, { ...request, path: "/stream/stop", body: "" });
  return answer;
}

/** See the module. */
export const ACCESS_ATTACKS: readonly Attack[] = [
  {
    name: "start, change, stop and look at streams without a token",
    expected: "401 (or it listens on this machine alone)",
    kind: "quick",
    on: "worker",
    async run(target) {
      if (await isOpen(target)) {
        const host = target.url.hostname.replace(/^\[|\]$/g, "");
        if (target.token !== undefined) return { held: false, got: "200 without the token" };
        return isLoopback(host)
          ? notApplicable("it has no token, and was asked on a loopback address")
          : { held: false, got: `no token, and it is reached at ${host}` };
      }
      return expectStatus(await askAll(target, JSON_TYPE), [401]);
    },
  },
  {
    name: "guess the token",
    expected: "401",
    kind: "quick",
    on: "worker",
    async run(target) {
      if (await isOpen(target)) return notApplicable("it has no token");
      const { token = "" } = target;
      const guesses = ["Bearer ", "Bearer x", `Bearer ${token}x`, `Bearer ${token.slice(0, -1)}`];
      const wrong = [...guesses, "Basic eDp4", `Bearer x, Bearer ${"x".repeat(4096)}`];
      const answers = await Promise.all(
        wrong.map((authorization) =>
          ask(target, { path: "/stream/status", headers: { authorization } })
        ),
      );
      return expectStatus(answers, [401]);
    },
  },
  {
    name: "figures, hardware and documentation without a token",
    expected: "401 (--token-scope all)",
    kind: "quick",
    on: "worker",
    async run(target) {
      if (await isOpen(target)) return notApplicable("it has no token");
      const paths = ["/metrics", "/hardware/info", "/version", "/docs", "/openapi.json"];
      const answers = await Promise.all(paths.map((path) => ask(target, { path })));
      const open = paths.filter((_, index) => answers[index]!.status === 200);
      if (open.length > 0) return notApplicable(`open by its token scope: ${open.join(", ")}`);
      return expectStatus(answers, [401]);
    },
  },
  {
    name: "a web page changes streams",
    expected: "403 or 401",
    kind: "quick",
    on: "worker",
    async run(target) {
      const pages = [
        { origin: "https://attack.example", "content-type": "text/plain" },
        { origin: "https://attack.example", ...JSON_TYPE },
        { origin: "null", "content-type": "text/plain" },
        { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
      ];
      const answers = (await Promise.all(pages.map((page) => askAll(target, page)))).flat();
      return expectStatus(answers, [401, 403]);
    },
  },
  {
    name: "a page whose name leads to the worker by now (DNS rebinding)",
    expected: "421 or 401",
    kind: "quick",
    on: "worker",
    async run(target) {
      const origin = "http://rebound.attack.example";
      const headers = { host: "rebound.attack.example", origin, ...JSON_TYPE };
      return expectStatus(await askAll(target, headers), [401, 403, 421]);
    },
  },
  {
    name: "a preflight that allows pages of others",
    expected: "no Access-Control-Allow-Origin",
    kind: "quick",
    on: "worker",
    async run(target) {
      const { headers } = await ask(target, {
        method: "OPTIONS",
        path: "/stream/start",
        headers: {
          origin: "https://attack.example",
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type",
        },
      });
      const allowed = headers.get("access-control-allow-origin");
      return { held: allowed === undefined, got: allowed ?? "none" };
    },
  },
  {
    name: "a stream's URL leads to a metadata service, in any of its fields",
    expected: "400",
    kind: "quick",
    on: "worker",
    async run(target) {
      if (target.token === undefined && !await isOpen(target)) {
        return notApplicable("its token is not known (--token-file)");
      }
      const answers: Answer[] = [];
      for (const [index, url] of METADATA_URLS.entries()) {
        const field = URL_FIELDS[index % URL_FIELDS.length]!;
        answers.push(await tryStart(target, { [field]: url }));
      }
      return expectStatus(answers, [400]);
    },
  },
  {
    name: "a stream's URL is a file, or none at all",
    expected: "400",
    kind: "quick",
    on: "worker",
    async run(target) {
      if (target.token === undefined && !await isOpen(target)) {
        return notApplicable("its token is not known (--token-file)");
      }
      const urls = ["file:///etc/passwd", "data:,x", "gopher://x/", "//127.0.0.1/x", "http://", 7];
      const answers: Answer[] = [];
      for (const url of urls) answers.push(await tryStart(target, { subscribe_url: url }));
      return expectStatus(answers, [400]);
    },
  },
  {
    name: "paths that lead out of a folder",
    expected: "no file of the system",
    kind: "quick",
    on: "worker",
    async run(target) {
      const up = ["/../../../../etc/passwd", "/..%2f..%2f..%2f..%2fetc/passwd"];
      const dots = ["/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/docs/..%5c..%5c..%5cetc%5cpasswd"];
      const paths = [...up, ...dots, "//etc/passwd", "/docs//etc/passwd", "/\u0000/etc/passwd"];
      const answers = await Promise.all(
        paths.map((path) => ask(target, { path, hasToken: true })),
      );
      const leak = answers.find(({ text }) => /root:[^:]*:0:0/.test(text));
      const got = leak === undefined ? expectStatus(answers, []).got : "/etc/passwd";
      return { held: leak === undefined, got };
    },
  },
];
