import assert from "node:assert/strict";
import { within } from "../../waiting.ts";

const SCRIPT = new URL("./lost_port_process.ts", import.meta.url).pathname;

Deno.test("a worker that cannot accept anyone any more stops and fails", async () => {
  const deno = [Deno.execPath(), "run", "-A", "--no-check", "--quiet", SCRIPT];
  const child = new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 100; exec "$@"', "sh", ...deno],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = Number(new TextDecoder().decode(value));
  using _waiting = await Deno.connect({ hostname: "127.0.0.1", port });
  const [{ code }, stderr] = await within(
    Promise.all([child.status, new Response(child.stderr).text()]),
    "the end of the worker",
  );
  await reader.cancel();
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /Cannot go on accepting connections on 127\.0\.0\.1:\d+: Too many open files/,
  );
});
