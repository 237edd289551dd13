/** Downloads of models where a proxy leads to the web. */

import assert from "node:assert/strict";

const ROOT = new URL("../../../", import.meta.url);

Deno.test("a model over http comes through the proxy that the environment names", async () => {
  const asked: string[] = [];
  await using proxy = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    asked.push(request.url);
    return new Response("from the proxy");
  });
  const download = JSON.stringify(new URL("src/inference/files/download.ts", ROOT).href);
  const policy = JSON.stringify(new URL("src/base/url_policy.ts", ROOT).href);
  const path = await Deno.makeTempFile();
  try {
    const code = `import { downloadFile } from ${download};
      import { UrlPolicy } from ${policy};
      const urls = new UrlPolicy({ lookup: () => Promise.resolve(["192.0.2.1"]) });
      await downloadFile(new URL("http://model.example/m"), ${JSON.stringify(path)}, { urls });`;
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...[
          "run",
          "-A",
          "--no-check",
          "--no-lock",
          "--config",
          new URL("deno.json", ROOT).pathname,
        ],
        `data:text/typescript,${encodeURIComponent(code)}`,
      ],
      env: { HTTP_PROXY: `http://127.0.0.1:${proxy.addr.port}` },
      stdin: "null",
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    assert.equal(await Deno.readTextFile(path), "from the proxy");
    assert.deepEqual(asked, ["http://model.example/m"]);
  } finally {
    await Deno.remove(path);
  }
});
