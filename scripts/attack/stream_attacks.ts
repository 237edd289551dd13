/**
 * Attacks by those who may start streams, and by the servers that their URLs lead to. Each starts a stream
 * and ends it: only with `--streams`.
 *
 * @module
 */

import { type Attack, notApplicable, type Verdict } from "./attack.ts";
import { type Answer, ask, close, connect, type Target } from "./raw_http.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** How long a peer watches what the worker asks of it, in milliseconds. */
const WATCH_MS = 2_000;

/** What is more than one channel can want of a server that has nothing, a second. */
const MAX_RATE = 20;

/** The largest update of parameters is 1 MiB: so many of these are more than a stream may hold. */
const UPDATES = 8;
const UPDATE_CHARACTERS = 500_000;

/** A server that the worker is sent to: it says that there is more, and never has it. */
class Peer implements AsyncDisposable {
  readonly url: string;
  /** Paths with queries, in the order in which they came. */
  readonly asked: string[] = [];
  /** Bodies that were sent here. */
  readonly told: string[] = [];
  readonly #http: Deno.HttpServer<Deno.NetAddr>;

  constructor(hostname: string) {
    this.#http = Deno.serve({ hostname, port: 0, onListen() {} }, (request) => this.#take(request));
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    this.url = `http://${host}:${this.#http.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http.shutdown();
  }

  async #take(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    this.asked.push(pathname + search);
    if (request.method === "POST") this.told.push(await request.text().catch(() => ""));
    const headers = { "lp-trickle-latest": "9007199254740991", "lp-trickle-seq": "0" };
    return new Response("", { headers });
  }
}

/** Runs with a stream whose URLs lead to a peer here; says so where none can be started. */
async function withStream(
  target: Target,
  urls: (peer: Peer) => Record<string, string>,
  use: (peer: Peer, id: string) => Promise<Verdict>,
): Promise<Verdict> {
  const connection = await connect(target);
  const { hostname } = connection.localAddr as Deno.NetAddr;
  close(connection);
  await using peer = new Peer(hostname);
  const id = `attack-${crypto.randomUUID()}`;
  const headers = { ...JSON_TYPE, "x-stream-id": id };
  const body = JSON.stringify({ gateway_request_id: id, ...urls(peer) });
  const request = { method: "POST", headers, hasToken: true } as const;
  const started = await ask(target, { ...request, path: "/stream/start", body });
  if (started.status !== 200) {
    return notApplicable(`no stream could be started: ${wordsOf(started)}`);
  }
  try {
    return await use(peer, id);
  } finally {
    await ask(target, { ...request, path: "/stream/stop", body: "", timeoutMs: 30_000 });
  }
}

function wordsOf({ status, text }: Answer): string {
  return `${status} ${/"message":"([^"]*)"/.exec(text)?.[1] ?? ""}`;
}

/** Where nothing listens. */
function unusedUrl(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `http://127.0.0.1:${listener.addr.port}`;
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/** See the module. */
export const STREAM_ATTACKS: readonly Attack[] = [
  {
    name: "a server that answers at once and never has anything",
    expected: `at most ${MAX_RATE} requests a second`,
    kind: "streams",
    on: "worker",
    run: (target) =>
      withStream(target, ({ url }) => ({ subscribe_url: `${url}/in` }), async ({ asked }) => {
        await pause(WATCH_MS);
        const rate = asked.length / (WATCH_MS / 1000);
        return { held: rate <= MAX_RATE, got: `${rate} a second` };
      }),
  },
  {
    name: "a stream's URL whose ? and # hide another path",
    expected: "the path that was named, and no other",
    kind: "streams",
    on: "worker",
    run: (target) =>
      withStream(
        target,
        ({ url }) => ({ subscribe_url: `${url}/in?a=/out#/other`, events_url: `${url}/out#/../x` }),
        async ({ asked }) => {
          await pause(WATCH_MS);
          const paths = [...new Set(asked.map((path) => path.split("/")[1]?.split("?")[0]))];
          const held = paths.every((path) => path === "in" || path === "out");
          return { held, got: paths.join(", ") || "nothing was asked for" };
        },
      ),
  },
  {
    name: "an address inside of the network is asked for, to read what is there",
    expected: "events say no more than that it cannot be reached",
    kind: "streams",
    on: "worker",
    run: (target) =>
      withStream(
        target,
        ({ url }) => ({ subscribe_url: `${unusedUrl()}/in`, events_url: `${url}/events` }),
        async ({ told }) => {
          await pause(WATCH_MS);
          const leak = told.join("").match(/refused|ECONN|os error|timed out|No route/i);
          return { held: leak === null, got: leak?.[0] ?? `${told.length} events, no word of it` };
        },
      ),
  },
  {
    name: `${UPDATES} updates of half a megabyte, each under a name of its own`,
    expected: "400 before they fill the memory",
    kind: "streams",
    on: "worker",
    run: (target) =>
      withStream(target, ({ url }) => ({ subscribe_url: `${url}/in` }), async (_peer, id) => {
        const headers = { ...JSON_TYPE, "x-stream-id": id };
        const statuses: number[] = [];
        for (let index = 0; index < UPDATES; index++) {
          const body = JSON.stringify({ [`attack${index}`]: "x".repeat(UPDATE_CHARACTERS) });
          const request = { method: "POST", path: "/stream/params", headers, body, hasToken: true };
          statuses.push((await ask(target, request)).status);
        }
        return { held: statuses.at(-1) === 400, got: statuses.join(", ") };
      }),
  },
];
