/** `scripts/attack.ts` against a worker and a trickle server as they are, and against one that is weak. */

import assert from "node:assert/strict";
import { runAttack, type Victims } from "../../scripts/attack/attack.ts";
import { ELSEWHERE } from "../../scripts/attack/elsewhere.ts";
import { defineProcessor } from "../../src/processor/mod.ts";
import { StreamServer } from "../../src/server/mod.ts";
import { TrickleServer } from "../../src/trickle/mod.ts";
import { selfSigned, signedBySelfSigned } from "../trickle/certificates.ts";

const ROOT = new URL("../../", import.meta.url);
const TOKEN = "token-of-this-worker-1";
const TRICKLE_TOKEN = "token-of-these-channels-1";

interface Outcome {
  readonly code: number;
  /** Lines of the table. */
  readonly lines: readonly string[];
  readonly stderr: string;
}

async function attack(...args: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("scripts/attack.ts", ROOT).pathname, ...args],
    stdin: "null",
  }).output();
  const lines = new TextDecoder().decode(stdout).split("\n");
  return { code, lines, stderr: new TextDecoder().decode(stderr) };
}

/** The names of attacks with this result. */
function named(outcome: Outcome, result: string): string[] {
  return outcome.lines.filter((line) => line.startsWith(`${result} `))
    .map((line) => line.split(/ {2,}/).slice(1, 3).join(": "));
}

Deno.test("a worker and a trickle server hold against every attack", async () => {
  await using worker = new StreamServer({
    processor: defineProcessor({ video: (frame) => frame }),
    warmFfmpeg: 0,
    token: TOKEN,
    tokenScope: "all",
    host: "127.0.0.1",
    port: 0,
  });
  await worker.start();
  await using trickle = new TrickleServer({
    grants: [{ token: TRICKLE_TOKEN, rights: ["read", "publish"] }],
  });
  const folder = await Deno.makeTempDir();
  await selfSigned(folder);
  trickle.listen({ tls: await signedBySelfSigned(folder) });
  const outcome = await attack(
    ...[worker.url, "--token", TOKEN, "--quick", "--streams", "--tls-ca", `${folder}/ca.pem`],
    ...["--trickle", trickle.url, "--trickle-token", TRICKLE_TOKEN],
  ).finally(() => Deno.remove(folder, { recursive: true }));
  const table = outcome.lines.join("\n");
  assert.deepEqual(named(outcome, "FELL"), [], table);
  assert.deepEqual(named(outcome, "n/a"), [], table);
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.doesNotMatch(table, new RegExp(`${TOKEN}|${TRICKLE_TOKEN}`));
  assert.equal(worker.health, "IDLE");
  assert.equal(trickle.stats.channels, 0, "channels that were left");
});

Deno.test("without a token and a trickle server, what does not apply says why", async () => {
  await using worker = new StreamServer({
    processor: defineProcessor({ video: (frame) => frame }),
    warmFfmpeg: 0,
    port: 0,
  });
  await worker.start();
  const outcome = await attack(worker.url, "--quick");
  const table = outcome.lines.join("\n");
  assert.deepEqual(named(outcome, "FELL"), [], table);
  assert.match(table, /n\/a +worker +guess the token .* it has no token/);
  assert.match(table, /n\/a +trickle +a web page publishes .* no trickle server was named/);
  assert.equal(outcome.code, 0);
});

/** Does what anybody says, and believes everything. */
class WeakServer implements AsyncDisposable {
  readonly #http = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
    onError: () => new Response("", { status: 500 }),
  }, (request) => this.#take(request));
  readonly #asking = new Set<Promise<void>>();

  get url(): string {
    return `http://127.0.0.1:${this.#http.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#asking);
    await this.#http.shutdown();
  }

  async #take(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const body = request.method === "POST" ? await request.text() : "";
    if (pathname.includes("passwd")) return new Response("root:x:0:0:root:/root:/bin/sh");
    if (body.startsWith("{") && !body.endsWith("}")) throw new Error("it believed in JSON");
    const peer = /"subscribe_url":"(http:\/\/127\.[^"]*)"/.exec(body)?.[1];
    const events = /"events_url":"([^"]*)"/.exec(body)?.[1];
    if (peer !== undefined) this.#asking.add(this.#follow(peer, events));
    return new Response("", { headers: { "access-control-allow-origin": "*" } });
  }

  /** Asks again and again, and tells all that came of it. */
  async #follow(peer: string, events: string | undefined): Promise<void> {
    for (let i = 0; i < 300; i++) {
      const told = await fetch(new URL("/other", peer)).then((answer) => answer.text(), causeOf);
      if (events === undefined) continue;
      const sent = await fetch(events, { method: "POST", body: told }).catch(() => undefined);
      await sent?.body?.cancel();
    }
  }
}

function causeOf(error: unknown): string {
  return error instanceof Error ? String(error.cause) : "";
}

Deno.test("a server that takes everything falls, and the exit code says so", async () => {
  await using weak = new WeakServer();
  const { url } = weak;
  const outcome = await attack(url, "--token", "x", "--trickle", url, "--quick", "--streams");
  const table = outcome.lines.join("\n");
  assert.equal(outcome.code, 1, table + outcome.stderr);
  assert.deepEqual(
    named(outcome, "FELL").sort(),
    [
      "trickle: a channel that holds a web page",
      "trickle: a page whose name leads to the server by now (DNS rebinding)",
      "trickle: a web page publishes and deletes",
      "trickle: an index at which counting ends, and then the next one",
      "trickle: names that are long, empty, or lead elsewhere",
      "worker: 8 updates of half a megabyte, each under a name of its own",
      "worker: 1 MiB of brackets, and of empty lists",
      "worker: a server that answers at once and never has anything",
      "worker: a page whose name leads to the worker by now (DNS rebinding)",
      "worker: a preflight that allows pages of others",
      "worker: a stream's URL is a file, or none at all",
      "worker: a stream's URL leads to a metadata service, in any of its fields",
      "worker: a web page changes streams",
      "worker: an address inside of the network is asked for, to read what is there",
      "worker: a stream's URL whose ? and # hide another path",
      "worker: bodies of 15 MiB where nobody asked for one",
      "worker: paths that lead out of a folder",
      "worker: start, change, stop and look at streams without a token",
    ].sort(),
  );
});

Deno.test("an attack that ends a server, or itself, has not been held", async () => {
  const weak = new WeakServer();
  const worker = { url: new URL(weak.url), token: undefined };
  const victims: Victims = { worker, trickle: undefined };
  const attack = { name: "x", expected: "x", kind: "quick", on: "worker" } as const;
  const broken = await runAttack(
    { ...attack, run: () => Promise.reject(new Error("broken")) },
    victims,
  );
  assert.deepEqual(broken.verdict, { held: false, got: "the attack failed: broken" });
  const deadly = await runAttack(
    {
      ...attack,
      async run() {
        await weak[Symbol.asyncDispose]();
        return { held: true, got: "200" };
      },
    },
    victims,
    { aliveMs: 100 },
  );
  assert.deepEqual(deadly.verdict, { held: false, got: "200; then it answered nothing" });
});

Deno.test("options that cannot be used are errors of their own", async () => {
  const worker = "http://127.0.0.1:9";
  for (const args of [[], ["ftp://x"], [worker, "--what"], [worker, "--tls-ca", "/nowhere"]]) {
    const { code, stderr } = await attack(...args);
    assert.equal(code, 2);
    assert.match(stderr, /^error: /);
  }
});

Deno.test("the tests that make the other attacks are there", async () => {
  for (const [, path] of ELSEWHERE) await Deno.stat(new URL(path, ROOT));
});
