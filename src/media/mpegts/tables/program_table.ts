import { sameBytes } from "../../../base/bytes.ts";
import type { Pat, PatProgram, Pmt } from "./psi.ts";
import { identifyStreams } from "./streams.ts";

/** A program and what its map says. */
export interface SelectedProgram {
  readonly programNumber: number;
  readonly pmt: Pmt;
}

/** How much of what is wanted a program has. */
const RANK = { NOTHING: 0, AUDIO: 1, VIDEO: 2 } as const;

/** Of what is not in the stream (any more). */
const NO_RANK = -1;

interface KnownProgram {
  readonly pmtPid: number;
  /** The section as it came, to tell a change from a repetition. */
  section: Uint8Array | undefined;
  pmt: Pmt | undefined;
  rank: number;
}

/**
 * The programs of a transport stream, and which of them is read: the first of the table that has
 * video, else the first that has audio. Programs whose map never comes are passed over. What is
 * read stays, unless a program turns up that has more of what is wanted, or one earlier in the
 * table does before anything was read.
 */
export class ProgramTable {
  /** PAT sections by their number, of one version. */
  readonly #sections = new Map<number, readonly PatProgram[]>();
  readonly #programs = new Map<number, KnownProgram>();
  #version = -1;
  #selected: SelectedProgram | undefined;
  #wanted: number | undefined;
  /** Whether a map came for the second time, so that those before it had their turn. */
  #cycled = false;

  /** The numbers of all programs, in the order of the table. */
  get programNumbers(): readonly number[] {
    return [...this.#programs.keys()];
  }

  /** The PIDs of all program maps. */
  get pmtPids(): ReadonlySet<number> {
    return new Set([...this.#programs.values()].map(({ pmtPid }) => pmtPid));
  }

  /** Reads this program only; undefined: the first that has what is wanted. */
  want(programNumber: number | undefined): void {
    if (programNumber === this.#wanted) return;
    this.#wanted = programNumber;
    // What was chosen for its place in the table was not chosen for its number, and vice versa.
    this.#selected = undefined;
  }

  /** Takes a section of the table. Returns whether the program maps are on other PIDs now. */
  takePat(pat: Pat): boolean {
    if (pat.version !== this.#version) this.#sections.clear();
    this.#version = pat.version;
    this.#sections.set(pat.sectionNumber, pat.programs);
    // A program may have moved: until its section came, the old place is as good as any.
    const isWhole = this.#sections.size > pat.lastSectionNumber;
    const listed = [...this.#sections].sort(([a], [b]) => a - b).flatMap(([, list]) => list);
    let changed = false;
    const order: [number, KnownProgram][] = [];
    for (const { programNumber, pmtPid } of listed) {
      const known = this.#programs.get(programNumber);
      const same = known?.pmtPid === pmtPid;
      changed ||= !same;
      order.push([
        programNumber,
        same ? known : { pmtPid, section: undefined, pmt: undefined, rank: RANK.NOTHING },
      ]);
    }
    const names = new Set(order.map(([programNumber]) => programNumber));
    const others = [...this.#programs].filter(([programNumber]) => !names.has(programNumber));
    if (!isWhole) order.push(...others);
    else if (others.length > 0) changed = true;
    this.#programs.clear();
    for (const [programNumber, known] of order) this.#programs.set(programNumber, known);
    return changed;
  }

  /**
   * Takes a program map that came on a PID. Returns the program that is to be read from now on, where
   * that is another, or its map says something else than before. `started`: whether anything was
   * read of the one before.
   */
  takePmt(
    section: Uint8Array,
    pmtPid: number,
    options: { readonly started: boolean; readonly parse: () => Pmt | undefined },
  ): SelectedProgram | undefined {
    // Every map comes many times a second: only one that differs is parsed.
    const repeated = [...this.#programs.values()].some((known) =>
      known.section !== undefined && sameBytes(known.section, section)
    );
    if (repeated) {
      this.#cycled = true;
      return this.choose(options);
    }
    const pmt = options.parse();
    if (pmt === undefined) return undefined;
    const programNumber = this.#programOf(pmt, pmtPid);
    if (programNumber === undefined) return undefined;
    const known = this.#programs.get(programNumber)!;
    known.section = section.slice();
    known.pmt = pmt;
    known.rank = rankOf(pmt);
    const isCurrent = programNumber === this.#selected?.programNumber;
    if (isCurrent) this.#selected = { programNumber, pmt };
    return this.choose(options) ?? (isCurrent ? this.#selected : undefined);
  }

  /** Which of the programs on a PID a map is of. Where there is only one, its number may be wrong. */
  #programOf(pmt: Pmt, pmtPid: number): number | undefined {
    const here = [...this.#programs].filter(([, known]) => known.pmtPid === pmtPid);
    const named = here.find(([programNumber]) => programNumber === pmt.programNumber);
    return (named ?? (here.length === 1 ? here[0] : undefined))?.[0];
  }

  /**
   * Chooses among the programs whose maps are known. Returns the one that is to be read, where that is
   * another than before.
   */
  choose({ started }: { readonly started: boolean }): SelectedProgram | undefined {
    const best = this.#best();
    if (best === undefined) return undefined;
    const current = this.#selected;
    const known = current === undefined ? undefined : this.#programs.get(current.programNumber);
    const rank = known?.rank ?? NO_RANK;
    const isSame = best.programNumber === current?.programNumber;
    if (isSame || rank === best.rank && started) return undefined;
    const { programNumber, pmt } = best;
    return this.#selected = { programNumber, pmt };
  }

  #best(): (SelectedProgram & { readonly rank: number }) | undefined {
    let best: (SelectedProgram & { readonly rank: number }) | undefined;
    for (const [programNumber, { pmt, rank }] of this.#programs) {
      const isWanted = this.#wanted === undefined || this.#wanted === programNumber;
      if (!isWanted || pmt === undefined) continue;
      if (rank === RANK.NOTHING && !this.#isComplete()) continue;
      if (best === undefined || rank > best.rank) best = { programNumber, pmt, rank };
    }
    return best;
  }

  /** Whether no map is still to be waited for before one without media is announced. */
  #isComplete(): boolean {
    return this.#cycled || [...this.#programs.values()].every(({ pmt }) => pmt !== undefined);
  }
}

function rankOf(pmt: Pmt): number {
  const kinds = identifyStreams(pmt).map(({ kind }) => kind);
  if (kinds.includes("video")) return RANK.VIDEO;
  return kinds.includes("audio") ? RANK.AUDIO : RANK.NOTHING;
}
