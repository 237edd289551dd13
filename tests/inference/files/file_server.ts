/**
 * A server of one file that answers as it is told: whole, cut, silent or with an error.
 *
 * @module
 */

import { sha256Hex } from "../../../src/inference/files/download.ts";

/** An HTTP status; the file in one piece, in chunks without its size, cut, or begun and never ended. */
export type Answer = number | "whole" | "chunked" | "cut" | "silent";

/** What the server serves. */
export const CONTENT: Uint8Array<ArrayBuffer> = Uint8Array.from(
  { length: 300_000 },
  (_, at) => at * 31 & 255,
);

/** Its SHA-256. */
export const SHA256: string = await sha256Hex(CONTENT);

/** A server that is running. */
export interface FileServer extends AsyncDisposable {
  /** Of the file. */
  readonly url: URL;
  /** Requests so far. */
  readonly requests: number;
}

/** Answers each request with the next of `answers`, and with the last from then on. */
export function fileServer(
  answers: readonly Answer[],
  content: Uint8Array<ArrayBuffer> = CONTENT,
): FileServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.TcpConn>();
  let requests = 0;
  const serving = (async () => {
    for await (const connection of listener) {
      connections.add(connection);
      const answer = answers[Math.min(requests++, answers.length - 1)]!;
      await reply(connection, answer, content);
      if (answer === "silent") continue;
      connections.delete(connection);
      connection.close();
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  return {
    url: new URL(`http://127.0.0.1:${port}/models/model.onnx`),
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of connections) connection.close();
      await serving;
    },
  };
}

async function reply(
  connection: Deno.TcpConn,
  answer: Answer,
  content: Uint8Array<ArrayBuffer>,
): Promise<void> {
  await connection.read(new Uint8Array(4096)); // The request, which fits.
  const half = content.subarray(0, content.length >> 1);
  switch (answer) {
    case "whole":
      await send(connection, head("200 OK", content.length), content);
      break;
    case "cut":
    case "silent":
      await send(connection, head("200 OK", content.length), half);
      break;
    case "chunked": {
      const rest = content.subarray(half.length);
      const start = head("200 OK", undefined);
      await send(connection, start, chunk(half), chunk(rest), chunk(new Uint8Array(0)));
      break;
    }
    default: {
      const text = { 403: "Forbidden", 404: "Not Found" }[answer] ?? "Trouble";
      await send(connection, head(`${answer} ${text}`, 0));
    }
  }
}

function head(status: string, length: number | undefined): Uint8Array {
  const body = length === undefined ? "transfer-encoding: chunked" : `content-length: ${length}`;
  return bytesOf(`HTTP/1.1 ${status}\r\n${body}\r\nconnection: close\r\n\r\n`);
}

function chunk(bytes: Uint8Array): Uint8Array {
  const [start, end] = [bytesOf(`${bytes.length.toString(16)}\r\n`), bytesOf("\r\n")];
  const whole = new Uint8Array(start.length + bytes.length + end.length);
  whole.set(start);
  whole.set(bytes, start.length);
  whole.set(end, start.length + bytes.length);
  return whole;
}

/** The client may hang up at any time: that is what some tests are about. */
async function send(connection: Deno.TcpConn, ...parts: Uint8Array[]): Promise<void> {
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length;) at += await connection.write(part.subarray(at));
    }
  } catch (error) {
    const isGone = error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BadResource;
    if (!isGone) throw error;
  }
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
