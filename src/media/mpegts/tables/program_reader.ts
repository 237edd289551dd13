import { sameBytes } from "../../../base/bytes.ts";
import { MediaError } from "../../../base/errors.ts";
import { payloadStart } from "../packets/adaptation.ts";
import { ProgramTable, type SelectedProgram } from "./program_table.ts";
import { parsePat, parsePmt, type Pmt } from "./psi.ts";
import { putsOneUnitIntoEachPes } from "./sdt.ts";
import { SectionAssembler } from "./section_assembler.ts";
import type { DemuxCounters } from "../stats.ts";
import { PID } from "../numbers.ts";

/** What a {@linkcode ProgramReader} reports to. */
export interface ProgramSink {
  /** This program is read from now on, or its map says something else than before. */
  program(program: SelectedProgram): void;
  /** The program that was asked for is not among those in the stream. */
  missing(programNumbers: readonly number[]): void;
  /** The continuity counters of all PIDs may start anew here. */
  countersRestart(): void;
  /** The stream is of a muxer that puts one access unit into each PES packet. */
  knownMuxer(): void;
}

/** Reads the tables of a transport stream, and chooses the program that is read. */
export class ProgramReader {
  readonly #sink: ProgramSink;
  readonly #counters: DemuxCounters;
  readonly #programs = new ProgramTable();
  readonly #patSections: SectionAssembler;
  readonly #sdtSections: SectionAssembler;
  /** By PID. */
  readonly #pmtSections = new Map<number, SectionAssembler>();
  #patContinuity = -1;
  #pat: Uint8Array | undefined;
  #wanted: number | undefined;
  #isMissing = false;
  #isMuxerKnown = false;
  /** Whether anything of the program was read: then another of its rank does not replace it. */
  isStarted = false;

  /** Creates a reader in front of a stream. */
  constructor(options: { readonly sink: ProgramSink; readonly counters: DemuxCounters }) {
    this.#sink = options.sink;
    this.#counters = options.counters;
    this.#patSections = new SectionAssembler((section) => this.#readPat(section));
    this.#sdtSections = new SectionAssembler((section) => this.#readSdt(section));
  }

  /** The numbers of all programs, in the order of the table. */
  get programNumbers(): readonly number[] {
    return this.#programs.programNumbers;
  }

  /** Whether a certain program was asked for. */
  get isChosen(): boolean {
    return this.#wanted !== undefined;
  }

  /** Whether the muxer is known to put one access unit into each PES packet. */
  get isMuxerKnown(): boolean {
    return this.#isMuxerKnown;
  }

  /**
   * Reads the program with this number from now on, or from when its map comes; undefined: the first
   * one that has video, else the first that has audio. Returns whether that is another program than
   * before, of which nothing is known yet.
   */
  want(programNumber: number | undefined): boolean {
    if (programNumber === this.#wanted) return false;
    this.#wanted = programNumber;
    this.#isMissing = false;
    this.#programs.want(programNumber);
    this.#noticeMissing();
    const program = this.#programs.choose({ started: false });
    if (program !== undefined) this.#sink.program(program);
    return program === undefined;
  }

  /** Takes the packet at `at` of `data`, which may be of any PID. */
  packet(pid: number, data: Uint8Array, at: number): void {
    if (pid === PID.PAT) return this.#patPacket(data, at);
    if (pid === PID.SDT && !this.#isMuxerKnown) return pushSection(this.#sdtSections, data, at);
    const sections = this.#pmtSections.get(pid);
    if (sections !== undefined) pushSection(sections, data, at);
  }

  /** Forgets what is incomplete: the next packet need not follow the last. */
  reset(): void {
    this.#patSections.reset();
    for (const sections of this.#pmtSections.values()) sections.reset();
    this.#sdtSections.reset();
    this.#patContinuity = -1;
  }

  #patPacket(data: Uint8Array, at: number): void {
    const counter = data[at + 3]! & 15;
    const follows = this.#patContinuity < 0 || counter === (this.#patContinuity + 1 & 15);
    this.#patContinuity = counter;
    // Muxers start all counters anew with each file: most likely a segment was joined on here.
    if (!follows) this.#sink.countersRestart();
    pushSection(this.#patSections, data, at);
  }

  #readPat(section: Uint8Array): void {
    if (this.#pat !== undefined && sameBytes(this.#pat, section)) return;
    const pat = this.#parse(() => parsePat(section));
    if (pat === undefined) return;
    this.#pat = section.slice();
    if (!this.#programs.takePat(pat)) return;
    const pids = this.#programs.pmtPids;
    for (const pid of this.#pmtSections.keys()) {
      if (!pids.has(pid)) this.#pmtSections.delete(pid);
    }
    for (const pid of pids) {
      if (this.#pmtSections.has(pid)) continue;
      this.#pmtSections.set(pid, new SectionAssembler((section) => this.#readPmt(section, pid)));
    }
    this.#noticeMissing();
  }

  /** A program that is asked for and not there is told once. */
  #noticeMissing(): void {
    const all = this.#programs.programNumbers;
    const isThere = this.#wanted === undefined || all.length === 0 || all.includes(this.#wanted);
    if (!isThere && !this.#isMissing) this.#sink.missing(all);
    this.#isMissing ||= !isThere;
  }

  #readPmt(section: Uint8Array, pid: number): void {
    const parse = (): Pmt | undefined => this.#parse(() => parsePmt(section));
    const program = this.#programs.takePmt(section, pid, { started: this.isStarted, parse });
    if (program !== undefined) this.#sink.program(program);
  }

  #readSdt(section: Uint8Array): void {
    if (!putsOneUnitIntoEachPes(section)) return;
    this.#isMuxerKnown = true;
    this.#sink.knownMuxer();
  }

  #parse<T>(parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      // Damaged input is the sender's: counted, and the next table is as good.
      if (!(error instanceof MediaError)) throw error;
      this.#counters.badSections++;
      return undefined;
    }
  }
}

/** Hands the payload of a packet of tables on. */
function pushSection(sections: SectionAssembler, data: Uint8Array, at: number): void {
  if ((data[at + 3]! & 0x10) === 0) return;
  const unitStart = (data[at + 1]! & 0x40) !== 0;
  sections.push(data, payloadStart(data, at), { at, unitStart });
}
