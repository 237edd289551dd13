/** A TCP proxy that cuts connections, as bad networks do. */

/** When connections are cut. */
export interface CutOptions {
  /** Bytes from the server after which a connection is cut. */
  readonly cutAfterBytes: number;
  /** How many connections are cut; those after them are left alone. */
  readonly cuts: number;
}

/** Hands every connection on to a port of this machine. */
export class CuttingProxy implements AsyncDisposable {
  /** Connections cut so far. */
  cutsMade = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #target: number;
  readonly #options: CutOptions;
  readonly #connections = new Set<Deno.Conn>();
  readonly #tasks: Promise<void>[] = [];

  constructor(target: number, options: CutOptions) {
    this.#target = target;
    this.#options = options;
    this.#tasks.push(this.#accept());
  }

  /** Where it listens. */
  get port(): number {
    return this.#listener.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) this.#close(connection);
    await Promise.all(this.#tasks);
  }

  async #accept(): Promise<void> {
    for (;;) {
      const client = await this.#listener.accept().catch(() => undefined);
      if (client === undefined) return; // the listener was closed
      this.#connections.add(client);
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
      this.#connections.add(server);
      this.#tasks.push(this.#relay(client, server, Infinity));
      this.#tasks.push(this.#relay(server, client, this.#options.cutAfterBytes));
    }
  }

  /** Copies one direction to its end or its cut; either ends both. */
  async #relay(from: Deno.Conn, to: Deno.Conn, cutAfterBytes: number): Promise<void> {
    const buffer = new Uint8Array(4_096);
    let relayed = 0;
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) break;
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
        relayed += count;
        if (relayed < cutAfterBytes || this.cutsMade >= this.#options.cuts) continue;
        this.cutsMade++;
        break;
      }
    } catch {
      // One side is gone: so is the other.
    }
    this.#close(from);
    this.#close(to);
  }

  #close(connection: Deno.Conn): void {
    if (!this.#connections.delete(connection)) return;
    connection.close();
  }
}
