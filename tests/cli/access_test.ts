import assert from "node:assert/strict";
import { CommandHere, runHere } from "./command_here.ts";

async function status(url: string, init: RequestInit): Promise<number> {
  const response = await fetch(url, init);
  await response.body?.cancel();
  return response.status;
}

Deno.test("serve takes origins and the scope of its token from flags and the environment", async () => {
  await using command = new CommandHere(["serve", "--port", "0", "--token-scope", "all"], {
    env: {
      HOST: "127.0.0.1",
      CAPABILITY_TOKEN: "t0ken",
      RUNNEL_ALLOW_ORIGIN: "https://app.example, https://other.example",
    },
  });
  const [, url] = await command.waitFor(/Serving .* on (http:\S+)/);
  assert.equal(await status(`${url}/metrics`, {}), 401);
  assert.equal(await status(`${url}/livez`, {}), 200);
  const cases: [string, number][] = [
    ["https://app.example", 400],
    ["https://other.example", 400],
    ["https://evil.example", 403],
  ];
  for (const [Origin, expected] of cases) {
    const headers = { Origin, Authorization: "Bearer t0ken", "Content-Type": "application/json" };
    const init = { method: "POST", headers, body: "{}" };
    assert.equal(await status(`${url}/stream/start`, init), expected, Origin);
  }
});

Deno.test("trickle-server takes origins and limits of connections", async () => {
  const args = ["--allow-origin", "https://app.example", "--max-connections", "20"];
  await using command = new CommandHere(["trickle-server", "--port", "0", ...args]);
  const [, url] = await command.waitFor(/ready on (http:\S+)/);
  for (const [Origin, expected] of [["https://app.example", 200], ["null", 403]] as const) {
    const init = { method: "POST", headers: { Origin } };
    assert.equal(await status(`${url}camera`, init), expected, Origin);
  }
});

Deno.test("what is no origin or no limit is a wrong command line", async () => {
  const cases: [string[], RegExp][] = [
    [["serve", "--allow-origin", "app.example"], /Use origins such as https:\/\/app\.example/],
    [["serve", "--max-connections", "0"], /Use a whole number from 1 to 65536/],
    [["serve", "--token-scope", "some"], /Allowed choices are control, all/],
    [["trickle-server", "--allow-origin", "https://a.example/path"], /Use origins such as/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runHere(args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
  }
});
