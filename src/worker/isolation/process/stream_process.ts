/**
 * The process of a stream: messages come on standard input, one a line, and go out on standard output.
 *
 * @module
 */

import { exitProcess } from "../../../base/mod.ts";
import { STOP_SIGNALS } from "../../../base/mod.ts";
import { linesOf, parseMessage, writeMessage } from "./framing.ts";
import { StreamRunner } from "../stream_runner.ts";

/** Serves the server at the other end of the pipes, until it closes them. */
export async function serveStream(): Promise<void> {
  const encoder = new TextEncoder();
  const runner = new StreamRunner((message) => writeAll(encoder.encode(writeMessage(message))));
  // A terminal and a service manager signal the whole group: the server decides when this ends.
  for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, () => {});
  for await (const line of linesOf(Deno.stdin.readable)) {
    const parsed = parseMessage(line);
    // A rejection ends the process, which is how the server hears of it.
    if (parsed !== undefined) void runner.take(parsed.message);
  }
  exitProcess(0); // without its server a stream has no end
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
