/**
 * One connection of a gated port: its bytes go to the HTTP server behind the gate and back, and its phase
 * says what it may wait for.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { ConnectionLimits } from "./connection_limits.ts";

/** Bytes that are moved at once, each way. */
const BUFFER_BYTES = 64 * 1024;
/** Bytes that are read first: a connection that says nothing holds no more. */
const FIRST_BYTES = 4 * 1024;
/** How long a client that still sends gets to read the answer that refuses it. */
const LINGER_MS = 2_000;

/** What a connection waits for. */
type Phase =
  /** The first byte. */
  | "first"
  /** The rest of the head of a request. */
  | "head"
  /** The answer of the server, or the end of an upgraded connection. */
  | "busy"
  /** Another request. */
  | "idle"
  /** The client's end: everything is said. */
  | "ending";

/** Options of a {@linkcode GatedConnection}. */
export interface GatedConnectionOptions {
  readonly client: Deno.TcpConn;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  /** Connects to the server behind the gate. */
  readonly connect: () => Promise<Deno.TcpConn>;
}

/** A connection of a client, and from its first byte on one to the server. */
export class GatedConnection {
  /** Resolves when both sides are closed. */
  readonly ended: Promise<void>;
  readonly #options: GatedConnectionOptions;
  #server: Deno.TcpConn | undefined;
  #phase: Phase = "first";
  #sinceMs: number;
  /** When the write began that the client has not taken yet. */
  #writingSinceMs: number | undefined;
  #requests = 0;
  #closesAfterAnswer = false;
  #isUpgraded = false;
  #lingers = true;
  #isSaid = false;

  /** Takes over a connection that was accepted. */
  constructor(options: GatedConnectionOptions) {
    this.#options = options;
    this.#sinceMs = options.clock.now();
    this.ended = this.#run();
  }

  /** Whether a request is being answered. */
  get busy(): boolean {
    return this.#phase === "busy";
  }

  /** Since when it is in its phase, in milliseconds of the clock. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Whether all that the server has to say is out, and only the client's end is waited for. */
  get isSaid(): boolean {
    return this.#isSaid;
  }

  /** The server has the head of a request. */
  begin(): void {
    this.#requests++;
    if (this.#phase !== "ending") this.#enter("busy");
  }

  /** An answer is out. With `close`, nothing more of the client is read. */
  finish({ close, upgraded }: { readonly close: boolean; readonly upgraded: boolean }): void {
    this.#requests--;
    this.#closesAfterAnswer ||= close;
    this.#isUpgraded ||= upgraded;
    if (this.#requests > 0 || this.#isUpgraded || this.#phase === "ending") return;
    if (this.#closesAfterAnswer || !this.#lingers) this.#readNoMore();
    else this.#enter("idle");
  }

  /** Closes both sides once what is being answered is out. */
  leave(): void {
    this.#lingers = false;
    if (this.#server === undefined) this.cut();
    else if (!this.busy) this.#readNoMore();
  }

  /** Whether what it waits for did not come in time. */
  isOverdue(nowMs: number): boolean {
    const { limits } = this.#options;
    const { writeTimeoutMs } = limits;
    const writing = this.#writingSinceMs;
    if (writing !== undefined && nowMs - writing >= writeTimeoutMs) return true;
    return nowMs - this.#sinceMs >= phaseLimitMs(this.#phase, limits);
  }

  /** Closes both sides. */
  cut(): void {
    closeQuietly(this.#options.client);
    if (this.#server !== undefined) closeQuietly(this.#server);
  }

  async #run(): Promise<void> {
    const { client, connect } = this.#options;
    try {
      const first = new Uint8Array(FIRST_BYTES);
      const count = await client.read(first);
      if (count === null) return;
      this.#enter("head");
      this.#server = await connect();
      // What is passed on waits for nothing.
      client.setNoDelay();
      this.#server.setNoDelay();
      await writeAll(this.#server, first.subarray(0, count));
      await Promise.all([
        this.#pumpRequests(this.#server),
        this.#pumpAnswers(this.#server),
      ]);
    } catch {
      // One side has left, or was cut: the other one goes as well.
    } finally {
      this.cut();
    }
  }

  async #pumpRequests(server: Deno.TcpConn): Promise<void> {
    const { client } = this.#options;
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const count = await client.read(buffer);
      if (count === null) break;
      if (this.#phase === "ending") continue;
      if (this.#phase === "idle") this.#enter("head");
      try {
        await writeAll(server, buffer.subarray(0, count));
      } catch {
        this.#enter("ending"); // the server has closed: its answer is still on the way
      }
    }
    await server.closeWrite().catch(() => {}); // it was closed before
  }

  async #pumpAnswers(server: Deno.TcpConn): Promise<void> {
    const { client, clock } = this.#options;
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const count = await server.read(buffer);
      if (count === null) break;
      this.#writingSinceMs = clock.now();
      await writeAll(client, buffer.subarray(0, count));
      this.#writingSinceMs = undefined;
    }
    this.#enter("ending");
    await client.closeWrite();
    this.#isSaid = true;
    if (!this.#lingers) this.cut();
  }

  /** The server sees the end of the requests, whatever is missing of the last one, and closes its side. */
  #readNoMore(): void {
    this.#enter("ending");
    this.#server?.closeWrite().catch(() => {}); // it did already
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#sinceMs = this.#options.clock.now();
  }
}

function phaseLimitMs(phase: Phase, limits: ConnectionLimits): number {
  switch (phase) {
    case "first":
      return limits.firstByteTimeoutMs;
    case "head":
      return limits.headTimeoutMs;
    case "busy":
      return Infinity;
    case "idle":
      return limits.idleTimeoutMs;
    case "ending":
      return LINGER_MS;
  }
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed.
  }
}
