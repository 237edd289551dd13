/** Random grants, signatures and requests: the server allows what its documentation says, and nothing else. */

import assert from "node:assert/strict";
import {
  signChannelUrl,
  type TrickleGrant,
  type TrickleRight,
  TrickleServer,
} from "../../src/trickle/mod.ts";
import { createRandom } from "../media/mpegts/fixtures.ts";

const NAMES = ["cam", "cam-1", "camera", "CAM", "a/b", "a", "b", "ä", "%63am", "x y", "_c", "0"];
const TOKENS = ["first", "second:with:colons", "third"];
const KEYS = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"] as const;
const NOW_MS = 1_000_000_000_000;
const SERVERS = 150;
const REQUESTS = 40;

type Random = (bound: number) => number;

/** A request, and what it may be allowed for. */
interface Attempt {
  readonly method: string;
  readonly name: string;
  readonly index: string | undefined;
  readonly token: string | undefined;
  readonly signature: {
    readonly name: string;
    readonly rights: readonly TrickleRight[];
    readonly isKnownKey: boolean;
    readonly isExpired: boolean;
  } | undefined;
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)]!;
}

function some<T>(random: Random, from: readonly T[]): T[] {
  return from.filter(() => random(4) === 0);
}

function randomRights(random: Random): TrickleRight[] {
  return pick<TrickleRight[]>(random, [["read"], ["publish"], ["read", "publish"]]);
}

function randomGrant(random: Random): TrickleGrant {
  const prefixes = ["", "c", "cam", "cam-", "a", "a/", "ä", "%", "_"];
  return {
    token: pick(random, TOKENS),
    rights: randomRights(random),
    ...(random(2) === 0 ? {} : { channels: some(random, NAMES) }),
    ...(random(2) === 0 ? {} : { prefixes: some(random, prefixes) }),
  };
}

function randomAttempt(random: Random): Attempt {
  const name = pick(random, NAMES);
  return {
    method: pick(random, ["GET", "HEAD", "POST", "DELETE", "PUT"]),
    name,
    index: pick(random, [undefined, "0", "-1", "next"]),
    token: random(3) === 0 ? undefined : pick(random, [...TOKENS, "unknown"]),
    signature: random(2) === 0 ? undefined : {
      name: random(3) === 0 ? pick(random, NAMES) : name,
      rights: randomRights(random),
      isKnownKey: random(5) > 0,
      isExpired: random(5) === 0,
    },
  };
}

/** The rules, said once more and otherwise. */
function isAllowed({ method, name, index, token, signature }: Attempt, grants: TrickleGrant[]) {
  const isReading = method === "GET" || method === "HEAD";
  const asks = (rights: readonly TrickleRight[]): boolean =>
    isReading && index === "next" || rights.includes(isReading ? "read" : "publish");
  const covers = ({ channels, prefixes }: TrickleGrant): boolean => {
    const isForAll = channels === undefined && prefixes === undefined ||
      prefixes?.includes("") === true;
    if (name.startsWith("_")) return isForAll;
    return isForAll || (channels ?? []).includes(name) ||
      (prefixes ?? []).some((prefix) => name.slice(0, prefix.length) === prefix);
  };
  const byToken = grants.some((grant) =>
    grant.token === token && asks(grant.rights) && covers(grant) &&
    (!name.startsWith("_") || grant.rights.includes("read"))
  );
  const bySignature = signature !== undefined && signature.name === name &&
    asks(signature.rights) &&
    signature.isKnownKey && !signature.isExpired;
  return byToken || bySignature;
}

/** One of the ways to write a part of a path. */
function encoded(random: Random, text: string): string {
  const bytes = [...new TextEncoder().encode(text)];
  const whole = bytes.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  return pick(random, [encodeURIComponent(text), whole, whole.toUpperCase()]);
}

function headersOf(random: Random, token: string | undefined): Record<string, string> {
  if (token === undefined) return {};
  const forms = [`Bearer ${token}`, `Basic ${btoa(`user:${token}`)}`, `Basic ${btoa(`${token}:`)}`];
  return { Authorization: pick(random, forms) };
}

function requestOf(random: Random, attempt: Attempt): Request {
  const { method, name, index, token, signature } = attempt;
  const query = signature === undefined ? "" : new URL(
    signChannelUrl(`http://host/${encodeURIComponent(signature.name)}`, {
      key: KEYS[signature.isKnownKey ? 0 : 1],
      rights: signature.rights,
      expiresAt: new Date(NOW_MS + (signature.isExpired ? 0 : 1_000)),
      client: pick(random, ["", "tv"]),
    }),
  ).search;
  const path = `http://host/t/${encoded(random, name)}`;
  const isAtEnd = index !== undefined && query !== "" && random(2) === 0;
  const segment = index === undefined ? "" : `/${index}`;
  const url = isAtEnd ? path + query + segment : path + segment + query;
  return new Request(url, { method, headers: headersOf(random, token) });
}

Deno.test("what a server allows is what its grants and signatures say", async () => {
  const random = createRandom(7);
  let allowed = 0;
  for (let round = 0; round < SERVERS; round++) {
    const grants = Array.from({ length: 1 + random(4) }, () => randomGrant(random));
    await using server = new TrickleServer({
      grants,
      signKeys: [KEYS[0]],
      basePath: "/t/",
      autocreate: false,
      unixTime: () => NOW_MS,
    });
    for (let i = 0; i < REQUESTS; i++) {
      const attempt = randomAttempt(random);
      const response = await server.handler(requestOf(random, attempt));
      const body = await response.text();
      const isRefused = response.status === 401 ||
        response.status === 403 && !body.includes("belong to the server");
      const expected = isAllowed(attempt, grants);
      assert.equal(!isRefused, expected, JSON.stringify({ attempt, grants, body }));
      if (expected) allowed++;
    }
  }
  assert.ok(allowed > 1_000 && allowed < SERVERS * REQUESTS - 1_000, `${allowed} were allowed`);
});
