/**
 * How bytes get into an ffmpeg child and out of it, behind one interface: the child's own pipes, or
 * a loopback TCP or unix socket that the child connects to. Raw frames are megabytes each, and a
 * pipe moves them 64 KiB at a time; `bench/transport_bench.ts` measures the difference.
 *
 * Any process of the machine may connect to a TCP port. So `/proc` is asked whose each connection is,
 * and only the child's is used. Where it does not tell, or may not be read, which takes all permissions
 * of Deno, raw pictures go over pipes too: nobody else can get at those.
 *
 * @module
 */

import { roomLogger } from "../../base/log.ts";
import { pause } from "../../base/pause.ts";
import { hasProc, isListenerOf, ownerOf, sourcePortOf } from "./proc.ts";

const log = roomLogger("codec");

/** Kinds of transport. Unix sockets are not available on Windows. */
export type TransportKind = "pipe" | "tcp" | "unix";

/**
 * What raw pictures go through. TCP holds a whole picture while this process does something else, a pipe
 * 64 KiB of it. A unix socket is no faster than a pipe in `bench/transport_bench.ts`, and needs a folder.
 */
export function rawTransport(): TransportKind {
  return knowsOwners() ? "tcp" : "pipe";
}

/** Bytes that come out of a child. */
export interface ByteSource {
  /**
   * Reads once. Where the source can, it reads into `wanted`, and the result is a view of that
   * memory; otherwise the result is valid until the next read. `undefined` at the end.
   */
  read(wanted: Uint8Array | undefined): Promise<Uint8Array | undefined>;
  /** Stops: the child gets an error when it writes on. Idempotent. */
  close(): void;
}

/** Bytes that go into a child. */
export interface ByteSink {
  /** Writes all of `bytes`; rejects when the child is gone. Calls must not overlap. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the input: the child sees the end of file. Idempotent. */
  end(): Promise<void>;
  /** Lets go of the connection. Idempotent. */
  close(): void;
}

/** One direction of a transport, made before the child is spawned. */
export interface Endpoint<End> {
  /** What ffmpeg is told to open. */
  readonly url: string;
  /**
   * Our end, once the child is there; connections of others are refused. Rejects when the endpoint is
   * closed before the child connects.
   */
  connect(child: Deno.ChildProcess): Promise<End>;
  /** Stops waiting for the child. Idempotent. */
  close(): void;
}

// Reads of anything but frames, and the head of each frame, go through a buffer of this size.
const SCRATCH_BYTES = 65_536;
// Smaller rests of a payload come with the next header in one read, which is cheaper than two.
const DIRECT_READ_MIN_BYTES = 16_384;

/** The way bytes come out of a child. */
export function openOutput(kind: TransportKind): Endpoint<ByteSource> {
  if (kind === "pipe") {
    return { url: "pipe:1", connect: (child) => Promise.resolve(pipeSource(child)), close() {} };
  }
  const socket = listen(kind);
  return {
    url: socket.url,
    close: () => socket.close(),
    connect: async (child) => connectionSource(await socket.accept(child)),
  };
}

/** The way bytes go into a child. */
export function openInput(kind: TransportKind): Endpoint<ByteSink> {
  if (kind === "pipe") {
    return { url: "pipe:0", connect: (child) => Promise.resolve(pipeSink(child)), close() {} };
  }
  const socket = listen(kind);
  return {
    url: socket.url,
    close: () => socket.close(),
    connect: async (child) => connectionSink(await socket.accept(child)),
  };
}

interface Socket {
  readonly url: string;
  accept(child: Deno.ChildProcess): Promise<Deno.Conn>;
  close(): void;
}

function listen(kind: "tcp" | "unix"): Socket {
  if (kind === "tcp") {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    // Without tcp_nodelay the last part of a frame may wait for an acknowledgement.
    const url = `tcp://127.0.0.1:${listener.addr.port}?tcp_nodelay=1`;
    return oneConnection(url, listener, () => {});
  }
  // The folder is ours alone: nobody else can connect.
  const folder = Deno.makeTempDirSync({ prefix: "runnel-" });
  const path = `${folder}/socket`;
  const listener = Deno.listen({ transport: "unix", path });
  return oneConnection(
    `unix:${path}`,
    listener,
    () => Deno.removeSync(folder, { recursive: true }),
  );
}

/** Accepts the connection of a child and then stops listening. */
function oneConnection(url: string, listener: Deno.Listener, cleanUp: () => void): Socket {
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    listener.close();
    cleanUp();
  };
  const accept = async (child: Deno.ChildProcess): Promise<Deno.Conn> => {
    try {
      return await acceptFrom(child, listener);
    } finally {
      close();
    }
  };
  return { url, accept, close };
}

/** How long what is in the queue may take to show after the child has ended. */
const QUEUE_MS = 100;

