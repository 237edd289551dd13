/**
 * Text on standard output and on standard error.
 *
 * @module
 */

/** Where text goes: `Deno.stdout` is one. It may take a part of the bytes at a time. */
export interface TextOutput {
  writeSync(bytes: Uint8Array): number;
}

/** Writes all of a text. */
export function writeText(text: string, output: TextOutput): void {
  const bytes = new TextEncoder().encode(text);
  for (let offset = 0; offset < bytes.length;) offset += output.writeSync(bytes.subarray(offset));
}
