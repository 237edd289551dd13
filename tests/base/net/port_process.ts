/**
 * A program that serves HTTP on a free port, prints the port, and fails when it loses it. Its argument is how
 * long it tries to open the port again, in milliseconds.
 *
 * @module
 */

import { systemClock } from "../../../src/base/mod.ts";
import { HttpPort } from "../../../src/base/net/http_port.ts";

// As the commands do. Without it Deno wants a descriptor for signals when the program fails, and panics.
Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
const port = new HttpPort({
  hostname: "127.0.0.1",
  port: 0,
  clock: systemClock,
  patience: { cutAfterMs: 500, giveUpAfterMs: Number(Deno.args[0]) },
  onError: () => new Response(null, { status: 500 }),
}, () => new Response("here"));
await Deno.stdout.write(new TextEncoder().encode(`${port.address.port}\n`));
await port.lost;
