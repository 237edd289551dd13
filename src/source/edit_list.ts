/**
 * Edit lists of MP4 and QuickTime files.
 *
 * Spec: ISO/IEC 14496-12 sections 4.2 (boxes), 8.3.1 (tracks) and 8.6.6 (`elst`).
 */

/** Boxes that are looked at: a damaged file may have any number of them. */
const MAX_BOXES = 10_000;

/** Entries of one list that are read. */
const MAX_EDITS = 1_000;

/** Bytes of an `elst` in front of its entries, and the entries of version 0 and 1. */
const LIST_HEAD_BYTES = 8;
const ENTRY_BYTES = [12, 20] as const;

/** Bytes of `largesize`. */
const LARGE_SIZE_BYTES = 8;
const BOX_HEAD_BYTES = 8;

interface Box {
  readonly type: string;
  /** Where its content begins and ends in the file. */
  readonly from: number;
  readonly to: number;
}

/**
 * How many parts of its media each track of a file shows, in the order of the tracks; 1 where it has no
 * edit list. Empty for a file that has no tracks or cannot be read.
 */
export async function countEdits(path: string): Promise<number[]> {
  try {
    using file = await Deno.open(path);
    const { size } = await file.stat();
    return await new EditReader(file).count(size);
  } catch (error) {
    // ffmpeg reports what is wrong with the file.
    if (!(error instanceof Deno.errors.NotFound || error instanceof RangeError)) throw error;
    return [];
  }
}

class EditReader {
  readonly #file: Deno.FsFile;
  #boxes = 0;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  async count(size: number): Promise<number[]> {
    const counts: number[] = [];
    const movie = (await this.#children({ type: "", from: 0, to: size })).find(isOf("moov"));
    if (movie === undefined) return counts;
    for (const track of (await this.#children(movie)).filter(isOf("trak"))) {
      const edits = (await this.#children(track)).find(isOf("edts"));
      const list = edits && (await this.#children(edits)).find(isOf("elst"));
      counts.push(list === undefined ? 1 : await this.#countShown(list));
    }
    return counts;
  }

  async #children({ from, to }: Box): Promise<Box[]> {
    const boxes: Box[] = [];
    for (let at = from; at + BOX_HEAD_BYTES <= to && this.#boxes < MAX_BOXES; this.#boxes++) {
      const head = await this.#read(at, Math.min(to - at, BOX_HEAD_BYTES + LARGE_SIZE_BYTES));
      const short = head.getUint32(0);
      const isLarge = short === 1;
      const size = short === 0 ? to - at : isLarge ? Number(head.getBigUint64(8)) : short;
      const headBytes = BOX_HEAD_BYTES + (isLarge ? LARGE_SIZE_BYTES : 0);
      if (size < headBytes || at + size > to) break;
      const type = String.fromCharCode(...new Uint8Array(head.buffer, head.byteOffset + 4, 4));
      boxes.push({ type, from: at + headBytes, to: at + size });
      at += size;
    }
    return boxes;
  }

  /** Entries that show something: a pause has the media time -1. */
  async #countShown({ from, to }: Box): Promise<number> {
    const head = await this.#read(from, LIST_HEAD_BYTES);
    const isWide = head.getUint8(0) === 1;
    const bytes = ENTRY_BYTES[isWide ? 1 : 0];
    const fitting = Math.floor((to - from - LIST_HEAD_BYTES) / bytes);
    const count = Math.min(head.getUint32(4), fitting, MAX_EDITS);
    const entries = await this.#read(from + LIST_HEAD_BYTES, count * bytes);
    let shown = 0;
    for (let index = 0; index < count; index++) {
      const at = index * bytes + (isWide ? 8 : 4);
      const mediaTime = isWide ? entries.getBigInt64(at) : BigInt(entries.getInt32(at));
      if (mediaTime >= 0n) shown++;
    }
    return shown;
  }

  /** Reads bytes of the file. Throws a `RangeError` where it ends before. */
  async #read(at: number, bytes: number): Promise<DataView> {
    const buffer = new Uint8Array(bytes);
    await this.#file.seek(at, Deno.SeekMode.Start);
    for (let filled = 0; filled < bytes;) {
      const count = await this.#file.read(buffer.subarray(filled));
      if (count === null) throw new RangeError(`The file ends ${bytes - filled} bytes early`);
      filled += count;
    }
    return new DataView(buffer.buffer);
  }
}

function isOf(type: string): (box: Box) => boolean {
  return (box) => box.type === type;
}
