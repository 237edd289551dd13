/** Who may use a trickle server, said on the command line and in files. */

import assert from "node:assert/strict";
import { until } from "../waiting.ts";
import { CommandHere, runHere } from "./command_here.ts";

const READY = /ready on (http:\S+)/;
const KEY = "0123456789abcdef0123456789abcdef";
const OTHER_KEY = "fedcba9876543210fedcba9876543210";
const TOKENS = {
  operator: "operator-token-0123456789",
  camera: "camera-token-0123456789",
  viewer: "viewer-token-0123456789",
} as const;

const GRANTS = [
  { token: TOKENS.camera, rights: ["publish"], channels: ["camera"], prefixes: ["camera-"] },
  { token: TOKENS.viewer, rights: ["read"], prefixes: ["camera"] },
];

/** The files that options name. */
interface Files extends AsyncDisposable {
  /** Writes one and gives its path. */
  write(name: string, content: string | object): Promise<string>;
}

async function openFiles(): Promise<Files> {
  const folder = await Deno.makeTempDir();
  return {
    async write(name, content) {
      const path = `${folder}/${name}`;
      await Deno.writeTextFile(
        path,
        typeof content === "string" ? content : JSON.stringify(content),
      );
      return path;
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** A server on a free port, in this process. */
async function startServer(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly command: CommandHere; readonly url: string } & AsyncDisposable> {
  const command = new CommandHere(["trickle-server", "--port", "0", ...args], { env });
  const [, url] = await command.waitFor(READY);
  return { command, url: url!, [Symbol.asyncDispose]: () => command[Symbol.asyncDispose]() };
}

async function status(
  url: string,
  { method = "GET", token, body }: {
    readonly method?: string;
    readonly token?: string;
    readonly body?: string;
  } = {},
): Promise<number> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const response = await fetch(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  await response.body?.cancel();
  return response.status;
}

Deno.test("trickle-server takes tokens from files: one for everything, others for their channels", async () => {
  await using files = await openFiles();
  const tokenFile = await files.write("token", `${TOKENS.operator}\n`);
  const grantsFile = await files.write("grants.json", GRANTS);
  await using server = await startServer(["--token-file", tokenFile], {
    RUNNEL_TRICKLE_GRANTS_FILE: grantsFile,
  });
  const cases: [method: string, path: string, token: string | undefined, status: number][] = [
    ["POST", "camera", undefined, 401],
    ["POST", "camera", "wrong-token-0123456789", 401],
    ["POST", "camera", TOKENS.viewer, 403],
    ["POST", "camera", TOKENS.camera, 200],
    ["POST", "camera-2", TOKENS.camera, 200],
    ["POST", "other", TOKENS.camera, 403],
    ["GET", "camera/next", TOKENS.viewer, 200],
    ["DELETE", "camera", TOKENS.viewer, 403],
    ["DELETE", "camera", TOKENS.camera, 200],
    ["POST", "other", TOKENS.operator, 200],
    ["DELETE", "camera-2", TOKENS.operator, 200],
  ];
  for (const [method, path, token, expected] of cases) {
    const options = { method, ...(token === undefined ? {} : { token }) };
    assert.equal(await status(server.url + path, options), expected, `${method} ${path} ${token}`);
  }
});

Deno.test("trickle-url signs URLs that the server takes, with the first key of a file of several", async () => {
  await using files = await openFiles();
  const keyFile = await files.write("keys", `\n${KEY}\n${OTHER_KEY}\n`);
  const oldKeyFile = await files.write("old-key", OTHER_KEY);
  await using server = await startServer([], { RUNNEL_TRICKLE_SIGN_KEY_FILE: keyFile });
  const sign = async (file: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runHere(
      ["trickle-url", `${server.url}camera`, "--sign-key-file", file, ...args],
    );
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    assert.match(stdout, /^http:[^\n]+&sign=[\w-]{43}\n$/);
    return stdout.trim();
  };
  const publish = await sign(keyFile, "--rights", "publish", "--expires-in", "60");
  const read = await sign(oldKeyFile);
  const both = await sign(keyFile, "--rights", "read,publish", "--client", "tv");
  assert.equal(new URL(both).searchParams.get("client"), "tv");
  const below = (url: string, part: string): string => url.replace("?", `/${part}?`);
  assert.equal(await status(publish, { method: "POST" }), 200);
  assert.equal(await status(below(publish, "0"), { method: "POST", body: "x" }), 200);
  assert.equal(await status(below(publish, "0")), 403);
  assert.equal(await status(below(read, "0")), 200);
  assert.equal(await status(read, { method: "DELETE" }), 403);
  assert.equal(await status(below(both, "0")), 200);
  assert.equal(await status(both, { method: "DELETE" }), 200);
});

Deno.test("publish and subscribe carry tokens of files, URLs and signatures", async () => {
  await using files = await openFiles();
  const [grantsFile, keyFile, cameraFile, viewerFile] = await Promise.all([
    files.write("grants.json", GRANTS),
    files.write("key", KEY),
    files.write("camera", TOKENS.camera),
    files.write("viewer", TOKENS.viewer),
  ]);
  await using server = await startServer([
    ...["--grants-file", grantsFile],
    ...["--sign-key-file", keyFile],
  ]);
  const { host } = new URL(server.url);
  const signed = async (rights: string): Promise<string> => {
    const { stdout } = await runHere(
      ["trickle-url", `${server.url}camera`, "--sign-key-file", keyFile, "--rights", rights],
    );
    return stdout.trim();
  };
  const ways: [publish: string[], subscribe: string[]][] = [
    [
      [`${server.url}camera`, "--token-file", cameraFile],
      [`${server.url}camera`, "--token-file", viewerFile],
    ],
    [[`http://${TOKENS.camera}@${host}/camera`], [`http://x:${TOKENS.viewer}@${host}/camera`]],
    [[await signed("publish")], [await signed("read")]],
  ];
  for (const [publish, [url, ...options]] of ways) {
    // The subscriber is at segment 0 before there is one: what is not asked for goes with the channel.
    assert.equal(
      await status(`${server.url}camera`, { method: "POST", token: TOKENS.camera }),
      200,
    );
    const out = await files.write("out.ts", "");
    await using subscriber = new CommandHere(["subscribe", url!, out, "--start", "0", ...options]);
    await subscriber.waitFor(/Subscribed to/);
    const publisher = await runHere(
      ["publish", "test", ...publish, ..."--size 160x90 --fps 5 --seconds 1 --no-audio".split(" ")],
    );
    assert.equal(publisher.code, 0, publisher.stderr);
    assert.equal((await subscriber.result()).code, 0, subscriber.stderr);
    assert.ok((await Deno.stat(out)).size > 0, "nothing of what was published");
    for (const stderr of [publisher.stderr, subscriber.stderr]) {
      assert.doesNotMatch(stderr, /token-0123|sign=|rights=/);
    }
  }
  assert.doesNotMatch(server.command.stderr, /token-0123|sign=/);
});

Deno.test("without a token, or with one that does not suffice, publish and subscribe say so", async () => {
  await using files = await openFiles();
  const grantsFile = await files.write("grants.json", GRANTS);
  const viewerFile = await files.write("viewer", TOKENS.viewer);
  const cameraFile = await files.write("camera", TOKENS.camera);
  await using server = await startServer(["--grants-file", grantsFile]);
  const url = `${server.url}camera`;
  assert.equal(await status(url, { method: "POST", token: TOKENS.camera }), 200);
  const none = /the server answered 401: it wants a token or a signed URL/;
  const wrong = /the server answered 403: the URL's token or signature does not allow it/;
  const cases: [string[], RegExp][] = [
    [["publish", "test", url], none],
    [["publish", "test", url, "--token-file", viewerFile], wrong],
    [["subscribe", url, "-"], none],
    [["subscribe", url, "-", "--token-file", cameraFile], wrong],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runHere(args);
    assert.equal(code, 1, args.join(" "));
    const lines = stderr.trim().split("\n").filter((line) => line.startsWith("error: "));
    assert.equal(lines.length, 1, stderr);
    assert.match(lines[0]!, message);
  }
  assert.equal(await status(`${url}/next`, { token: TOKENS.viewer }), 200);
});

Deno.test("files that cannot be used are errors that name the option and show no secret", async () => {
  await using files = await openFiles();
  const cases: [option: string, content: string | object | undefined, message: RegExp][] = [
    ["--token-file", undefined, /Cannot read the secret of --token-file from .*missing/],
    ["--token-file", " \n", /--token-file .*it is empty/],
    ["--token-file", "s3cret", /--token-file: a token has 16 or more printable ASCII/],
    ["--token-file", "s3cret with some space", /--token-file: a token has 16 or more/],
    ["--grants-file", "s3cret", /--grants-file: it is no JSON/],
    ["--grants-file", '[{"token": "s3cret-s3cret-s3cret"', /--grants-file: it is no JSON/],
    ["--grants-file", {}, /--grants-file: .*expected array/],
    ["--grants-file", [], /--grants-file: /],
    ["--grants-file", [{ token: "s3cret", rights: ["read"] }], /0\.token: a token has 16 or more/],
    ["--grants-file", [{ token: TOKENS.viewer, rights: [] }], /0\.rights: /],
    ["--grants-file", [{ token: TOKENS.viewer, rights: ["s3cret"] }], /0\.rights\.0: .*"read"/],
    [
      "--grants-file",
      [{ token: TOKENS.viewer, rights: ["read"], "s3cret-field": 1 }],
      /0: a grant has token, rights, channels, prefixes and client/,
    ],
    ["--grants-file", [{ token: TOKENS.viewer, rights: ["read"], prefixes: "cam" }], /0\.prefixes/],
    ["--grants-file", [GRANTS[1], { ...GRANTS[1], client: "tv" }], /1\.client: an earlier grant/],
    ["--sign-key-file", "s3cret", /--sign-key-file: key 1: .*6 characters: use 32 or more/],
    ["--sign-key-file", `${KEY}\ns3cret`, /--sign-key-file: key 2: /],
  ];
  for (const [option, content, message] of cases) {
    const path = content === undefined
      ? "/nowhere/missing"
      : await files.write("secret-file", content);
    const { code, stderr } = await runHere(["trickle-server", "--port", "0", option, path]);
    assert.equal(code, 1, `${option} ${content}`);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /s3cret|viewer-token/);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }
});

Deno.test("an option with secrets that is given and empty does not open the server", async () => {
  for (const name of ["token", "grants", "sign-key"]) {
    const flag = await runHere(["trickle-server", "--port", "0", `--${name}-file`, ""]);
    assert.equal(flag.code, 1);
    assert.match(flag.stderr, new RegExp(`Cannot read the secret of --${name}-file`));
    const variable = `RUNNEL_TRICKLE_${name.replace("-", "_").toUpperCase()}_FILE`;
    const env = { [variable]: "" };
    assert.equal((await runHere(["trickle-server", "--port", "0"], { env })).code, 1, variable);
  }
});

Deno.test("what cannot be signed is an error in words, which shows no key", async () => {
  await using files = await openFiles();
  const keyFile = await files.write("key", KEY);
  const shortFile = await files.write("short", "s3cret");
  const url = "http://127.0.0.1:1/camera";
  const cases: [string[], number, RegExp][] = [
    [[url], 1, /Cannot sign without a key: name its file with --sign-key-file/],
    [[url, "--sign-key-file", shortFile], 1, /key 1: .*use 32 or more/],
    [["http://127.0.0.1:1/", "--sign-key-file", keyFile], 1, /Cannot sign a URL that names no ch/],
    [["camera", "--sign-key-file", keyFile], 2, /Use an absolute URL/],
    [[url, "--sign-key-file", keyFile, "--rights", "delete"], 2, /Use read, publish, or read,pub/],
    [[url, "--sign-key-file", keyFile, "--expires-in", "0"], 2, /whole number from 1 to/],
  ];
  for (const [args, expected, message] of cases) {
    const { code, stdout, stderr } = await runHere(["trickle-url", ...args]);
    assert.equal(code, expected, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /s3cret/);
  }
});

Deno.test("clients take the file of their token from variables of their own, and not the server's", async () => {
  await using files = await openFiles();
  const viewerFile = await files.write("viewer", TOKENS.viewer);
  const grantsFile = await files.write("grants.json", GRANTS);
  await using server = await startServer(["--grants-file", grantsFile]);
  const cases: [variable: string, message: RegExp][] = [
    ["RUNNEL_SUBSCRIBE_TOKEN_FILE", /there is no such channel/],
    ["RUNNEL_TRICKLE_TOKEN_FILE", /the server answered 401/],
  ];
  for (const [variable, message] of cases) {
    const env = { [variable]: viewerFile };
    const { code, stderr } = await runHere(["subscribe", `${server.url}camera`, "-"], { env });
    assert.equal(code, 1);
    assert.match(stderr, message);
  }
});

Deno.test("a wrong command line does not show the token of its URL", async () => {
  for (const url of ["ftp://s3cret@127.0.0.1/c", "ws://x:s3cret@h/c?sign=s3cret"]) {
    for (const args of [["publish", "test", url], ["subscribe", url, "-"], ["trickle-url", url]]) {
      const { code, stderr } = await runHere(args);
      assert.equal(code, 2);
      assert.match(stderr, /Use an absolute URL/);
      assert.doesNotMatch(stderr, /s3cret/);
    }
  }
});

Deno.test("a server that others reach says that it asks for no tokens, and one with tokens does not", async () => {
  await using files = await openFiles();
  const tokenFile = await files.write("token", TOKENS.operator);
  const warning = /WARN +cli: Anyone who reaches 0\.0\.0\.0:\d+ may read, publish and delete/;
  {
    await using open = await startServer(["--host", "0.0.0.0"]);
    await open.command.waitFor(warning);
  }
  await using guarded = await startServer(["--host", "0.0.0.0", "--token-file", tokenFile]);
  assert.doesNotMatch(guarded.command.stderr, /Anyone who reaches/);
});

Deno.test("tokens and keys change with their files, without an end of the channels", async () => {
  await using files = await openFiles();
  const grantsFile = await files.write("grants.json", GRANTS);
  const keyFile = await files.write("key", KEY);
  await using server = await startServer(
    ["--grants-file", grantsFile, "--sign-key-file", keyFile],
  );
  const url = `${server.url}camera`;
  assert.equal(await status(url, { method: "POST", token: TOKENS.camera }), 200);
  const answerIs = (expected: number, token: string): Promise<void> =>
    until(
      async () => await status(`${url}/next`, { token }) === expected,
      `${expected} for ${token}`,
    );
  await files.write("grants.json", [...GRANTS, { token: TOKENS.operator, rights: ["read"] }]);
  await answerIs(200, TOKENS.operator);
  await files.write("grants.json", GRANTS.slice(0, 1));
  await answerIs(401, TOKENS.operator);
  await answerIs(401, TOKENS.viewer);
  await answerIs(200, TOKENS.camera);

  // What cannot be used changes nothing and opens nothing.
  await files.write("grants.json", "[]");
  await server.command.waitFor(/WARN +cli: The former tokens and keys hold: .*--grants-file/);
  await answerIs(200, TOKENS.camera);
  assert.equal(await status(`${url}/next`), 401);
  await files.write("grants.json", GRANTS);
  await answerIs(200, TOKENS.viewer);

  const sign = async (): Promise<string> =>
    (await runHere(["trickle-url", url, "--sign-key-file", keyFile])).stdout.trim();
  const former = await sign();
  await files.write("key", OTHER_KEY);
  const next = (signed: string): string => signed.replace("?", "/next?");
  await until(async () => await status(next(former)) === 403, "the end of the former key");
  assert.equal(await status(next(await sign())), 200);
});
