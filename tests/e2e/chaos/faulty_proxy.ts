/** A TCP proxy whose network does what it is told: it cuts, refuses, stands still or is slow. */

/** What a network does to every connection. */
export type Weather =
  | "fine"
  /** Nobody listens; connections that are there go on. */
  | "refusing"
  /** Connections stay open, and no byte gets through. */
  | "standing"
  /** {@linkcode SLOW_BYTES} get through in each {@linkcode SLOW_MS}. */
  | "slow";

/** 32 kbit/s: less than a stream of the chaos run has. */
const SLOW_BYTES = 200;
const SLOW_MS = 50;
const CHUNK_BYTES = 16_384;

/** Hands every connection on to a port of this machine. */
export class FaultyProxy implements AsyncDisposable {
  readonly #target: number;
  readonly #port: number;
  readonly #connections = new Set<Deno.Conn>();
  readonly #tasks = new Set<Promise<void>>();
  #listener: Deno.Listener | undefined;
  #weather: Weather = "fine";
  #changed = Promise.withResolvers<void>();

  /** Begins to listen. */
  constructor(target: number) {
    this.#target = target;
    const listener = this.#listen(0);
    this.#port = (listener.addr as Deno.NetAddr).port;
  }

  /** The URL of a channel through the proxy. */
  url(channel: string): string {
    return `http://127.0.0.1:${this.#port}/${channel}`;
  }

  /** Cuts all connections that are open. Returns how many pairs there were. */
  cut(): number {
    const count = this.#connections.size / 2;
    for (const connection of [...this.#connections]) this.#close(connection);
    return count;
  }

  /** Changes what the network does from now on. */
  set weather(weather: Weather) {
    this.#weather = weather;
    if (weather === "refusing") this.#stopListening();
    else if (this.#listener === undefined) this.#listen(this.#port);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.weather = "fine";
    this.#stopListening();
    this.cut();
    await Promise.all(this.#tasks);
  }

  #listen(port: number): Deno.Listener {
    const listener = Deno.listen({ hostname: "127.0.0.1", port });
    this.#listener = listener;
    this.#track(this.#accept(listener));
    return listener;
  }

  #stopListening(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  async #accept(listener: Deno.Listener): Promise<void> {
    for (;;) {
      const client = await listener.accept().catch(() => undefined);
      if (client === undefined) return; // the listener was closed
      this.#track(this.#join(client));
    }
  }

  async #join(client: Deno.Conn): Promise<void> {
    this.#connections.add(client);
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
      this.#connections.add(server);
      await Promise.all([this.#relay(client, server), this.#relay(server, client)]);
    } catch {
      this.#close(client); // its server is gone
    }
  }

  /** Copies one direction to its end; that ends both. */
  async #relay(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(CHUNK_BYTES);
    try {
      for (;;) {
        const room = this.#weather === "slow" ? SLOW_BYTES : CHUNK_BYTES;
        const count = await from.read(buffer.subarray(0, room));
        if (count === null) break;
        if (this.#weather === "slow") await pause(SLOW_MS);
        while (this.#weather === "standing") await this.#changed.promise;
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
      }
    } catch {
      // One side is gone: so is the other.
    }
    this.#close(from);
    this.#close(to);
  }

  #close(connection: Deno.Conn): void {
    if (this.#connections.delete(connection)) connection.close();
  }

  #track(task: Promise<void>): void {
    const tracked = task.finally(() => this.#tasks.delete(tracked));
    this.#tasks.add(tracked);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
