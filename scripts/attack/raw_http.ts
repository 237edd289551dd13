/**
 * HTTP/1.1 as an attacker writes it: byte by byte, with headers that `fetch` would not send.
 *
 * @module
 */

/** A server that is attacked. */
export interface Target {
  /** Without a slash at its end. */
  readonly url: URL;
  /** What its requests must carry, where there is something. */
  readonly token: string | undefined;
  /** Authorities in PEM whose certificates are taken beside those of the system. @default none */
  readonly caCerts?: readonly string[];
}

/** What came back over a connection. */
export interface Exchange {
  readonly text: string;
  /** Whether the server closed the connection in time. */
  readonly isClosed: boolean;
}

/** An answer; its status is 0 where none came. */
export interface Answer extends Exchange {
  readonly status: number;
  /** By names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A request. */
export interface Ask {
  readonly method?: string;
  /** Below the URL of the target, as it is: nothing is normalized. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether it carries the token. @default {false} */
  readonly hasToken?: boolean;
  /** How long an answer may take in milliseconds. @default {10_000} */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

/** Most bytes of an answer that are read. */
const MAX_ANSWER_BYTES = 1 << 20;

/** Opens a connection. Rejects where nothing listens. */
export async function connect({ url, caCerts = [] }: Target): Promise<Deno.Conn> {
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const isTls = url.protocol === "https:";
  const port = Number(url.port || (isTls ? 443 : 80));
  return isTls
    ? await Deno.connectTls({ hostname, port, caCerts: [...caCerts] })
    : await Deno.connect({ hostname, port });
}

/** Sends bytes over a connection of its own, and reads what comes until the end or the time is over. */
export async function exchange(
  target: Target,
  bytes: string,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<Exchange> {
  let connection: Deno.Conn;
  try {
    connection = await connect(target);
  } catch {
    return { text: "", isClosed: true }; // nobody listens, or nobody is let in
  }
  return await exchangeOver(connection, bytes, timeoutMs);
}

/** The same over a connection that is open; it is closed in the end. */
export async function exchangeOver(
  connection: Deno.Conn,
  bytes: string,
  timeoutMs: number = TIMEOUT_MS,
): Promise<Exchange> {
  let isLate = false;
  let text = "";
  const timer = setTimeout(() => {
    isLate = true;
    close(connection);
  }, timeoutMs);
  const decoder = new TextDecoder("latin1");
  const writing = writeAll(connection, new TextEncoder().encode(bytes));
  try {
    const buffer = new Uint8Array(65_536);
    while (text.length < MAX_ANSWER_BYTES) {
      const count = await connection.read(buffer);
      if (count === null) break;
      text += decoder.decode(buffer.subarray(0, count));
    }
  } catch {
    // reset by the server, or closed by the timer
  } finally {
    clearTimeout(timer);
    close(connection);
    await writing;
  }
  return { text, isClosed: !isLate };
}

/** Asks as a client does. Never rejects: an answer that does not come has status 0. */
export async function ask(target: Target, request: Ask): Promise<Answer> {
  const { timeoutMs = TIMEOUT_MS } = request;
  return parse(await exchange(target, requestText(target, request), { timeoutMs }));
}

/** The bytes of a request that wants the connection to be closed after it. */
export function requestText(
  { url, token }: Target,
  { method = "GET", path, headers = {}, body, hasToken = false }: Ask,
): string {
  const all: Record<string, string> = {
    host: url.host,
    connection: "close",
    ...(hasToken && token !== undefined ? { authorization: `Bearer ${token}` } : {}),
    ...(body === undefined ? {} : { "content-length": `${new TextEncoder().encode(body).length}` }),
    ...headers,
  };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const base = url.pathname.replace(/\/+$/, "");
  return `${method} ${base}${path} HTTP/1.1\r\n${head}\r\n${body ?? ""}`;
}

/** Reads the first answer of what came. */
export function parse(came: Exchange): Answer {
  const [head = ""] = came.text.split("\r\n\r\n", 1);
  const [first = "", ...lines] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
  const headers = new Map(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  return { ...came, status, headers };
}

/** Gives a connection back; it may be gone already. */
export function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // the timer was faster
  }
}

/** A server that answers early takes no more. */
async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  } catch {
    // what came back says what the server thinks of it
  }
}
