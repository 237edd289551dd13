/**
 * Which access unit the times of a PES packet belong to.
 *
 * Spec: ISO/IEC 13818-1 section 2.4.3.7 (PTS): the first access unit that commences in the packet.
 */

/** The most PES packets that one picture may come in. */
const MAX_STAMPS = 65_536;

/** The 33-bit times of a PES packet, and where its payload begins. */
export interface Stamp {
  readonly at: number;
  readonly pts: number;
  readonly dts: number;
}

/** Where an access unit lies in the elementary stream. */
export interface UnitPlace {
  /** Where it begins, or up to where, if SEI in front may be of the unit before. */
  readonly from: number;
  /** Where that SEI begins. */
  readonly earliest: number;
  /** Where its picture begins. */
  readonly pictureAt: number;
}

interface KeptStamp {
  readonly at: number;
  readonly pts: number | undefined;
  readonly dts: number | undefined;
  claimed: boolean;
}

/** The times of the PES packets whose access units have not come yet. */
export class PesStamps {
  #stamps: KeptStamp[] = [];

  /** A PES packet begins at `at`, with these times or none. */
  begin(stamp: { at: number; pts: number | undefined; dts: number | undefined }): void {
    if (this.#stamps.length >= MAX_STAMPS) this.#stamps.splice(0, MAX_STAMPS >> 1);
    this.#stamps.push({ ...stamp, claimed: false });
  }

  /** Forgets all of them. */
  clear(): void {
    this.#stamps = [];
  }

  /**
   * The time of the PES packet that a unit begins in, if no other began there before. `isLikely` says
   * whether it can be the time of a PES packet that begins within the unit, in front of its picture;
   * `end` is where that one ends, `isBefore` whether the unit may begin behind it.
   */
  claim(
    { from, earliest, pictureAt }: UnitPlace,
    isLikely: (stamp: Stamp, place: { end: number | undefined; isBefore: boolean }) => boolean,
  ): Stamp | undefined {
    const stamps = this.#stamps;
    this.#dropBefore(earliest);
    const [kept] = stamps;
    if (earliest < from && kept?.pts !== undefined && !kept.claimed) {
      const stamp = { at: kept.at, pts: kept.pts, dts: kept.dts ?? kept.pts };
      if (stamps[1] !== undefined && stamps[1].at <= from) {
        kept.claimed = isLikely(stamp, { end: stamps[1].at, isBefore: true });
        if (kept.claimed) return stamp;
      }
    }
    this.#dropBefore(from);
    for (let index = 0; index < stamps.length; index++) {
      const kept = stamps[index]!;
      const { at, pts, dts } = kept;
      if (index > 0 && at > pictureAt) return undefined;
      if (pts === undefined || kept.claimed) continue;
      const stamp = { at, pts, dts: dts ?? pts };
      const place = { end: stamps[index + 1]?.at, isBefore: false };
      if (index > 0 && !isLikely(stamp, place)) return undefined;
      kept.claimed = true;
      return stamp;
    }
    return undefined;
  }

  /** Forgets the PES packets that end before a position. */
  #dropBefore(position: number): void {
    const stamps = this.#stamps;
    let first = 0;
    while (first + 1 < stamps.length && stamps[first + 1]!.at <= position) first++;
    if (first > 0) stamps.splice(0, first);
  }
}
