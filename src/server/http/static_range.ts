/**
 * Parts of files: RFC 9110 section 14.
 *
 * @module
 */

/** Bytes from `start` to before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The range that a header asks for in a file of `size` bytes; undefined for the whole file, which
 * is also the answer to what is not understood and to several ranges at once (section 14.2).
 */
export function parseRange(
  header: string | null,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replace(/\s/g, "") ?? "");
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const count = Math.min(Number(last), size);
    return count === 0 ? "unsatisfiable" : { start: size - count, end: size };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) return "unsatisfiable";
  return { start, end: last === "" ? size : Math.min(Number(last) + 1, size) };
}

/** The bytes of a part of a file; it is closed at the end, and when nobody wants the rest. */
export async function sliceFile(
  path: string,
  start: number,
  end: number,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const file = await Deno.open(path);
  let left = end - start;
  try {
    if (start > 0) await file.seek(start, Deno.SeekMode.Start);
  } catch (error) {
    file.close();
    throw error;
  }
  return new ReadableStream({
    async pull(controller) {
      try {
        const buffer = new Uint8Array(Math.min(left, CHUNK_BYTES));
        const count = left === 0 ? null : await file.read(buffer);
        if (count !== null) {
          left -= count;
          return controller.enqueue(buffer.subarray(0, count));
        }
      } catch (error) {
        file.close();
        throw error;
      }
      file.close();
      // A file that shrank would otherwise pass for whole: its length was promised.
      if (left > 0) controller.error(new Error(`${left} bytes are missing at the end`));
      else controller.close();
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });
}

const CHUNK_BYTES = 64 * 1024;
