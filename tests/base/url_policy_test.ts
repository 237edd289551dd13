import assert from "node:assert/strict";
import { UrlPolicy } from "../../src/base/mod.ts";

const HOSTS: Readonly<Record<string, readonly string[]>> = {
  "media.example.com": ["203.0.113.7"],
  "inside.example.com": ["10.1.2.3"],
  "both.example.com": ["203.0.113.7", "10.1.2.3"],
  "metadata.example.com": ["169.254.169.254"],
  "localhost": ["127.0.0.1", "::1"],
};

function policy(...allow: string[]): UrlPolicy {
  return new UrlPolicy({
    allow: allow.length === 0 ? undefined : allow,
    lookup: (host) => {
      const found = HOSTS[host];
      return found === undefined
        ? Promise.reject(new Error("no such host"))
        : Promise.resolve(found);
    },
  });
}

async function assertAllows(
  policy: UrlPolicy,
  { yes = [], no = [] }: { readonly yes?: readonly string[]; readonly no?: readonly string[] },
): Promise<void> {
  for (const url of yes) assert.equal(await policy.allows(url), true, url);
  for (const url of no) assert.equal(await policy.allows(url), false, url);
}

Deno.test("without rules a URL may lead anywhere but to link-local and metadata addresses", () =>
  assertAllows(policy(), {
    yes: [
      "http://127.0.0.1:80/c",
      "http://[::1]/c",
      "https://media.example.com/c",
      "http://both.example.com/c",
      "http://nowhere.example.com/c",
    ],
    no: [
      "http://169.254.169.254/latest",
      "http://0251.0376.0251.0376/",
      "http://2852039166/",
      "http://0xa9fea9fe/",
      "http://[::ffff:169.254.169.254]/",
      "http://[fe80::1]/",
      "http://[fd00:ec2::254]/",
      "http://100.100.100.200/",
      "http://metadata.example.com/c",
    ],
  }));

Deno.test("rules are hosts, wildcards, addresses and networks, with a port or without", async () => {
  await assertAllows(policy("*.example.com"), {
    yes: ["http://media.example.com/", "http://MEDIA.example.com./", "http://x.example.com/"],
    no: [
      "http://example.com/",
      "http://example.com.evil.net/",
      "http://metadata.example.com/",
      "http://203.0.113.7/",
      "http://localhost/",
    ],
  });
  await assertAllows(policy("10.0.0.0/8", "[::1]:8080"), {
    yes: [
      "http://10.1.2.3/",
      "http://inside.example.com/",
      "http://[::1]:8080/",
      "http://167838211/",
    ],
    no: [
      "http://11.1.2.3/",
      "http://both.example.com/",
      "http://[::1]/",
      "http://nowhere.example.com/",
    ],
  });
  await assertAllows(policy("media.example.com:8443", "fe80::/10"), {
    yes: ["https://media.example.com:8443/", "http://[fe80::1]/"],
    no: ["https://media.example.com/", "http://[fec0::1]/"],
  });
  await assertAllows(policy("127.0.0.1:443", "127.0.0.1:80"), {
    yes: ["https://127.0.0.1/", "http://127.0.0.1/"],
    no: ["http://127.0.0.1:8080/", "http://127.0.0.2/"],
  });
  await assertAllows(policy("*"), { yes: ["http://1.2.3.4/"], no: ["http://169.254.169.254/"] });
  await assertAllows(policy("0.0.0.0/0"), { yes: ["http://1.2.3.4/", "http://169.254.169.254/"] });
});

Deno.test("what is no rule is refused", () => {
  for (
    const rule of ["", "http://x", "10.0.0.0/33", "a b", "::1/129", "host:port", "a/8", "[::1"]
  ) {
    assert.throws(() => policy(rule), { code: "CONFIG_INVALID" }, rule);
  }
});

Deno.test("a name is looked up as the system does", async () => {
  const own = new UrlPolicy({ allow: ["127.0.0.0/8", "::1"] });
  assert.equal(await own.allows("http://localhost/"), true);
});

Deno.test("allowsAt() looks at the address of a connection, however it is written", () => {
  const own = new UrlPolicy({ allow: ["*.example.com:443", "10.0.0.0/8", "fe80::/10"] });
  for (const address of ["203.0.113.7", "10.1.2.3", "::ffff:10.1.2.3", "fe80::1%eth0"]) {
    assert.equal(own.allowsAt("https://media.example.com/", address), true, address);
  }
  for (const address of ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"]) {
    assert.equal(own.allowsAt("https://media.example.com/", address), false, address);
  }
  assert.equal(own.allowsAt("http://media.example.com/", "203.0.113.7"), false);
  assert.equal(own.allowsAt("http://media.example.com/", "10.1.2.3"), true);
});
