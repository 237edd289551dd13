import assert from "node:assert/strict";
import { delay, until } from "../waiting.ts";
import { CommandProcess } from "./command_process.ts";

/** Enough for a program that runs, and for some of the connections that come. */
const OPEN_FILES = 90;
const CONNECTIONS = 150;

/** Opens more connections than the program has descriptors; what is refused is left out. */
async function flood(port: number): Promise<Deno.TcpConn[]> {
  const connections: Deno.TcpConn[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    try {
      connections.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    } catch {
      await delay(1); // the port is closed, or its queue is full
    }
  }
  return connections;
}

function closeAll(connections: readonly Deno.TcpConn[]): void {
  for (const connection of connections) connection.close();
}

async function status(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}

/** A connection with a request that was answered, and then another on the same connection. */
async function ask(connection: Deno.TcpConn, path: string): Promise<string> {
  const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  const buffer = new Uint8Array(4096);
  const count = await connection.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
}

Deno.test("a worker that ran out of descriptors answers again, and ends with 0 when asked to", async () => {
  await using command = new CommandProcess(
    ["serve", "--host", "127.0.0.1", "--port", "0", "--warm-ffmpeg", "0"],
    { openFiles: OPEN_FILES },
  );
  const [, url] = await command.waitFor(/Serving .* on (http:\S+)/);
  const connections = await flood(Number(new URL(url!).port));
  // Connections that say nothing make room for those that do.
  await until(async () => await status(`${url}/health`) === 200, "an answer beside the flood");
  closeAll(connections);
  await until(async () => await status(`${url}/health`) === 200, "an answer after the flood");
  command.kill("SIGTERM");
  assert.equal((await command.result()).code, 0);
});

Deno.test("a trickle server that ran out of descriptors opens its port again", async () => {
  await using command = new CommandProcess(["trickle-server", "--port", "0"], {
    openFiles: OPEN_FILES,
  });
  const [, url] = await command.waitFor(/ready on (http:\S+)/);
  const port = Number(new URL(url!).port);
  using before = await Deno.connect({ hostname: "127.0.0.1", port });
  assert.match(await ask(before, "/c/next"), /^HTTP\/1.1 404/);
  const connections = await flood(port);
  await command.waitFor(/takes no connections: .*Too many open files/);
  assert.match(await ask(before, "/c/next"), /^HTTP\/1.1 404/, "what was connected goes on");
  closeAll(connections);
  await until(async () => await status(`${url}c/next`) === 404, "an answer after the flood");
  assert.match(await ask(before, "/c/next"), /^HTTP\/1.1 404/);
  await command.waitFor(/takes connections again/);
  command.kill("SIGTERM");
  assert.equal((await command.result()).code, 0);
});