/** The first connection that is the child's. Rejects when the listener is closed before it comes. */
async function acceptFrom(child: Deno.ChildProcess, listener: Deno.Listener): Promise<Deno.Conn> {
  // A child that has little to write may have written it, closed its end and be about to exit.
  let abandoned: Deno.Conn | undefined;
  let refused = 0;
  const search: Search = { pid: child.pid };
  for (;;) {
    const connection = await acceptNext(
      listener,
      abandoned === undefined ? undefined : child.status,
    );
    if (connection === undefined) return abandoned!;
    const owner = await whoseConnection(connection, search);
    if (owner === "other") {
      connection.close();
      if (refused++ === 0) {
        log.warn(`Another process connected to a port that is for ffmpeg ${child.pid}: refused`);
      }
      continue;
    }
    abandoned?.close();
    if (owner === "child") return connection;
    abandoned = connection;
  }
}

/**
 * The next connection; undefined where none is in the queue once `end` has come, or the listener is closed.
 */
async function acceptNext(
  listener: Deno.Listener,
  end: Promise<unknown> | undefined,
): Promise<Deno.Conn | undefined> {
  const next = listener.accept();
  if (end === undefined) return await next;
  const accepted = new AbortController();
  const { signal } = accepted;
  const waited = end.then(() => pause(QUEUE_MS, signal)).then(() => undefined);
  try {
    return await Promise.race([next, waited]).catch(() => undefined);
  } finally {
    waited.catch(() => {}); // a connection came first
    accepted.abort();
  }
}

/** A child, and the port that it connected from, once that was seen. */
interface Search {
  readonly pid: number;
  port?: number | undefined;
}

/**
 * Nobody else can connect to a unix socket. While connections of others wait in the queue the child may
 * connect, write all it has and exit: so each time it is looked for, too.
 */
async function whoseConnection(
  { remoteAddr, localAddr }: Deno.Conn,
  search: Search,
): Promise<"child" | "other" | "nobody"> {
  if (remoteAddr.transport !== "tcp" || localAddr.transport !== "tcp") return "child";
  search.port ??= await sourcePortOf(localAddr.port, search.pid);
  if (search.port !== undefined) return search.port === remoteAddr.port ? "child" : "other";
  const { pid } = search;
  return await ownerOf({ remotePort: remoteAddr.port, localPort: localAddr.port }, pid);
}

let isTold: boolean | undefined;

/** Whether `/proc` knows whose a socket is: sandboxes have one that does not. Asked once. */
function knowsOwners(): boolean {
  return isTold ??= hasProc() && ownsListener();
}

function ownsListener(): boolean {
  try {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return isListenerOf(listener.addr.port, Deno.pid);
  } catch {
    return false; // no port may be had, or none is left
  }
}

function connectionSource(connection: Deno.Conn): ByteSource {
  const scratch = new Uint8Array(SCRATCH_BYTES);
  let open = true;
  return {
    async read(wanted): Promise<Uint8Array | undefined> {
      const direct = wanted !== undefined && wanted.length >= DIRECT_READ_MIN_BYTES;
      const into = direct ? wanted : scratch;
      const count = await connection.read(into);
      return count === null ? undefined : into.subarray(0, count);
    },
    close(): void {
      if (open) connection.close();
      open = false;
    },
  };
}

function connectionSink(connection: Deno.Conn): ByteSink {
  let state: "open" | "ended" | "closed" = "open";
  return {
    async write(bytes): Promise<void> {
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    },
    async end(): Promise<void> {
      if (state !== "open") return;
      state = "ended";
      await connection.closeWrite();
    },
    close(): void {
      if (state !== "closed") connection.close();
      state = "closed";
    },
  };
}

function pipeSource(child: Deno.ChildProcess): ByteSource {
  const reader = child.stdout.getReader({ mode: "byob" });
  let scratch = new Uint8Array(SCRATCH_BYTES);
  let open = true;
  return {
    async read(): Promise<Uint8Array | undefined> {
      const { value, done } = await reader.read(scratch);
      if (value === undefined) return undefined;
      // The stream detaches the memory it is given and hands it back.
      scratch = new Uint8Array(value.buffer);
      return done ? undefined : value;
    },
    close(): void {
      if (!open) return;
      open = false;
      // A pipe that is already broken is as closed as it gets.
      reader.cancel().catch(() => {});
    },
  };
}

function pipeSink(child: Deno.ChildProcess): ByteSink {
  const writer = child.stdin.getWriter();
  // The failure shows in write() or in the child's exit; this promise must not go unhandled.
  writer.closed.catch(() => {});
  let ended = false;
  return {
    write: (bytes) => writer.write(bytes),
    async end(): Promise<void> {
      if (ended) return;
      ended = true;
      await writer.close();
    },
    close(): void {
      if (ended) return;
      ended = true;
      writer.abort().catch(() => {});
    },
  };
}
