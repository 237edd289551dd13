/**
 * A worker that has used up all descriptors of its process: it prints its port, and cannot accept anyone.
 *
 * @module
 */

import { defineProcessor } from "../../../src/processor/mod.ts";
import { StreamServer } from "../../../src/server/mod.ts";

const server = new StreamServer({
  processor: defineProcessor({}),
  port: 0,
  warmFfmpeg: 0,
  portPatience: { giveUpAfterMs: 500 },
});
await server.start();
const running = server.runForever();
// What the server does at its start wants descriptors of its own, as the signals that it listens to do.
await server.initialized;
await new Promise((resolve) => setTimeout(resolve, 0));
const held: Deno.FsFile[] = [];
try {
  for (;;) held.push(Deno.openSync("/dev/null"));
} catch {
  await Deno.stdout.write(new TextEncoder().encode(`${server.address.port}\n`));
}
await running;
