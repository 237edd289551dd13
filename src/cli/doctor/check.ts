/**
 * What `doctor` says of one thing that it looked for.
 *
 * @module
 */

/** One thing that was looked for. */
export interface Check {
  readonly name: string;
  /** `none`: not there, and everything works without it. */
  readonly status: "ok" | "none" | "missing";
  /** What was found. */
  readonly found: string;
  /** What to do about it; absent where there is nothing to do. */
  readonly advice?: string;
}

/** One line for people. */
export function formatCheck({ name, status, found, advice }: Check): string {
  const marks = { ok: "ok", none: "-", missing: "MISSING" } as const;
  const what = advice === undefined ? found : `${found}: ${advice}`;
  return `${marks[status].padEnd(8)}${name.padEnd(20)}${what}\n`;
}
