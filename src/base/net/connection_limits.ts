/**
 * How many connections a port takes, and how long one may say nothing.
 *
 * @module
 */

/** Limits of the connections of a port. */
export interface ConnectionLimits {
  /** Connections at once. @default {256} */
  readonly maxConnections: number;
  /**
   * Connections at once from one address; of IPv6, from one /64 network, which is what one client has.
   * @default {128}
   */
  readonly maxConnectionsPerClient: number;
  /** How long a connection may take to send its first byte, in milliseconds. @default {10_000} */
  readonly firstByteTimeoutMs: number;
  /** How long the head of a request may take to arrive, in milliseconds. @default {10_000} */
  readonly headTimeoutMs: number;
  /**
   * How long a connection is kept without a request, in milliseconds. Longer than the 90 seconds of Go's
   * client, so that an orchestrator never sends a request into a connection that closes.
   * @default {120_000}
   */
  readonly idleTimeoutMs: number;
  /** How long a client may take nothing of an answer, in milliseconds. @default {60_000} */
  readonly writeTimeoutMs: number;
}

/** The limits of a port that is given none. */
export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = Object.freeze({
  maxConnections: 256,
  maxConnectionsPerClient: 128,
  firstByteTimeoutMs: 10_000,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 120_000,
  writeTimeoutMs: 60_000,
});

/** Fills in the defaults. Throws a `RangeError` for a limit that is not above 0. */
export function resolveConnectionLimits(given: Partial<ConnectionLimits> = {}): ConnectionLimits {
  const limits = { ...DEFAULT_CONNECTION_LIMITS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    const isUsable = name.endsWith("Ms") ? value > 0 : Number.isSafeInteger(value) && value > 0;
    if (!isUsable) throw new RangeError(`Cannot limit ${name} to ${value}: use a number above 0`);
  }
  return limits;
}

/** What one client is by its address: IPv4 whole, IPv6 its /64 network. */
export function clientOf(address: string): string {
  const text = address.replace(/%.*$/, "").toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  if (mapped !== undefined) return mapped;
  if (!text.includes(":")) return text;
  const [head = "", tail] = text.split("::", 2);
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...new Array<string>(gap).fill("0"), ...after];
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":");
}
