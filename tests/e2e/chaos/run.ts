/** The chaos run: faults one after the other, and what must hold after each and at the end. */

import { delay } from "../../waiting.ts";
import { createRandom } from "../../media/mpegts/fixtures.ts";
import type { Footprint } from "../footprint.ts";
import type { ChaosStream } from "./chaos_stream.ts";
import { FAULTS } from "./faults.ts";
import { ChaosRig, type EndedStream } from "./rig.ts";

/** Pictures that must come out after a fault. */
const PROOF = 4;
/** Longer than any time limit of the worker in a row: a stream that shows nothing for so long is dead. */
const RECOVERY_MS = 90_000;
const MAX_MORE_DESCRIPTORS = 4;
const MAX_MORE_THREADS = 4;
const MAX_MORE_BYTES = 160 * 2 ** 20;
/** How a stream may end with frames on their way. */
const CUT_SHORT: ReadonlySet<string> = new Set(["stopped", "failed", "output-closed"]);

/** What one kind of fault has done. */
export interface FaultRow {
  readonly fault: string;
  count: number;
  /** Streams that ended, by reason. */
  readonly ended: Map<string, number>;
  /** Frames lost, by reason. */
  readonly lost: Map<string, number>;
  longestOutageMs: number;
}

/** What a run found. */
export interface ChaosReport {
  readonly seed: number;
  readonly rows: readonly FaultRow[];
  /** What should hold and did not; empty for a good run. */
  readonly broken: readonly string[];
  readonly streams: readonly EndedStream[];
  readonly before: Footprint;
  readonly after: Footprint;
  readonly pictures: number;
  /** Frames that were acknowledged and that a reader who skipped nothing has not seen, with their stream. */
  readonly unseen: readonly string[];
  readonly seconds: number;
}

/** Options of {@linkcode runChaos}. */
export interface ChaosOptions {
  readonly faults: number;
  readonly seed: number;
  /** More arguments of `serve`. */
  readonly args?: readonly string[];
  /** Only faults whose name has this in it. @default all */
  readonly only?: string;
  /** Takes a line for each fault, and what the worker warned of meanwhile. */
  readonly print?: (line: string) => void;
}

