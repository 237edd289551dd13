/**
 * HTTP as bytes, for what `fetch` does not send.
 *
 * @module
 */

import type { TestServer } from "../fake_session.ts";

/** A connection on which bytes are sent as they are. */
export class RawConnection implements Disposable {
  readonly #connection: Deno.TcpConn;
  #text = "";

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Connects to a server. */
  static async open({ server }: TestServer): Promise<RawConnection> {
    const { hostname, port } = server.address;
    return new RawConnection(await Deno.connect({ hostname, port }));
  }

  /** Sends lines that end as HTTP wants them, and a body after them. */
  async send(lines: readonly string[], body = ""): Promise<void> {
    await this.write([...lines, "", body].join("\r\n"));
  }

  /** Sends a text as it is. */
  async write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }

  /** Reads until what came matches. */
  async readUntil(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#text)) {
      if (!await this.#more()) throw new Error(`closed after ${JSON.stringify(this.#text)}`);
    }
    const text = this.#text;
    this.#text = "";
    return text;
  }

  /** Reads until the server closes. */
  async readToEnd(): Promise<string> {
    while (await this.#more());
    return this.#text;
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(4096);
    const count = await this.#connection.read(buffer);
    if (count !== null) this.#text += new TextDecoder().decode(buffer.subarray(0, count));
    return count !== null;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
