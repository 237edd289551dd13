import assert from "node:assert/strict";
import { delay, within } from "../../waiting.ts";

const SCRIPT = new URL("./port_process.ts", import.meta.url).pathname;
const OPEN_FILES = 60;

Deno.test("a program whose port was taken while it was closed ends with an error", async () => {
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      `ulimit -n ${OPEN_FILES}; exec "$@"`,
      "sh",
      Deno.execPath(),
      "run",
      "-A",
      "--no-check",
      "--quiet",
      SCRIPT,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = Number(new TextDecoder().decode(value));
  const connections: Deno.TcpConn[] = [];
  let taken: Deno.TcpListener | undefined;
  // More connections than it has descriptors close its port, which is then free for anyone.
  while (taken === undefined) {
    try {
      if (connections.length < 2 * OPEN_FILES) {
        connections.push(await Deno.connect({ hostname: "127.0.0.1", port }));
      }
    } catch {
      // It was closed a moment ago.
    }
    try {
      taken = Deno.listen({ hostname: "127.0.0.1", port });
    } catch {
      await delay(1);
    }
  }
  const [{ code }, stderr] = await within(
    Promise.all([child.status, new Response(child.stderr).text()]),
    "the end of the program",
  );
  await reader.cancel();
  taken.close();
  for (const connection of connections) connection.close();
  assert.equal(code, 1);
  assert.match(stderr, /Cannot go on listening on 127\.0\.0\.1:\d+: Address already in use/);
});