/** Lets faults loose on a worker of its own. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const random = createRandom(options.seed);
  await using rig = await ChaosRig.start({
    random,
    ...(options.args === undefined ? {} : { args: options.args }),
  });
  return await new ChaosRun(rig, options).run();
}

class ChaosRun {
  readonly #rig: ChaosRig;
  readonly #options: ChaosOptions;
  readonly #rows = new Map<string, FaultRow>();
  readonly #broken: string[] = [];
  #printedLines = 0;

  constructor(rig: ChaosRig, options: ChaosOptions) {
    this.#rig = rig;
    this.#options = options;
  }

  async run(): Promise<ChaosReport> {
    const { faults, seed, only = "" } = this.#options;
    const rig = this.#rig;
    const kinds = FAULTS.filter(({ name }) => name.includes(only));
    // Code that was compiled, pools that were filled: the worker's own level is that after a first life.
    for (let life = 0; life < 2; life++) {
      await this.#startAll();
      if (life === 0) await rig.settle();
    }
    const before = await rig.settle();
    const startMs = performance.now();
    await this.#startAll();
    for (let count = 0; count < faults && this.#broken.length === 0; count++) {
      await this.#cause(kinds[rig.random(kinds.length)]!, count);
    }
    for (const stream of rig.streams) stream.calm();
    const after = await this.#settledTo(before);
    await this.#checkAccounts();
    return {
      seed,
      rows: [...this.#rows.values()],
      broken: this.#broken,
      streams: rig.ended,
      before,
      after,
      pictures: rig.streams.reduce((sum, { pictures }) => sum + pictures, 0),
      unseen: this.#unseen(),
      seconds: (performance.now() - startMs) / 1_000,
    };
  }

  async #startAll(): Promise<void> {
    for (const stream of this.#rig.streams) {
      await stream.start();
      if (!await this.#shows(stream, stream.pictures + PROOF)) {
        throw new Error(`Stream ${stream.name} shows nothing before any fault`);
      }
    }
  }

  async #cause(fault: typeof FAULTS[number], count: number): Promise<void> {
    const rig = this.#rig;
    const row = this.#rowOf(fault.name);
    const stream = rig.streams[rig.random(rig.streams.length)]!;
    const [endedBefore, lostBefore] = [rig.ended.length, await rig.losses()];
    for (const each of rig.streams) each.watch();
    row.count++;
    await fault.run(stream, rig);
    const alive = await Promise.all(rig.streams.map((each) => this.#recover(each)));
    const outageMs = Math.max(...rig.streams.map(({ longestGapMs }) => longestGapMs));
    row.longestOutageMs = Math.max(row.longestOutageMs, outageMs);
    for (const { ended } of rig.ended.slice(endedBefore)) addTo(row.ended, ended, 1);
    for (const [reason, value] of await rig.losses()) {
      addTo(row.lost, reason, value - (lostBefore.get(reason) ?? 0));
    }
    rig.streams.forEach((each, index) => {
      if (alive[index] !== true) {
        this.#broken.push(`fault ${count}, ${fault.name}: stream ${each.name} does not go on`);
      }
    });
    const outages = rig.streams.map(({ longestGapMs }) => Math.round(longestGapMs)).join(", ");
    this.#options.print?.(`${count} ${fault.name} on ${stream.name}: ${outages} ms`);
    const { log } = rig.worker;
    for (const line of log.slice(this.#printedLines)) {
      if (!line.includes('"level":"info"')) this.#options.print?.(`    ${line}`);
    }
    this.#printedLines = log.length;
  }

  /** Waits until a stream shows new pictures. One that has ended is started again. */
  async #recover(stream: ChaosStream): Promise<boolean> {
    const wanted = stream.pictures + PROOF;
    if (await this.#shows(stream, wanted)) return true;
    if ((await this.#rig.active()).has(stream.name)) return false;
    await stream.start();
    return await this.#shows(stream, stream.pictures + PROOF);
  }

  /** Waits until so many pictures have come out; false when the stream has ended, or after a long time. */
  async #shows(stream: ChaosStream, pictures: number): Promise<boolean> {
    const untilMs = performance.now() + RECOVERY_MS;
    let looks = 0;
    while (stream.pictures < pictures) {
      if (performance.now() > untilMs) return false;
      if (looks++ % 20 === 19 && !(await this.#rig.active()).has(stream.name)) return false;
      await delay(10);
    }
    return true;
  }

  /** Stops everything and looks at what is left until it is no more than before, or for long enough. */
  async #settledTo(before: Footprint): Promise<Footprint> {
    const untilMs = performance.now() + RECOVERY_MS;
    for (;;) {
      const now = await this.#rig.settle();
      const isBack = now.descriptors <= before.descriptors + MAX_MORE_DESCRIPTORS &&
        now.threads <= before.threads + MAX_MORE_THREADS &&
        now.residentBytes <= before.residentBytes + MAX_MORE_BYTES;
      if (isBack) return now;
      if (performance.now() > untilMs) {
        this.#broken.push(`left behind: ${JSON.stringify(now)} after ${JSON.stringify(before)}`);
        return now;
      }
      await delay(500);
    }
  }

  async #checkAccounts(): Promise<void> {
    const rig = this.#rig;
    if (await rig.health() !== "IDLE") this.#broken.push(`health is ${await rig.health()}`);
    for (const stream of rig.ended) {
      const { frames_in, frames_out, frames_consumed, frames_dropped_by_reason } = stream;
      const dropped = Object.values(frames_dropped_by_reason).reduce((sum, n) => sum + n, 0);
      const isWhole = frames_in === frames_out + frames_consumed + dropped;
      const onTheirWay = frames_dropped_by_reason["stop"] ?? 0;
      const isExplained = onTheirWay >= 0 && (onTheirWay === 0 || CUT_SHORT.has(stream.ended));
      if (!isWhole || !isExplained) this.#broken.push(`accounts of ${JSON.stringify(stream)}`);
    }
    const started = rig.streams.reduce((sum, { lives }) => sum + lives, 0);
    if (rig.ended.length !== started) {
      this.#broken.push(`${started} streams began, and ${rig.ended.length} have ended`);
    }
  }

  /** What was acknowledged must have come out: nothing is lost that nobody counts. */
  #unseen(): string[] {
    const ended = new Map(this.#rig.ended.map((stream) => [stream.stream, stream]));
    return this.#rig.streams.flatMap(({ seen }) => seen).flatMap((life) => {
      const { frames_out, frames_lost } = ended.get(life.name) ?? { frames_out: 0, frames_lost: 0 };
      const missing = frames_out - frames_lost - life.pictures;
      return missing > 0
        ? [`${missing} of ${life.name}: ${JSON.stringify({ ...life, frames_out, frames_lost })}`]
        : [];
    });
  }

  #rowOf(fault: string): FaultRow {
    const row = this.#rows.get(fault) ??
      { fault, count: 0, ended: new Map(), lost: new Map(), longestOutageMs: 0 };
    this.#rows.set(fault, row);
    return row;
  }
}

function addTo(counts: Map<string, number>, name: string, count: number): void {
  if (count !== 0) counts.set(name, (counts.get(name) ?? 0) + count);
}

/** The report as lines of a table. */
export function tableOf({ rows }: ChaosReport): string[] {
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
  const cells = [
    ["fault", "times", "streams ended", "frames lost", "longest outage"],
    ...rows.toSorted((a, b) => a.fault < b.fault ? -1 : 1).map((row) => [
      row.fault,
      `${row.count}`,
      list(row.ended),
      list(row.lost),
      `${(row.longestOutageMs / 1_000).toFixed(1)} s`,
    ]),
  ];
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const lines = cells.map((row) => `| ${row.map((c, i) => c.padEnd(widths[i]!)).join(" | ")} |`);
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [lines[0]!, rule, ...lines.slice(1)];
}
