/** HTTPS of a trickle server on the command line. */

import assert from "node:assert/strict";
import { selfSigned, signedBySelfSigned } from "../trickle/certificates.ts";
import { CommandHere, runHere } from "./command_here.ts";

Deno.test("trickle-server --tls-cert serves HTTPS with and without limits on connections", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const authority = await selfSigned(folder); // in ca.pem and ca.key
    const { cert, key } = await signedBySelfSigned(folder);
    await Deno.writeTextFile(`${folder}/server.pem`, cert);
    await Deno.writeTextFile(`${folder}/server.key`, key);
    await Deno.writeTextFile(`${folder}/token`, "operator-token-0123456789");
    using client = Deno.createHttpClient({ caCerts: [authority.cert] });
    const pem = ["--tls-cert", `${folder}/server.pem`, "--tls-key", `${folder}/server.key`];
    const token = ["--token-file", `${folder}/token`];
    for (const access of [[], token]) {
      await using server = new CommandHere(["trickle-server", "--port", "0", ...pem, ...access]);
      const [, url] = await server.waitFor(/ready on (https:\S+)/);
      const response = await fetch(`${url}camera/next`, { client });
      await response.body?.cancel();
      assert.equal(response.status, access.length === 0 ? 404 : 401);
      const { code, stderr } = await runHere([
        ...["subscribe", `${url}camera`, "-", "--tls-ca", `${folder}/ca.pem`],
        ...token,
      ]);
      assert.equal(code, 1);
      assert.match(stderr, /there is no such channel/);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a certificate or key that cannot be used is an error that names the option", async () => {
  const folder = await Deno.makeTempDir();
  const other = await Deno.makeTempDir();
  try {
    await selfSigned(folder);
    await selfSigned(other);
    const [cert, key] = [`${folder}/ca.pem`, `${folder}/ca.key`];
    const cases: [string[], RegExp][] = [
      [["--tls-cert", cert], /Cannot use --tls-cert without --tls-key/],
      [["--tls-key", key], /Cannot use --tls-key without --tls-cert/],
      [["--tls-cert", key, "--tls-key", key], /Cannot use the file .*ca\.key of --tls-cert: /],
      [["--tls-cert", cert, "--tls-key", cert], /Cannot use the file .*ca\.pem of --tls-key: /],
      [
        ["--tls-cert", cert, "--tls-key", `${other}/ca.key`],
        /it is not the key of the certificate/,
      ],
      [["--tls-cert", `${folder}/none`, "--tls-key", key], /secret of --tls-cert from .*none/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await runHere(["trickle-server", "--port", "0", ...args]);
      assert.equal(code, 1, args.join(" "));
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /BEGIN|MII/);
    }
  } finally {
    for (const each of [folder, other]) await Deno.remove(each, { recursive: true });
  }
});
