/**
 * The bytes of a trickle channel into a file or onto standard output.
 *
 * @module
 */

import { ConfigError, describeError } from "../base/mod.ts";
import type { SegmentSource } from "../trickle/mod.ts";

/** A file or standard output, open for writing. */
export interface OutputFile extends Disposable {
  /** Writes all of the bytes. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Opens a file and empties it; `-` is standard output. Throws a `ConfigError` where that fails. */
export async function openOutput(path: string): Promise<OutputFile> {
  if (path === "-") {
    return { write: (bytes) => writeAll(Deno.stdout, bytes), [Symbol.dispose]: () => {} };
  }
  try {
    const file = await Deno.open(path, { write: true, create: true, truncate: true });
    return {
      write: (bytes) => writeAll(file, bytes),
      [Symbol.dispose]: () => file.close(),
    };
  } catch (cause) {
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot write ${path}: ${describeError(cause)}; name a file that can be written`,
      { cause },
    );
  }
}

/**
 * Copies all segments of a channel. Resolves to `"ended"` at its end, and to `"unread"` when
 * whoever read the output has left.
 */
export async function copyChannel(
  source: SegmentSource,
  output: OutputFile,
): Promise<"ended" | "unread"> {
  for await (const segment of source) {
    for await (const chunk of segment.body) {
      try {
        await output.write(chunk);
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) return "unread";
        throw error;
      }
    }
  }
  return "ended";
}

async function writeAll(
  writer: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let offset = 0; offset < bytes.length;) {
    offset += await writer.write(bytes.subarray(offset));
  }
}
