import assert from "node:assert/strict";
import { delay, until, within } from "../../waiting.ts";

const SCRIPT = new URL("./port_process.ts", import.meta.url).pathname;
const OPEN_FILES = 60;

interface Program {
  readonly child: Deno.ChildProcess;
  readonly port: number;
  /** Resolves to its exit code and what it wrote to standard error. */
  end(): Promise<[code: number, stderr: string]>;
}

async function startProgram(giveUpAfterMs: number): Promise<Program> {
  const deno = [Deno.execPath(), "run", "-A", "--no-check", "--quiet", SCRIPT];
  const child = new Deno.Command("sh", {
    args: ["-c", `ulimit -n ${OPEN_FILES}; exec "$@"`, "sh", ...deno, `${giveUpAfterMs}`],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const stderr = new Response(child.stderr).text();
  return {
    child,
    port: Number(new TextDecoder().decode(value)),
    end: async () => {
      const ended = Promise.all([child.status, stderr]);
      const [{ code }, text] = await within(ended, "the end of the program");
      await reader.cancel();
      return [code, text];
    },
  };
}

/** Opens connections up to a number; false where the port is closed. */
async function connectInto(connections: Deno.TcpConn[], port: number): Promise<boolean> {
  if (connections.length >= 2 * OPEN_FILES) return true;
  try {
    connections.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    return true;
  } catch {
    return false;
  }
}

function closeAll(connections: readonly Deno.TcpConn[]): void {
  for (const connection of connections) connection.close();
}

Deno.test("a program whose port was taken while it was closed ends with an error", async () => {
  const program = await startProgram(1_000);
  const { port } = program;
  const connections: Deno.TcpConn[] = [];
  let taken: Deno.TcpListener | undefined;
  // More connections than it has descriptors close its port, which is then free for anyone.
  while (taken === undefined) {
    await connectInto(connections, port);
    try {
      taken = Deno.listen({ hostname: "127.0.0.1", port });
    } catch {
      await delay(1);
    }
  }
  const [code, stderr] = await program.end();
  taken.close();
  closeAll(connections);
  assert.equal(code, 1);
  assert.match(stderr, /Cannot go on listening on 127\.0\.0\.1:\d+: Address already in use/);
});

Deno.test("connections that keep all descriptors are cut, and others are answered", async () => {
  const program = await startProgram(600_000);
  const connections: Deno.TcpConn[] = [];
  while (await connectInto(connections, program.port) && connections.length < OPEN_FILES);
  await until(async () => {
    try {
      const response = await fetch(`http://127.0.0.1:${program.port}/`);
      return await response.text() === "here";
    } catch {
      return false;
    }
  }, "an answer while the connections are held");
  program.child.kill("SIGTERM");
  assert.equal((await program.end())[0], 0);
  closeAll(connections);
});
