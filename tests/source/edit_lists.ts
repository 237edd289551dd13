/** MP4 files with edit lists that no muxer at hand writes. */

/** A part of a file that is shown: from when, and for how long, in seconds. */
export type ShownPart = readonly [from: number, seconds: number];

/** The file with an edit list of these parts in each track. Its `moov` must stand behind its media. */
export function withEdits(mp4: Uint8Array, parts: readonly ShownPart[]): Uint8Array {
  const { before, moov } = splitAtMovie(mp4);
  const movieScale = scaleOf(find(moov, ["mvhd"])!);
  const children = boxes(moov).map((box) => {
    if (typeOf(box) !== "trak") return box;
    const mediaScale = scaleOf(find(box.subarray(8), ["mdia", "mdhd"])!);
    const entries = parts.flatMap(([from, seconds]) => [
      ...u32(Math.round(seconds * movieScale)),
      ...u32(Math.round(from * mediaScale)),
      ...[0, 1, 0, 0],
    ]);
    const list = makeBox("elst", [...u32(0), ...u32(parts.length), ...entries]);
    const edits = makeBox("edts", [...list]);
    const rest = boxes(box.subarray(8)).filter((inner) => typeOf(inner) !== "edts");
    const [header, ...others] = rest;
    return makeBox("trak", [...header!, ...edits, ...others.flatMap((other) => [...other])]);
  });
  return Uint8Array.from([...before, ...makeBox("moov", children.flatMap((box) => [...box]))]);
}

function splitAtMovie(mp4: Uint8Array): { before: Uint8Array; moov: Uint8Array } {
  let at = 0;
  for (const box of boxes(mp4)) {
    if (typeOf(box) === "moov") return { before: mp4.subarray(0, at), moov: box.subarray(8) };
    at += box.length;
  }
  throw new Error("There is no moov box");
}

function boxes(data: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at + 8 <= data.length;) {
    const size = new DataView(data.buffer, data.byteOffset + at).getUint32(0);
    found.push(data.subarray(at, at + size));
    at += size;
  }
  return found;
}

function find(data: Uint8Array, [first, ...rest]: readonly string[]): Uint8Array | undefined {
  const box = boxes(data).find((one) => typeOf(one) === first);
  return box === undefined || rest.length === 0 ? box : find(box.subarray(8), rest);
}

/** The time scale of a `mvhd` or `mdhd` of version 0. */
function scaleOf(box: Uint8Array): number {
  return new DataView(box.buffer, box.byteOffset).getUint32(20);
}

function typeOf(box: Uint8Array): string {
  return String.fromCharCode(...box.subarray(4, 8));
}

function makeBox(type: string, content: readonly number[]): Uint8Array {
  const letters = [...type].map((letter) => letter.charCodeAt(0));
  return Uint8Array.from([...u32(content.length + 8), ...letters, ...content]);
}

function u32(value: number): number[] {
  return [value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255];
}
