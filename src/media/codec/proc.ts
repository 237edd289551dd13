/**
 * What Linux says of a process in /proc: its children, its sockets, how it is and what it has done.
 * Elsewhere, and where /proc may not be read, nothing is known.
 *
 * @module
 */

/** What a child does at one moment. */
export interface ProcessActivity {
  /** Whether it was stopped by a signal or a debugger: it does nothing until somebody lets it go on. */
  readonly isStopped: boolean;
  /** Whether it waits for something that happens: its input, its output, or another thread. */
  readonly isAsleep: boolean;
  /** Processor time of all its threads, in nanoseconds. A thread that ends takes its time with it. */
  readonly cpuNs: number;
}

// ffmpeg may be a wrapper script, and so the child of our child.
const MAX_DEPTH = 4;
const NS_PER_TICK = 10_000_000;

/** What `/proc` cannot say, because the process is gone or there is no `/proc`. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const isReadable = (): boolean =>
  Deno.build.os === "linux" && readable(() => Deno.readTextFileSync("/proc/net/tcp")) !== undefined;
let isKnown: boolean | undefined;

/** Whether this machine has a `/proc` that this process may read. Asked once. */
export function hasProc(): boolean {
  return isKnown ??= isReadable();
}

/** A process and those that it started, as far as they are still below it. */
export function processTree(pid: number, depth = MAX_DEPTH): number[] {
  if (depth === 0) return [pid];
  const children = threads(pid).flatMap((thread) => {
    const list = readable(() => Deno.readTextFileSync(`/proc/${pid}/task/${thread}/children`));
    return (list ?? "").split(" ").filter((id) => id.trim() !== "").map(Number);
  });
  return [pid, ...children.flatMap((child) => processTree(child, depth - 1))];
}

/** The name of a process and when it started, in ticks since the machine did. */
export function startOf(
  pid: number,
): { readonly name: string; readonly startTicks: number } | undefined {
  const stat = readable(() => Deno.readTextFileSync(`/proc/${pid}/stat`));
  if (stat === undefined) return undefined;
  const end = stat.lastIndexOf(")");
  const startTicks = Number(stat.slice(end + 2).split(" ")[19]);
  return { name: stat.slice(stat.indexOf("(") + 1, end), startTicks };
}

/** What a process that may read `/proc` told this one, which may not; undefined while none did. */
let told: ReadonlyMap<number, ProcessActivity> | undefined;
/** Processes that this one wants to know of. */
const wanted = new Set<number>();

/** Takes what another process found out about the processes of {@linkcode takeWantedPids}. */
export function tellActivities(activities: ReadonlyMap<number, ProcessActivity>): void {
  told = activities;
}

/** The processes that were asked about since the last call and could not be looked at. */
export function takeWantedPids(): number[] {
  const pids = [...wanted];
  wanted.clear();
  return pids;
}

/** Whether {@linkcode activityOf} may know something. */
export function knowsActivity(): boolean {
  return told !== undefined || hasProc();
}

/**
 * What a process and those below it do now; undefined when it is gone or nothing is known. The same object
 * as the last time where nothing new is known.
 */
export function activityOf(pid: number): ProcessActivity | undefined {
  if (!hasProc()) {
    wanted.add(pid);
    return told?.get(pid);
  }
  const states = new Set<string>();
  let cpuNs = 0;
  for (const process of processTree(pid)) {
    for (const thread of threads(process)) {
      const folder = `/proc/${process}/task/${thread}`;
      const stat = readable(() => Deno.readTextFileSync(`${folder}/stat`));
      if (stat === undefined) continue;
      // The name, in parentheses, may hold anything.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      states.add(fields[0]!);
      const times = readable(() => Deno.readTextFileSync(`${folder}/schedstat`));
      cpuNs += times === undefined
        ? (Number(fields[11]) + Number(fields[12])) * NS_PER_TICK
        : Number.parseInt(times);
    }
  }
  if (states.size === 0 || states.has("Z") || states.has("X")) return undefined;
  return {
    isStopped: states.has("T") || states.has("t"),
    isAsleep: !states.has("R") && !states.has("D"),
    cpuNs,
  };
}

/** How often a socket that the child may just be closing is looked at. */
const LOOKS = 3;

/**
 * Who holds the other end of a connection that was accepted on 127.0.0.1: a process of the tree, another
 * process, or nobody any more, which is also said while the process exits.
 */
export async function ownerOf(
  { remotePort, localPort }: { readonly remotePort: number; readonly localPort: number },
  pid: number,
): Promise<"child" | "other" | "nobody"> {
  for (let look = 0; look < LOOKS; look++) {
    const table = await Deno.readTextFile("/proc/net/tcp");
    const inode = inodeOf(table, `:${hex(remotePort)}`, `:${hex(localPort)}`);
    if (inode === undefined || inode === "0") return "nobody";
    const files = processTree(pid).map(openFiles);
    if (files.flat().includes(`socket:[${inode}]`)) return "child";
    // A process that exits lets go of its files first, and then they are closed.
    if (files[0]!.length === 0) return "nobody";
  }
  return "other";
}

/** The port from which a process, or one below it, is connected to a port of 127.0.0.1. */
export async function sourcePortOf(localPort: number, pid: number): Promise<number | undefined> {
  const files = new Set(processTree(pid).flatMap(openFiles));
  const table = await Deno.readTextFile("/proc/net/tcp").catch(() => "");
  for (const fields of rowsOf(table, hex(localPort))) {
    if (!fields[2]?.endsWith(`:${hex(localPort)}`) || !files.has(`socket:[${fields[9]}]`)) continue;
    return Number.parseInt(fields[1]!.split(":")[1]!, 16);
  }
  return undefined;
}

/** Whether a process listens on this port of 127.0.0.1. */
export function isListenerOf(port: number, pid: number): boolean {
  const table = readable(() => Deno.readTextFileSync("/proc/net/tcp")) ?? "";
  const inode = inodeOf(table, `:${hex(port)}`, ":0000");
  return inode !== undefined && inode !== "0" && openFiles(pid).includes(`socket:[${inode}]`);
}

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const names = readable(() => [...Deno.readDirSync(folder)].map(({ name }) => name)) ?? [];
  return names.flatMap((name) => readable(() => Deno.readLinkSync(`${folder}/${name}`)) ?? []);
}

/** The inode of the socket between these two ports of the loopback addresses; "0" without a holder. */
function inodeOf(table: string, local: string, remote: string): string | undefined {
  for (const fields of rowsOf(table, local.slice(1))) {
    if (fields[1]?.endsWith(local) && fields[2]?.endsWith(remote)) return fields[9];
  }
  return undefined;
}

/** The fields of the rows with this port, in hexadecimal. A table may have thousands of others. */
function* rowsOf(table: string, port: string): Generator<string[]> {
  let at = -1;
  while ((at = table.indexOf(`:${port} `, at + 1)) >= 0) {
    const end = table.indexOf("\n", at);
    const row = table.slice(table.lastIndexOf("\n", at) + 1, end < 0 ? undefined : end);
    yield row.trim().split(/\s+/);
  }
}

function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}

function threads(pid: number): string[] {
  return readable(() => [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => name)) ?? [];
}
